#pragma once

#include <string_view>
#include <vector>

/// Lists in text that people and clients wrote. What is returned lives as long as the text. Any
/// thread.
namespace neph {

/// What stands between commas, as it is; nothing after a comma at the end.
[[nodiscard]] std::vector<std::string_view> between_commas(std::string_view text);
[[nodiscard]] std::string_view without_blanks(std::string_view text);

}  // namespace neph
