#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace neph::view {

/// What the fifth parameter of one.vmpool.info asks for: "VM.NAME=web&VM.TEMPLATE.DISK[*].IMAGE=d"
/// (OpenNebula 7.4, `onevm list --search`): every condition must hold. A condition holds when the
/// element KEY, or one within it, has a value with VALUE in it; without KEY any element will do.
/// Cases differ. A value type, for any thread.
class Query {
 public:
  /// Holds for every document.
  Query() = default;
  /// \returns kInvalid for an empty value, an index other than [*], and too many conditions
  [[nodiscard]] static Result<Query> parse(std::string_view text);
  /// \param document  as XmlWriter writes it
  [[nodiscard]] bool matches(std::string_view document) const;

 private:
  struct Condition {
    std::vector<std::string> path;  ///< from the root of the document on
    std::string part;
  };
  std::vector<Condition> conditions_;
};

}  // namespace neph::view
