#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

/// Numbers in text that people and clients wrote. Any thread.
namespace neph {

/// The whole of `text` as a decimal number that fits; no blanks, no '+'.
[[nodiscard]] std::optional<std::int64_t> integer_from(std::string_view text);
/// The same from 0 on: ids and amounts.
[[nodiscard]] std::optional<std::int64_t> natural_from(std::string_view text);

}  // namespace neph
