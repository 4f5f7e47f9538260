#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/template.h"

/// Texts of configuration values to values, nullopt for texts that are none. Pure functions.
namespace neph::daemon {

/// Decimal, no sign, no blanks; nullopt outside of the bounds too.
[[nodiscard]] std::optional<std::int64_t> number_from(std::string_view text, std::int64_t min,
                                                      std::int64_t max);
/// YES, NO and what OpenNebula takes for these, in any case.
[[nodiscard]] std::optional<bool> yes_or_no_from(std::string_view text);
/// Three octal digits, with or without a 0 before them.
[[nodiscard]] std::optional<int> umask_from(std::string_view text);
/// Parts between commas or blanks, without empty ones.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);
/// Bits of ACL rules in "USE+MANAGE"; 0 for "" and "-".
[[nodiscard]] std::optional<std::int64_t> rights_from(std::string_view text);
[[nodiscard]] std::string text_of_rights(std::int64_t rights);
/// What stands between the brackets of NAME = [ ... ].
[[nodiscard]] std::string text_of_vector(const text::Vector& vector);
/// The way back; nullopt for what no vector could be.
[[nodiscard]] std::optional<text::Vector> vector_from(std::string_view text);

}  // namespace neph::daemon
