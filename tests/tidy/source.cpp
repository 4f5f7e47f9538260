#include "tests/tidy/source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace neph::tidy {
namespace {

namespace fs = std::filesystem;

bool is_word_char(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
}

/// Walks through C++ text and tells for each letter whether it is code, comment or literal.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text), code_(text), comment_(text.size(), ' ') {}

  void scan() {
    while (at_ < text_.size()) step();
  }
  [[nodiscard]] const std::string& code() const { return code_; }
  [[nodiscard]] const std::string& comment() const { return comment_; }

 private:
  [[nodiscard]] bool looking_at(std::string_view word) const {
    return text_.substr(at_).starts_with(word);
  }

  void step() {
    if (looking_at("//")) {
      take_comment(std::min(text_.find('\n', at_), text_.size()));
    } else if (looking_at("/*")) {
      const auto end = text_.find("*/", at_ + 2);
      take_comment(end == std::string_view::npos ? text_.size() : end + 2);
    } else if (looking_at("R\"") && (at_ == 0 || !is_word_char(text_[at_ - 1]))) {
      take_raw_string();
    } else if (text_[at_] == '"') {
      take_literal('"');
    } else if (text_[at_] == '\'' && !is_digit_separator()) {
      take_literal('\'');
    } else {
      ++at_;
    }
  }

  [[nodiscard]] bool is_digit_separator() const {
    return at_ > 0 && std::isxdigit(static_cast<unsigned char>(text_[at_ - 1])) != 0;
  }

  void take_comment(std::size_t end) {
    for (; at_ < end; ++at_) {
      if (text_[at_] == '\n') continue;
      comment_[at_] = text_[at_];
      code_[at_] = ' ';
    }
  }

  void blank_until(std::size_t end) {
    for (; at_ < end; ++at_) {
      if (text_[at_] != '\n') code_[at_] = ' ';
    }
  }

  void take_raw_string() {
    const auto open = text_.find('(', at_);
    if (open == std::string_view::npos) {
      at_ = text_.size();
      return;
    }
    const std::string closing = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
    const auto close = text_.find(closing, open);
    at_ += 2;
    blank_until(close == std::string_view::npos ? text_.size() : close + closing.size() - 1);
    if (at_ < text_.size()) ++at_;
  }

  void take_literal(char quote) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
      const std::size_t step = text_[at_] == '\\' ? 2 : 1;
      blank_until(std::min(at_ + step, text_.size()));
    }
    if (at_ < text_.size()) ++at_;
  }

  std::string_view text_;
  std::string code_;
  std::string comment_;
  std::size_t at_ = 0;
};

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

bool is_ours(const fs::path& relative) {
  const std::string first = relative.begin()->string();
  if (first.starts_with(".")) return first == ".ci" || first == ".clang-format";
  return !first.starts_with("build") && first != "var";
}

