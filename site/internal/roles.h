#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "site/vm_group.h"

/// What roles and the rules between them say. Pure functions.
namespace neph::site {

/// A ROLE vector as a role of the group. \returns kInvalid naming the key, kConflict (name taken)
[[nodiscard]] Result<VmGroupRole> read_role(const VmGroup& group, std::int64_t id,
                                            const text::Vector& vector);
[[nodiscard]] const VmGroupRole* role_named(const VmGroup& group, std::string_view name);
[[nodiscard]] Result<VmGroupRole> role_numbered(const VmGroup& group, std::int64_t id);
/// Each AFFINED, or ANTI_AFFINED, of the group as the names in it.
[[nodiscard]] std::vector<std::set<std::string>> role_sets(const VmGroup& group,
                                                           std::string_view rule);
/// "1, 2" as ids. \returns nullopt for anything else
[[nodiscard]] std::optional<std::vector<HostId>> hosts_in(std::string_view text);

}  // namespace neph::site
