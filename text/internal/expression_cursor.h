#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace neph::text::internal {

inline constexpr std::size_t kExpressionBytesMax = 16'384;
inline constexpr int kExpressionDepthMax = 64;

/// Reads an expression from left to right; errors name the place. Holds a view of the source.
class ExpressionCursor {
 public:
  explicit ExpressionCursor(std::string_view source) : source_(source) {}

  /// \returns kInvalid when the source is longer than kExpressionBytesMax
  [[nodiscard]] Result<void> check_length() const;
  void skip_space();
  [[nodiscard]] bool at_end() const { return at_ == source_.size(); }
  /// '\0' at the end.
  [[nodiscard]] char peek(std::size_t ahead = 0) const;
  /// Skips white space, then takes that character if it is the next.
  bool take(char wanted);
  /// Characters up to the first in `ends` or white space; may be empty.
  std::string_view take_word(std::string_view ends);
  /// After a double quote; \" stands for a quote.
  [[nodiscard]] Result<std::string> take_quoted();
  /// One level deeper; leave() ends it.
  [[nodiscard]] Result<void> enter();
  void leave() { --depth_; }
  /// An error at the current place: "Parse error: expected X at character 7 of "..."".
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view what) const;

 private:
  std::string_view source_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

/// A decimal number, nothing before it and nothing behind it.
[[nodiscard]] std::optional<double> number_from(std::string_view text);
/// Attribute names do not distinguish case.
[[nodiscard]] std::string upper_case(std::string_view name);

}  // namespace neph::text::internal