bool is_text_file(const fs::path& path) {
  static constexpr std::array kEndings = {".h", ".cpp", ".c",   ".md",   ".txt",     ".cmake",
                                          ".sh", ".sql", ".conf", ".json", ".service", ""};
  const auto ending = path.extension().string();
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

/// Follows braces through a file and collects the functions.
class FunctionFinder {
 public:
  explicit FunctionFinder(const File& file) : file_(file) {}

  std::vector<Function> find() {
    bool is_directive = false;
    for (int number = 1; const Line& line : file_.lines) {
      // Macros may hold half a function; their lines are not counted.
      const bool begins_directive = trimmed(line.code).starts_with("#");
      if (begins_directive || is_directive) {
        is_directive = line.code.ends_with("\\");
      } else {
        for (const char letter : line.code) take(letter, number);
        statement_ += ' ';
      }
      ++number;
    }
    return found_;
  }

 private:
  enum class Kind { kContainer, kFunction, kControl, kOther };
  struct Block {
    Kind kind;
    int first_line;
  };

  void take(char letter, int line) {
    if (letter == '{') {
      open(line);
    } else if (letter == '}') {
      close(line);
    } else if (letter == ';' && parentheses() <= 0) {
      statement_.clear();
    } else {
      if (trimmed(statement_).empty()) statement_line_ = line;
      statement_ += letter;
    }
  }

  [[nodiscard]] long parentheses() const {
    return std::count(statement_.begin(), statement_.end(), '(') -
           std::count(statement_.begin(), statement_.end(), ')');
  }

  [[nodiscard]] bool is_in_function() const {
    return std::any_of(blocks_.begin(), blocks_.end(),
                       [](const Block& block) { return block.kind == Kind::kFunction; });
  }

  [[nodiscard]] Kind kind_of_statement() const {
    if (is_in_function()) return begins_with_control_word() ? Kind::kControl : Kind::kOther;
    const bool has_call = statement_.find('(') != std::string::npos;
    for (const auto* word : {"namespace", "class", "struct", "enum", "union", "extern"}) {
      if (has_word(statement_, word) && !has_call) return Kind::kContainer;
    }
    const bool is_value = statement_.find(" = ") != std::string::npos &&
                          statement_.find("operator") == std::string::npos &&
                          statement_.find(" = ") > statement_.rfind(')');
    return has_call && parentheses() == 0 && !is_value ? Kind::kFunction : Kind::kOther;
  }

  [[nodiscard]] bool begins_with_control_word() const {
    const std::string text = trimmed(statement_);
    for (const auto* word : {"if", "else", "for", "while", "switch", "do", "try", "catch"}) {
      if (text.starts_with(word) && !is_word_char(text[std::min(std::string_view(word).size(),
                                                               text.size() - 1)])) {
        return true;
      }
      if (text == word) return true;
    }
    return false;
  }

  void open(int line) {
    const Kind kind = kind_of_statement();
    blocks_.push_back({kind, kind == Kind::kFunction ? statement_line_ : line});
    statement_.clear();
    if (kind == Kind::kFunction) current_ = {};
    if (kind == Kind::kControl) note_nesting(line);
  }

  void note_nesting(int line) {
    const auto depth = static_cast<int>(
        std::count_if(blocks_.begin(), blocks_.end(),
                      [](const Block& block) { return block.kind == Kind::kControl; }));
    if (depth <= current_.deepest_nesting) return;
    current_.deepest_nesting = depth;
    current_.deepest_line = line;
  }

  void close(int line) {
    statement_.clear();
    if (blocks_.empty()) return;
    const Block block = blocks_.back();
    blocks_.pop_back();
    if (block.kind != Kind::kFunction) return;
    current_.first_line = block.first_line;
    current_.last_line = line;
    found_.push_back(current_);
  }

  const File& file_;
  std::vector<Function> found_;
  std::vector<Block> blocks_;
  Function current_;
  std::string statement_;
  int statement_line_ = 1;
};

}  // namespace

bool File::is_in(std::string_view folder) const {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

std::string File::room() const {
  const auto slash = path.find('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string File::name() const {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

File read_text(std::string path, std::string_view text) {
  File file{std::move(path), {}};
  const auto texts = split_lines(text);
  if (!file.is_code()) {
    for (const auto& line : texts) file.lines.push_back({line, line, {}});
    return file;
  }
  Scanner scanner(text);
  scanner.scan();
  const auto codes = split_lines(scanner.code());
  std::string comment_text = scanner.comment();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') comment_text[at] = '\n';
  }
  const auto comments = split_lines(comment_text);
  for (std::size_t at = 0; at < texts.size(); ++at) {
    file.lines.push_back({texts[at], codes[at], trimmed(comments[at])});
  }
  return file;
}

Tree read_tree(const std::string& top) {
  Tree tree;
  for (auto entry = fs::recursive_directory_iterator(top); entry != fs::end(entry); ++entry) {
    const fs::path relative = fs::relative(entry->path(), top);
    if (!is_ours(relative)) {
      if (entry->is_directory()) entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file() || !is_text_file(relative)) continue;
    std::ifstream stream(entry->path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    tree.push_back(read_text(relative.generic_string(), text));
  }
  std::sort(tree.begin(), tree.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return tree;
}

std::vector<Include> includes_of(const File& file) {
  std::vector<Include> includes;
  if (!file.is_code()) return includes;
  for (int number = 1; const Line& line : file.lines) {
    const std::string text = trimmed(line.text);
    const auto open = text.find_first_of("\"<");
    if (text.starts_with("#include") && open != std::string::npos) {
      const auto close = text.find_first_of("\">", open + 1);
      includes.push_back({number, text.substr(open + 1, close - open - 1), text[open] == '"'});
    }
    ++number;
  }
  return includes;
}

bool has_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !is_word_char(text[at - 1]) || !is_word_char(word.front());
    const auto end = at + word.size();
    const bool ends = end == text.size() || !is_word_char(text[end]) || !is_word_char(word.back());
    if (begins && ends) return true;
  }
  return false;
}

std::vector<Function> functions_of(const File& file) {
  if (!file.is_code()) return {};
  return FunctionFinder(file).find();
}

}  // namespace neph::tidy
