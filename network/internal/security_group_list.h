#pragma once

#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace neph::network {

/// SECURITY_GROUPS: "0,100". Empty: none.
/// \returns kInvalid naming what is no id
[[nodiscard]] Result<std::vector<SecurityGroupId>> parse_security_groups(std::string_view list);

}  // namespace neph::network
