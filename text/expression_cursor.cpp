#include "text/internal/expression_cursor.h"

#include <algorithm>
#include <charconv>

#include "text/internal/template_parts.h"

namespace neph::text::internal {

Result<void> ExpressionCursor::check_length() const {
  if (source_.size() <= kExpressionBytesMax) return {};
  return fail(Errc::kInvalid, "Parse error: the expression has {} bytes, {} are allowed",
              source_.size(), kExpressionBytesMax);
}

void ExpressionCursor::skip_space() {
  while (!at_end() && is_space(source_[at_])) ++at_;
}

char ExpressionCursor::peek(std::size_t ahead) const {
  return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
}

bool ExpressionCursor::take(char wanted) {
  skip_space();
  if (at_end() || source_[at_] != wanted) return false;
  ++at_;
  return true;
}

std::string_view ExpressionCursor::take_word(std::string_view ends) {
  const std::size_t begin = at_;
  while (!at_end() && !is_space(source_[at_]) && ends.find(source_[at_]) == std::string_view::npos)
    ++at_;
  return source_.substr(begin, at_ - begin);
}

Result<std::string> ExpressionCursor::take_quoted() {
  std::string value;
  for (std::size_t at = at_; at < source_.size(); ++at) {
    const bool is_escape = source_[at] == '\\' && at + 1 < source_.size() && source_[at + 1] == '"';
    if (source_[at] == '"') {
      at_ = at + 1;
      return value;
    }
    if (is_escape) ++at;
    value += source_[at];
  }
  return refuse("a quote is not closed, it began before");
}

Result<void> ExpressionCursor::enter() {
  if (++depth_ > kExpressionDepthMax)
    return refuse(fmt::format("more than {} levels of parentheses", kExpressionDepthMax));
  return {};
}

tl::unexpected<Error> ExpressionCursor::refuse(std::string_view what) const {
  // Enough of the text to find the place, little enough for a message.
  constexpr std::size_t kShownBefore = 30;
  constexpr std::size_t kShownAfter = 20;
  const std::size_t begin = at_ > kShownBefore ? at_ - kShownBefore : 0;
  const std::size_t end = std::min(source_.size(), at_ + kShownAfter);
  const std::string_view end_note = at_end() ? ", where it ends" : "";
  return fail(Errc::kInvalid, "Parse error: {} at character {}{}, in: {}{}{}", what, at_ + 1,
              end_note, begin > 0 ? "..." : "", source_.substr(begin, end - begin),
              end < source_.size() ? "..." : "");
}

std::optional<double> number_from(std::string_view text) {
  // from_chars would also take "inf" and "nan", which are words here.
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string_view::npos)
    return std::nullopt;
  if (text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string upper_case(std::string_view name) {
  std::string result(name);
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

}  // namespace neph::text::internal
