#pragma once

#include <optional>
#include <string_view>

#include "site/vm_group.h"

/// Rows behind site/vm_group.h. What changes a group touches it.
namespace neph::site {

[[nodiscard]] std::optional<VmGroupId> find_vm_group_by_name(db::Txn& txn, UserId owner,
                                                             std::string_view name);
/// Takes the next id; roles are inserted by themselves.
VmGroupId insert_vm_group(db::Txn& txn, const VmGroup& group);
void save_vm_group(db::Txn& txn, const VmGroup& group);
/// With roles, and with what is left of VMs that have ended.
void delete_vm_group_row(db::Txn& txn, VmGroupId id);
void insert_role(db::Txn& txn, VmGroupId id, const VmGroupRole& role);
void save_role(db::Txn& txn, VmGroupId id, const VmGroupRole& role);
void delete_role_row(db::Txn& txn, VmGroupId id, std::int64_t role);
void insert_member(db::Txn& txn, VmId vm, const RoleRef& role);
void delete_member(db::Txn& txn, VmId vm, const RoleRef& role);
/// Hosts on which VMs of a role have their place, but for one VM.
[[nodiscard]] std::vector<HostId> list_hosts_of(db::Txn& txn, const RoleRef& role, VmId but);

}  // namespace neph::site
