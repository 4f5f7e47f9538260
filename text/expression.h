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
/// or several. Names arrive in upper case, because expressions do not distinguish case in them.
using AttributeLookup = std::function<std::vector<std::string>(std::string_view name)>;

/// SCHED_REQUIREMENTS and SCHED_DS_REQUIREMENTS: NAME = "node*" & FREE_CPU > 60 | !(X @> 100) ...
///
/// Operators = != > < on the first value of an attribute, @> (any of its values equals), & | ! and
/// parentheses. As in OpenNebula, & and | bind equally and group from the left: A | B & C is
/// (A | B) & C; ! takes only what follows at once. Two numbers are compared as numbers, anything
/// else as text, with * in the value of = != @> for any run of characters. A comparison with an
/// unknown attribute is false, also with !=. Names with a slash and values with blanks are quoted.
///
/// At most 16 KiB, nested at most 64 deep. Immutable, so any thread may call matches().
class Requirement {
 public:
  /// \returns kInvalid "Parse error: ..." with the character, counted from 1
  [[nodiscard]] static Result<Requirement> parse(std::string_view source);
  [[nodiscard]] bool matches(const AttributeLookup& attributes) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;  ///< null: matches everything
};

/// SCHED_RANK: arithmetic (+ - * / and parentheses, with the usual precedence) over numbers and
/// attributes; names with a slash are quoted. Unknown attributes and such that are no number
/// count 0, as does a division by zero. Bounds and threads as for Requirement.
class Rank {
 public:
  /// \returns kInvalid "Parse error: ..." with the character, counted from 1
  [[nodiscard]] static Result<Rank> parse(std::string_view source);
  /// Always finite.
  [[nodiscard]] double value(const AttributeLookup& attributes) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;  ///< null: 0
};

}  // namespace neph::text
