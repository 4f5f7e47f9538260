#include "base/numbers.h"

#include <charconv>

namespace neph {

std::optional<std::int64_t> integer_from(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<std::int64_t> natural_from(std::string_view text) {
  const auto number = integer_from(text);
  return number && *number >= 0 ? number : std::nullopt;
}

}  // namespace neph
