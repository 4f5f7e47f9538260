#include <algorithm>

#include "text/expression.h"
#include "text/internal/expression_cursor.h"

namespace neph::text {
namespace {

using internal::ExpressionCursor;
using internal::number_from;

enum class Kind { kChain, kNot, kEqual, kUnequal, kGreater, kLess, kContains };

/// A chain holds its parts in `parts` and what joins part i to part i + 1 in `joints[i]`: a flat
/// list, so that a long expression needs no deep recursion.
struct Term {
  Kind kind = Kind::kChain;
  std::vector<Term> parts;
  std::string joints;
  std::string name;
  std::string value;
  std::optional<double> number;  ///< `value` as a number
};

/// `pattern` may hold '*' for any run of characters. Linear in both lengths multiplied at most.
bool matches_pattern(std::string_view text, std::string_view pattern) {
  std::size_t at = 0;
  std::size_t in_pattern = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (at < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_text = at;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == text[at]) {
      ++at;
      ++in_pattern;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      at = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

bool is_equal(const Term& term, std::string_view actual) {
  const auto number = term.number ? number_from(actual) : std::nullopt;
  return number ? *number == *term.number : matches_pattern(actual, term.value);
}

bool is_less(const Term& term, std::string_view actual) {
  const auto number = term.number ? number_from(actual) : std::nullopt;
  return number ? *number < *term.number : actual < term.value;
}

bool compare(const Term& term, const AttributeLookup& attributes) {
  const auto actual = attributes(term.name);
  if (actual.empty()) return false;
  switch (term.kind) {
    case Kind::kEqual: return is_equal(term, actual.front());
    case Kind::kUnequal: return !is_equal(term, actual.front());
    case Kind::kLess: return is_less(term, actual.front());
    case Kind::kGreater: return !is_less(term, actual.front()) && !is_equal(term, actual.front());
    default:
      return std::ranges::any_of(actual, [&](const auto& one) { return is_equal(term, one); });
  }
}

bool evaluate(const Term& term, const AttributeLookup& attributes) {
  if (term.kind == Kind::kNot) return !evaluate(term.parts.front(), attributes);
  if (term.kind != Kind::kChain) return compare(term, attributes);
  bool result = evaluate(term.parts.front(), attributes);
  for (std::size_t i = 0; i < term.joints.size(); ++i) {
    const bool is_decided = result == (term.joints[i] == '|');
    if (!is_decided) result = evaluate(term.parts[i + 1], attributes);
  }
  return result;
}

class RequirementParser {
 public:
  explicit RequirementParser(std::string_view source) : cursor_(source) {}

  Result<std::optional<Term>> parse() {
    CHECK_OK(cursor_.check_length());
    cursor_.skip_space();
    if (cursor_.at_end()) return std::nullopt;
    Term result = TRY(parse_chain());
    if (!cursor_.at_end()) return cursor_.refuse("expected & or |");
    return result;
  }

 private:
  Result<Term> parse_chain() {
    Term chain;
    while (true) {
      chain.parts.push_back(TRY(parse_part()));
      if (cursor_.take('&'))
        chain.joints += '&';
      else if (cursor_.take('|'))
        chain.joints += '|';
      else
        return chain;
    }
  }

  Result<Term> parse_part() {
    CHECK_OK(cursor_.enter());
    Term part;
    if (cursor_.take('!')) {
      part.kind = Kind::kNot;
      part.parts.push_back(TRY(parse_part()));
    } else if (cursor_.take('(')) {
      part = TRY(parse_chain());
      if (!cursor_.take(')')) return cursor_.refuse("expected ), & or |");
    } else {
      part = TRY(parse_comparison());
    }
    cursor_.leave();
    return part;
  }

  Result<Term> parse_comparison() {
    Term term;
    term.name = internal::upper_case(TRY(parse_word("the name of an attribute")));
    term.kind = TRY(parse_operator());
    term.value = TRY(parse_word("a value"));
    term.number = number_from(term.value);
    return term;
  }

  Result<Kind> parse_operator() {
    cursor_.skip_space();
    const char next = cursor_.peek(1);
    if (cursor_.take('=')) return Kind::kEqual;
    if (cursor_.take('<')) return Kind::kLess;
    if (cursor_.take('>')) return Kind::kGreater;
    if (next == '=' && cursor_.take('!') && cursor_.take('=')) return Kind::kUnequal;
    if (next == '>' && cursor_.take('@') && cursor_.take('>')) return Kind::kContains;
    return cursor_.refuse("expected =, !=, <, > or @>");
  }

  Result<std::string> parse_word(std::string_view what) {
    if (cursor_.take('"')) return cursor_.take_quoted();
    const auto word = cursor_.take_word("=!<>@&|()\"");
    if (word.empty()) return cursor_.refuse(fmt::format("expected {}", what));
    return std::string(word);
  }

  ExpressionCursor cursor_;
};

}  // namespace

struct Requirement::Node {
  Term term;
};

Result<Requirement> Requirement::parse(std::string_view source) {
  auto term = TRY(RequirementParser(source).parse());
  Requirement result;
  if (term) result.root_ = std::make_shared<const Node>(Node{std::move(*term)});
  return result;
}

bool Requirement::matches(const AttributeLookup& attributes) const {
  return root_ == nullptr || evaluate(root_->term, attributes);
}

}  // namespace neph::text
