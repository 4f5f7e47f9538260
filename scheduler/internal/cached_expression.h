#pragma once

#include <map>
#include <string>
#include <vector>

#include "scheduler/internal/attributes.h"

namespace neph::scheduler::internal {

inline bool answer_of(const text::Requirement& expression, const text::AttributeLookup& lookup) {
  return expression.matches(lookup);
}
inline double answer_of(const text::Rank& expression, const text::AttributeLookup& lookup) {
  return expression.value(lookup);
}

/// An expression with its answers about candidates, so that VMs which share the expression share
/// the answers. An answer is worked out again only when its candidate has changed since.
template <class Expression, class Answer>
class CachedExpression {
 public:
  explicit CachedExpression(const std::string& source) : parsed_(Expression::parse(source)) {}

  /// nullptr when the expression could be parsed.
  [[nodiscard]] const Error* error() const { return parsed_ ? nullptr : &parsed_.error(); }

  /// \param index  of the candidate in the list of all
  template <class State>
  Answer operator()(std::size_t index, const State& state) {
    if (index >= answers_.size()) answers_.resize(index + 1);
    auto& known = answers_[index];
    if (known.version != state.version)
      known = {state.version, answer_of(*parsed_, attributes_of(state))};
    return known.answer;
  }

 private:
  struct Known {
    unsigned version = 0;
    Answer answer{};
  };
  Result<Expression> parsed_;
  std::vector<Known> answers_;
};

using CachedRequirement = CachedExpression<text::Requirement, bool>;
using CachedRank = CachedExpression<text::Rank, double>;

/// All expressions of one kind of candidate, by their source.
class ExpressionCache {
 public:
  /// Bounds the memory: 20,000 different expressions with answers about 1,250 hosts each would
  /// take 400 MB. Ends the references that were handed out.
  void trim() {
    if (requirements_.size() > kExpressionsMax) requirements_.clear();
    if (ranks_.size() > kExpressionsMax) ranks_.clear();
  }
  CachedRequirement& requirement(const std::string& source) {
    return requirements_.try_emplace(source, source).first->second;
  }
  CachedRank& rank(const std::string& source) {
    return ranks_.try_emplace(source, source).first->second;
  }

 private:
  static constexpr std::size_t kExpressionsMax = 1000;
  std::map<std::string, CachedRequirement> requirements_;
  std::map<std::string, CachedRank> ranks_;
};

}  // namespace neph::scheduler::internal
