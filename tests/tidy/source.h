#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The tree as the architecture rules see it: text, no parser.
namespace neph::tidy {

struct Line {
  std::string text;     ///< as it stands in the file
  std::string code;     ///< the same columns with comments and the insides of literals blanked
  std::string comment;  ///< what its comments say, empty without any
};

struct File {
  std::string path;  ///< from the top of the tree, with /
  std::vector<Line> lines;

  [[nodiscard]] bool is_in(std::string_view folder) const;  ///< "base", "drivers/hypervisor"
  [[nodiscard]] bool is_header() const { return path.ends_with(".h"); }
  [[nodiscard]] bool is_cpp() const { return path.ends_with(".cpp"); }
  /// C++ or C.
  [[nodiscard]] bool is_code() const { return is_header() || is_cpp() || path.ends_with(".c"); }
  [[nodiscard]] std::string room() const;  ///< its first folder, empty at the top
  [[nodiscard]] std::string name() const;  ///< its last part
};

using Tree = std::vector<File>;

/// Reads one file's text into lines; `path` decides whether it is taken as code.
[[nodiscard]] File read_text(std::string path, std::string_view text);

/// Every text file that belongs to the project: no build folders, nothing hidden but .ci.
[[nodiscard]] Tree read_tree(const std::string& top);

/// `#include "x"` and `#include <x>` of one file.
struct Include {
  int line = 0;
  std::string path;
  bool is_quoted = false;
};
[[nodiscard]] std::vector<Include> includes_of(const File& file);

/// Whether `word` stands in `text` with no letter, digit or _ on either side.
[[nodiscard]] bool has_word(std::string_view text, std::string_view word);

/// A function or a test with a body, found by counting braces.
struct Function {
  int first_line = 0;
  int last_line = 0;
  int deepest_nesting = 0;  ///< control blocks (if, for, ...) within each other
  int deepest_line = 0;
  [[nodiscard]] int length() const { return last_line - first_line + 1; }
};
[[nodiscard]] std::vector<Function> functions_of(const File& file);

}  // namespace neph::tidy
