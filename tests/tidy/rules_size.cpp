#include <algorithm>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace neph::tidy {
namespace {

constexpr int kFunctionLinesMax = 70;
constexpr int kNestingMax = 3;
constexpr std::size_t kFileLinesMax = 600;
constexpr long kLineColumnsMax = 100;

/// UTF-8: bytes that go on with a letter take no column.
long columns(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

bool has_columns(const File& file) {
  return file.is_code() || file.path.ends_with(".sh") || file.path.ends_with(".sql") ||
         file.path.ends_with(".cmake") || file.path.ends_with("CMakeLists.txt") ||
         file.path == "run" || file.path == "test";
}

}  // namespace

Findings functions_are_short(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    for (const Function& function : functions_of(file)) {
      if (function.length() <= kFunctionLinesMax) continue;
      findings.push_back({file.path, function.first_line,
                          fmt::format("a function of {} lines; at most {}", function.length(),
                                      kFunctionLinesMax)});
    }
  }
  return findings;
}

Findings nesting_is_shallow(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    for (const Function& function : functions_of(file)) {
      if (function.deepest_nesting <= kNestingMax) continue;
      findings.push_back({file.path, function.deepest_line,
                          fmt::format("{} blocks within each other; at most {}",
                                      function.deepest_nesting, kNestingMax)});
    }
  }
  return findings;
}

Findings files_are_short(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (!file.is_code() || file.lines.size() <= kFileLinesMax) continue;
    findings.push_back({file.path, 1,
                        fmt::format("{} lines; at most {}", file.lines.size(), kFileLinesMax)});
  }
  return findings;
}

Findings lines_are_short(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (!has_columns(file)) continue;
    for (int number = 1; const Line& line : file.lines) {
      const long width = columns(line.text);
      if (width > kLineColumnsMax) {
        findings.push_back({file.path, number,
                            fmt::format("{} columns; at most {}", width, kLineColumnsMax)});
      }
      ++number;
    }
  }
  return findings;
}

}  // namespace neph::tidy
