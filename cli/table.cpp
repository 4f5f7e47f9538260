#include "cli/table.h"

#include <algorithm>
#include <numeric>

#include "base/result.h"

namespace neph::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kWidthMin = 4;

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::string padded(const std::string& cell, std::size_t width, Align align) {
  const std::string shown = cut_to(cell, width);
  const std::string blanks(width - display_width(shown), ' ');
  return align == Align::kRight ? blanks + shown : shown + blanks;
}

void rstrip(std::string& line) {
  const auto last = line.find_last_not_of(' ');
  line.erase(last == std::string::npos ? 0 : last + 1);
}

std::string csv_cell(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char byte : cell) {
    if (byte == '"') quoted += '"';
    quoted += byte;
  }
  return quoted + '"';
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    line += csv_cell(cells[i]);
  }
  return line + '\n';
}

/// Takes from the widest column that may shrink, until all fit or none can give more.
void shrink_to(std::vector<std::size_t>& widths, const std::vector<Column>& columns,
               std::size_t room) {
  auto total = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  while (total > room) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (columns[i].shrink == Shrink::kNever || widths[i] <= kWidthMin) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
    --total;
  }
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !is_continuation(byte); }));
}

std::string cut_to(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t shown = 0;
  std::size_t end = 0;
  while (end < text.size() && (is_continuation(text[end]) || shown < width - 1)) {
    if (!is_continuation(text[end])) ++shown;
    ++end;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string one_line(std::string_view text) {
  std::string line(text);
  const auto is_control = [](char byte) {
    return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F;
  };
  std::replace_if(line.begin(), line.end(), is_control, ' ');
  return line;
}

void Table::add(std::vector<std::string> cells) {
  NEPH_ASSERT(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text(std::size_t width, Header header) const {
  std::vector<std::vector<std::string>> lines;
  if (header == Header::kShown) {
    lines.emplace_back();
    for (const auto& column : columns_) lines.back().push_back(column.title);
  }
  for (const auto& row : rows_) {
    lines.emplace_back();
    for (const auto& cell : row) lines.back().push_back(one_line(cell));
  }
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], display_width(line[i]));
  if (width > 0) shrink_to(widths, columns_, width);
  std::string text;
  for (const auto& line : lines) {
    std::string shown;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i > 0) shown.append(kGap, ' ');
      shown += padded(line[i], widths[i], columns_[i].align);
    }
    rstrip(shown);
    text += shown + '\n';
  }
  return text;
}

std::string Table::csv(Header header) const {
  std::string text;
  if (header == Header::kShown) {
    std::vector<std::string> titles;
    for (const auto& column : columns_) titles.push_back(column.title);
    text += csv_line(titles);
  }
  for (const auto& row : rows_) text += csv_line(row);
  return text;
}

}  // namespace neph::cli
