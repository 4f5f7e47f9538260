#include "compute/internal/stored.h"

#include "db/stored_template.h"

namespace neph::compute {
namespace {
constexpr std::string_view kVectorName = "V";
}  // namespace

text::Vector stored_vector(const std::string& text) {
  const auto holder = db::stored_template(text);
  const auto* vector = holder.find_vector(kVectorName);
  return vector == nullptr ? text::Vector{} : *vector;
}

std::string to_stored(const text::Vector& vector) {
  text::Template holder;
  holder.add(kVectorName, vector);
  return holder.to_text();
}

}  // namespace neph::compute
