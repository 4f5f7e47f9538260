#include <cmath>

#include "text/expression.h"
#include "text/internal/expression_cursor.h"

namespace neph::text {
namespace {

using internal::ExpressionCursor;
using internal::number_from;

enum class RankKind { kNumber, kAttribute, kNegative, kChain };

/// As in requirements, a chain is flat: parts joined by the operators in `joints`, all of one
/// precedence, from left to right.
struct RankTerm {
  RankKind kind = RankKind::kNumber;
  double number = 0;
  std::string name;
  std::vector<RankTerm> parts;
  std::string joints;
};

double applied(double left, char joint, double right) {
  switch (joint) {
    case '+': return left + right;
    case '-': return left - right;
    case '*': return left * right;
    // A host that says 0 must not win or lose against all others by an infinite rank.
    default: return right == 0 ? 0 : left / right;
  }
}

double evaluate(const RankTerm& term, const AttributeLookup& attributes) {
  if (term.kind == RankKind::kNumber) return term.number;
  if (term.kind == RankKind::kAttribute) {
    const auto actual = attributes(term.name);
    return actual.empty() ? 0 : number_from(actual.front()).value_or(0);
  }
  if (term.kind == RankKind::kNegative) return -evaluate(term.parts.front(), attributes);
  double result = evaluate(term.parts.front(), attributes);
  for (std::size_t i = 0; i < term.joints.size(); ++i)
    result = applied(result, term.joints[i], evaluate(term.parts[i + 1], attributes));
  return result;
}

class RankParser {
 public:
  explicit RankParser(std::string_view source) : cursor_(source) {}

  Result<std::optional<RankTerm>> parse() {
    CHECK_OK(cursor_.check_length());
    cursor_.skip_space();
    if (cursor_.at_end()) return std::nullopt;
    RankTerm result = TRY(parse_sum());
    if (!cursor_.at_end()) return cursor_.refuse("expected +, -, * or /");
    return result;
  }

 private:
  Result<RankTerm> parse_sum() { return parse_chain('+', '-', &RankParser::parse_product); }
  Result<RankTerm> parse_product() { return parse_chain('*', '/', &RankParser::parse_factor); }

  Result<RankTerm> parse_chain(char one, char other, Result<RankTerm> (RankParser::*parse_part)()) {
    RankTerm chain;
    chain.kind = RankKind::kChain;
    while (true) {
      chain.parts.push_back(TRY((this->*parse_part)()));
      if (cursor_.take(one))
        chain.joints += one;
      else if (cursor_.take(other))
        chain.joints += other;
      else
        return chain;
    }
  }

  Result<RankTerm> parse_factor() {
    CHECK_OK(cursor_.enter());
    RankTerm factor;
    if (cursor_.take('-')) {
      factor.kind = RankKind::kNegative;
      factor.parts.push_back(TRY(parse_factor()));
    } else if (cursor_.take('(')) {
      factor = TRY(parse_sum());
      if (!cursor_.take(')')) return cursor_.refuse("expected )");
    } else {
      factor = TRY(parse_operand());
    }
    cursor_.leave();
    return factor;
  }

  Result<RankTerm> parse_operand() {
    RankTerm term;
    if (cursor_.take('"')) {
      term.kind = RankKind::kAttribute;
      term.name = internal::upper_case(TRY(cursor_.take_quoted()));
      return term;
    }
    const char first = cursor_.peek();
    const auto word = cursor_.take_word("+-*/()\"=!<>&|@");
    if (word.empty()) return cursor_.refuse("expected a number or the name of an attribute");
    if ((first < '0' || first > '9') && first != '.') {
      term.kind = RankKind::kAttribute;
      term.name = internal::upper_case(word);
      return term;
    }
    const auto number = number_from(word);
    if (!number) return cursor_.refuse(fmt::format("{} is no number,", word.substr(0, 40)));
    term.number = *number;
    return term;
  }

  ExpressionCursor cursor_;
};

}  // namespace

struct Rank::Node {
  RankTerm term;
};

Result<Rank> Rank::parse(std::string_view source) {
  auto term = TRY(RankParser(source).parse());
  Rank result;
  if (term) result.root_ = std::make_shared<const Node>(Node{std::move(*term)});
  return result;
}

double Rank::value(const AttributeLookup& attributes) const {
  if (root_ == nullptr) return 0;
  const double result = evaluate(root_->term, attributes);
  return std::isfinite(result) ? result : 0;
}

}  // namespace neph::text
