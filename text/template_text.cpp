#include <algorithm>

#include "text/internal/template_parts.h"

/// The text form of templates: NAME = value, NAME = "value", NAME = [ KEY = value, ... ].
namespace neph::text {
namespace internal {
namespace {

/// Recursive descent without recursion: the grammar is two levels deep.
class TextParser {
 public:
  TextParser(std::string_view source, const Limits& limits) : source_(source), limits_(limits) {}

  Result<Template> parse() {
    Template result;
    for (skip_space_and_comments(); !at_end(); skip_space_and_comments()) {
      if (result.attributes().size() == limits_.attributes)
        return refuse(at_, fmt::format("more than {} attributes", limits_.attributes));
      CHECK_OK(parse_attribute(result));
    }
    return result;
  }

 private:
  Result<void> parse_attribute(Template& result) {
    const auto name = TRY(parse_name("the name of an attribute"));
    CHECK_OK(expect_equal_sign(name));
    skip_blanks();
    if (at_end() || peek() == '\n') {
      result.add(name, std::string());
      return {};
    }
    if (peek() == '[') {
      result.add(name, TRY(parse_vector()));
      return {};
    }
    result.add(name, TRY(parse_value(name)));
    return {};
  }

  Result<Vector> parse_vector() {
    ++at_;
    Vector result;
    skip_space_and_comments();
    if (take(']')) return result;
    while (true) {
      if (result.items().size() == limits_.keys)
        return refuse(at_, fmt::format("a vector with more than {} keys", limits_.keys));
      const auto key = TRY(parse_key());
      CHECK_OK(expect_equal_sign(key));
      skip_space_and_comments();
      result.inherit(key, TRY(parse_value(key)));
      skip_space_and_comments();
      if (take(']')) return result;
      if (!take(','))
        return refuse(at_, fmt::format("expected ',' or ']' after {}", canonical_name(key)));
      skip_space_and_comments();
    }
  }

  /// OpenNebula's own command `onevm backupmode` writes its key in quotes.
  Result<std::string_view> parse_key() {
    const bool is_quoted = take('"');
    const auto key = TRY(parse_name("a key of the vector"));
    if (is_quoted && !take('"'))
      return refuse(at_, fmt::format("the quotes of {} are not closed", shortened(key)));
    return key;
  }

  Result<std::string_view> parse_name(std::string_view what) {
    const std::size_t begin = at_;
    while (!at_end() && is_name_character(peek())) ++at_;
    if (begin == at_) return refuse(at_, fmt::format("expected {}", what));
    return source_.substr(begin, at_ - begin);
  }

  Result<void> expect_equal_sign(std::string_view name) {
    skip_blanks();
    if (!take('=')) return refuse(at_, fmt::format("expected '=' after {}", shortened(name)));
    return {};
  }

  Result<std::string> parse_value(std::string_view name) {
    const std::size_t begin = at_;
    std::string value = TRY(!at_end() && peek() == '"' ? parse_quoted(name) : parse_word(name));
    // Such a value would end the CDATA section it is shown in; OpenNebula refuses it as well.
    if (value.find("]]>") != std::string::npos)
      return refuse(begin, fmt::format("the value of {} contains ]]>", shortened(name)));
    if (value.find('\0') != std::string::npos)
      return refuse(begin, fmt::format("the value of {} contains a NUL byte", shortened(name)));
    return value;
  }

  Result<std::string> parse_word(std::string_view name) {
    const std::size_t begin = at_;
    const auto ends_here = [&] {
      return is_space(peek()) || kWordEnds.find(peek()) != std::string_view::npos;
    };
    while (!at_end() && !ends_here()) ++at_;
    if (begin == at_) return refuse(at_, fmt::format("expected a value for {}", shortened(name)));
    return std::string(source_.substr(begin, at_ - begin));
  }

  Result<std::string> parse_quoted(std::string_view name) {
    const std::size_t begin = at_ + 1;
    const std::size_t end = find_closing_quote(begin);
    if (end == std::string_view::npos)
      return refuse(at_, fmt::format("the quotes of {} are not closed", shortened(name)));
    at_ = end + 1;
    const std::string_view quoted = source_.substr(begin, end - begin);
    if (quoted.find('\\') == std::string_view::npos) return std::string(quoted);
    std::string value;
    value.reserve(quoted.size());
    for (std::size_t i = 0; i < quoted.size(); ++i)
      if (quoted[i] != '\\' || i + 1 == quoted.size() || quoted[i + 1] != '"') value += quoted[i];
    return value;
  }

  /// The first quote without a backslash. When there is none any more, the last quote with one:
  /// so OpenNebula reads A="C:\" at the end of a template.
  std::size_t find_closing_quote(std::size_t begin) const {
    std::size_t last = std::string_view::npos;
    for (auto at = source_.find('"', begin); at != std::string_view::npos;
         at = source_.find('"', at + 1)) {
      last = at;
      if (at == begin || source_[at - 1] != '\\') break;
    }
    return last;
  }

  void skip_blanks() {
    while (!at_end() && peek() != '\n' && is_space(peek())) ++at_;
  }

  void skip_space_and_comments() {
    while (!at_end() && (is_space(peek()) || peek() == '#'))
      if (peek() == '#')
        at_ = std::min(source_.find('\n', at_), source_.size());
      else
        ++at_;
  }

  bool take(char wanted) {
    if (at_end() || peek() != wanted) return false;
    ++at_;
    return true;
  }

  /// An error at the given place, with line and columns counted from 1.
  tl::unexpected<Error> refuse(std::size_t at, std::string_view what) const {
    const std::string_view before = source_.substr(0, at);
    const auto line = 1 + std::ranges::count(before, '\n');
    const auto newline = before.rfind('\n');
    const std::size_t column = newline == std::string_view::npos ? at + 1 : at - newline;
    const std::string_view found = at >= source_.size() ? ", but the text ends" : "";
    return fail(Errc::kInvalid, "Parse error: syntax error, {}{} at line {}, columns {}:{}", what,
                found, line, column, column + 1);
  }

  /// Names reach error messages, which must not grow with what somebody sends.
  static std::string shortened(std::string_view name) {
    const std::string canonical = canonical_name(name.substr(0, 40));
    return name.size() <= 40 ? canonical : canonical + "...";
  }

  bool at_end() const { return at_ == source_.size(); }
  char peek() const { return source_[at_]; }

  static constexpr std::string_view kWordEnds = "=#,[]";
  std::string_view source_;
  const Limits& limits_;
  std::size_t at_ = 0;
};

void append_quoted(std::string& text, std::string_view value) {
  text += '"';
  for (const char c : value) {
    if (c == '"') text += '\\';
    text += c;
  }
  // Without the blank the backslash would make the closing quote part of the value.
  if (value.ends_with('\\')) text += ' ';
  text += '"';
}

void append_vector(std::string& text, const Vector& vector) {
  text += '[';
  std::string_view separator = "";
  for (const auto& [key, value] : vector.items()) {
    text.append(separator).append(key).append("=");
    append_quoted(text, value);
    separator = ",";
  }
  text += ']';
}

}  // namespace

Result<Template> parse_text(std::string_view source, const Limits& limits) {
  return TextParser(source, limits).parse();
}

}  // namespace internal

std::string Template::to_text() const {
  std::string text;
  for (const auto& [name, value] : attributes_) {
    text.append(name).append("=");
    if (const auto* vector = std::get_if<Vector>(&value))
      internal::append_vector(text, *vector);
    else
      internal::append_quoted(text, std::get<std::string>(value));
    text += '\n';
  }
  return text;
}

}  // namespace neph::text
