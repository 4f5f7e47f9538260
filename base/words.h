#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Words and lists in text that people and clients wrote. A view lives as long as the text. Any
/// thread.
namespace neph {

/// What stands between commas, as it is; nothing after a comma at the end.
[[nodiscard]] std::vector<std::string_view> between_commas(std::string_view text);
[[nodiscard]] std::string_view without_blanks(std::string_view text);
/// Letters of ASCII in capitals, or small; the others as they are.
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);

}  // namespace neph
