#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace neph::text {

/// Values of an attribute by name ("FREE_CPU", "CLUSTERS/ID", "TEMPLATE/HYPERVISOR"): none, one
/// or several.
using AttributeLookup = std::function<std::vector<std::string>(std::string_view name)>;

/// SCHED_REQUIREMENTS and SCHED_DS_REQUIREMENTS: NAME = "node*" & FREE_CPU > 60 | !(X @> 100) ...
/// Operators = != > < @> (one of several values equals), & | ! and parentheses, * wildcards in
/// strings; an unknown attribute makes a comparison false. Depth and length are bounded.
class Requirement {
 public:
  [[nodiscard]] static Result<Requirement> parse(std::string_view source);
  [[nodiscard]] bool matches(const AttributeLookup& attributes) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;  ///< null: matches everything
};

/// SCHED_RANK: arithmetic (+ - * / and parentheses) over attributes; unknown ones count 0.
class Rank {
 public:
  [[nodiscard]] static Result<Rank> parse(std::string_view source);
  [[nodiscard]] double value(const AttributeLookup& attributes) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;  ///< null: 0
};

}  // namespace neph::text
