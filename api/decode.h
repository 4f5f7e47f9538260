#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/value.h"
#include "base/ids.h"

/// From XML-RPC values to the fields of argument structs. The words of the faults are those of
/// xmlrpc-c's paramList, which OpenNebula's users know, with the position and name of the culprit
/// behind them. Position 0 is the session. Pure functions, for any thread.
namespace neph::api {

/// An integer for which some clients send a boolean: the operation of one.vm.recover, which old
/// clients knew as true (success) and false (failure).
struct IntOrBool {
  std::int64_t value = 0;
};

/// Whose value it is, for the words of a fault.
struct Place {
  std::size_t position = 0;
  std::string_view name;
};

[[nodiscard]] OrFault<std::int64_t> decode_integer(const Value& value, Place place);
/// Also an integer 0 or 1.
[[nodiscard]] OrFault<bool> decode_boolean(const Value& value, Place place);
/// Also an integer.
[[nodiscard]] OrFault<double> decode_double(const Value& value, Place place);
[[nodiscard]] OrFault<std::string> decode_string(const Value& value, Place place);
[[nodiscard]] OrFault<std::vector<std::int64_t>> decode_integers(const Value& value, Place place);
[[nodiscard]] OrFault<IntOrBool> decode_integer_or_boolean(const Value& value, Place place);
/// The fault for an integer outside the range of its parameter's type.
[[nodiscard]] tl::unexpected<Fault> integer_out_of_range(std::int64_t number, Place place);

/// How one field type comes off the wire: `type` for signatures, `read` for values. A new field
/// type is one more specialisation; there is no default, so an unknown one does not compile.
template <class T>
struct Codec;

template <>
struct Codec<bool> {
  static constexpr std::string_view type = "boolean";
  static OrFault<bool> read(const Value& value, Place place) {
    return decode_boolean(value, place);
  }
};

template <>
struct Codec<double> {
  static constexpr std::string_view type = "double";
  static OrFault<double> read(const Value& value, Place place) {
    return decode_double(value, place);
  }
};

template <>
struct Codec<std::string> {
  static constexpr std::string_view type = "string";
  static OrFault<std::string> read(const Value& value, Place place) {
    return decode_string(value, place);
  }
};

template <>
struct Codec<std::vector<std::int64_t>> {
  static constexpr std::string_view type = "array";
  static OrFault<std::vector<std::int64_t>> read(const Value& value, Place place) {
    return decode_integers(value, place);
  }
};

template <>
struct Codec<IntOrBool> {
  static constexpr std::string_view type = "int";
  static OrFault<IntOrBool> read(const Value& value, Place place) {
    return decode_integer_or_boolean(value, place);
  }
};

template <class T>
  requires std::signed_integral<T>
struct Codec<T> {
  static constexpr std::string_view type = "int";
  static OrFault<T> read(const Value& value, Place place) {
    const auto number = decode_integer(value, place);
    if (!number) return tl::unexpected(number.error());
    if (!std::in_range<T>(*number)) return integer_out_of_range(*number, place);
    return static_cast<T>(*number);
  }
};

/// An enumeration travels as its number. Whether the number names an enumerator is the handler's
/// question: OpenNebula answers that with an error, not with a fault.
template <class T>
  requires std::is_enum_v<T>
struct Codec<T> {
  static constexpr std::string_view type = "int";
  static OrFault<T> read(const Value& value, Place place) {
    const auto number = decode_integer(value, place);
    if (!number) return tl::unexpected(number.error());
    if (!std::in_range<std::underlying_type_t<T>>(*number)) {
      return integer_out_of_range(*number, place);
    }
    return static_cast<T>(*number);
  }
};

template <class Tag>
struct Codec<Id<Tag>> {
  static constexpr std::string_view type = "int";
  static OrFault<Id<Tag>> read(const Value& value, Place place) {
    const auto number = decode_integer(value, place);
    if (!number) return tl::unexpected(number.error());
    return Id<Tag>{*number};
  }
};

/// nullopt stands for a parameter that was not sent; one that was sent is read as a T.
template <class T>
struct Codec<std::optional<T>> {
  static constexpr std::string_view type = Codec<T>::type;
  static OrFault<std::optional<T>> read(const Value& value, Place place) {
    auto inner = Codec<T>::read(value, place);
    if (!inner) return tl::unexpected(std::move(inner.error()));
    return std::optional<T>(std::move(*inner));
  }
};

}  // namespace neph::api
