#include "compute/internal/stored.h"

#include "db/database.h"

namespace neph::compute {
namespace {
constexpr std::string_view kVectorName = "V";
}  // namespace

text::Template stored_template(const std::string& text) {
  auto parsed = text::Template::parse(text, text::kStoredLimits);
  if (!parsed)
    throw db::Failure({Errc::kInternal, "a stored template is damaged", parsed.error().text()});
  return std::move(*parsed);
}

text::Vector stored_vector(const std::string& text) {
  const auto holder = stored_template(text);
  const auto* vector = holder.find_vector(kVectorName);
  return vector == nullptr ? text::Vector{} : *vector;
}

std::string to_stored(const text::Vector& vector) {
  text::Template holder;
  holder.add(kVectorName, vector);
  return holder.to_text();
}

}  // namespace neph::compute
