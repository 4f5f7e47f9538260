#pragma once

#include <string>
#include <string_view>

#include "text/template.h"

/// What the text form, the XML form and the stored form of templates share.
namespace neph::text::internal {

[[nodiscard]] constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
[[nodiscard]] constexpr bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
/// Without white space at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// The form in which names are stored; never empty.
[[nodiscard]] std::string canonical_name(std::string_view name);
/// canonical_name(asked) == stored, without the copy.
[[nodiscard]] bool is_same_name(std::string_view stored, std::string_view asked);
/// The form in which values are stored. Nothing is copied of one that has it already.
[[nodiscard]] std::string canonical_value(std::string value);

[[nodiscard]] Result<Template> parse_text(std::string_view source, const Limits& limits);
[[nodiscard]] Result<Template> parse_xml(std::string_view source, const Limits& limits);

}  // namespace neph::text::internal
