#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neph::cli {

enum class Align { kLeft, kRight };
/// Whether a column gives way when the terminal is too narrow.
enum class Shrink { kNever, kMayShrink };
enum class Header { kShown, kHidden };

struct Column {
  std::string title;
  Align align = Align::kLeft;
  Shrink shrink = Shrink::kNever;
};

/// Rows of text under titles. A value type; no thread rules.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell per column.
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }

  /// Aligned columns with two blanks between them. Cells are one line: line feeds and control
  /// characters become blanks, so that no text of the server can steer the terminal.
  /// \param width  columns of the terminal; 0 when nobody looks, then nothing is cut
  [[nodiscard]] std::string text(std::size_t width, Header header) const;

  /// RFC 4180, with line feeds alone at the ends of lines.
  [[nodiscard]] std::string csv(Header header) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Characters of UTF-8 `text`, which is what a terminal shows of it in most scripts.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// At most `width` characters; what was cut off shows as an ellipsis.
[[nodiscard]] std::string cut_to(std::string_view text, std::size_t width);
/// Control characters become blanks.
[[nodiscard]] std::string one_line(std::string_view text);

}  // namespace neph::cli
