#include "api/value.h"

#include <array>

namespace neph::api {

std::string_view type_name(const Value& value) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "value of another type", "int", "i8", "boolean", "double", "string", "array", "struct"};
  static_assert(std::variant_size_v<Value::Data> == kNames.size());
  return kNames[value.data.index()];
}

}  // namespace neph::api
