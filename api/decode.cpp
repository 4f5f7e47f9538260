#include "api/decode.h"

#include <fmt/format.h>

#include <cmath>

namespace neph::api {
namespace {

tl::unexpected<Fault> wrong_type(std::string_view wanted, const Value& value, Place place) {
  return fault(
      FaultCode::kType,
      fmt::format("Parameter that is supposed to be {} is not: parameter {} ({}) is of type {}",
                  wanted, place.position, place.name, type_name(value)));
}

std::optional<std::int64_t> integer_in(const Value& value) {
  if (const auto* narrow = std::get_if<std::int32_t>(&value.data)) return *narrow;
  if (const auto* wide = std::get_if<std::int64_t>(&value.data)) return *wide;
  return std::nullopt;
}

}  // namespace

OrFault<std::int64_t> decode_integer(const Value& value, Place place) {
  if (const auto number = integer_in(value)) return *number;
  return wrong_type("integer", value, place);
}

OrFault<bool> decode_boolean(const Value& value, Place place) {
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  const auto number = integer_in(value);
  if (number == 0 || number == 1) return number == 1;
  return wrong_type("boolean", value, place);
}

OrFault<double> decode_double(const Value& value, Place place) {
  const auto* number = std::get_if<double>(&value.data);
  if (number != nullptr && std::isfinite(*number)) return *number;  // the parser lets "nan" pass
  if (const auto whole = integer_in(value)) return static_cast<double>(*whole);
  return wrong_type("floating point number", value, place);
}

OrFault<std::string> decode_string(const Value& value, Place place) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  return wrong_type("a string", value, place);
}

OrFault<std::vector<std::int64_t>> decode_integers(const Value& value, Place place) {
  const auto* items = std::get_if<Array>(&value.data);
  if (items == nullptr) return wrong_type("an array", value, place);
  std::vector<std::int64_t> numbers;
  numbers.reserve(items->size());
  for (const auto& item : *items) {
    const auto number = decode_integer(item, place);
    if (!number) return tl::unexpected(number.error());
    numbers.push_back(*number);
  }
  return numbers;
}

OrFault<IntOrBool> decode_integer_or_boolean(const Value& value, Place place) {
  if (const auto* flag = std::get_if<bool>(&value.data)) return IntOrBool{*flag ? 1 : 0};
  const auto number = decode_integer(value, place);
  if (!number) return tl::unexpected(number.error());
  return IntOrBool{*number};
}

tl::unexpected<Fault> integer_out_of_range(std::int64_t number, Place place) {
  return fault(FaultCode::kType, fmt::format("Parameter {} ({}) is out of range: {}",
                                             place.position, place.name, number));
}

}  // namespace neph::api
