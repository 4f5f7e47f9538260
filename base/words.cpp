#include "base/words.h"

#include <algorithm>

namespace neph {

std::vector<std::string_view> between_commas(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    words.push_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return words;
}

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace neph
