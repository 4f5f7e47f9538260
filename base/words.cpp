#include "base/words.h"

#include <algorithm>

namespace neph {
namespace {

/// The 26 letters from `first` on become those from `fresh` on.
std::string shifted(std::string_view text, char first, char fresh) {
  std::string result(text);
  for (char& letter : result)
    if (letter >= first && letter < first + 26) letter = static_cast<char>(letter - first + fresh);
  return result;
}

}  // namespace

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

std::string upper(std::string_view text) { return shifted(text, 'a', 'A'); }

std::string lower(std::string_view text) { return shifted(text, 'A', 'a'); }

}  // namespace neph
