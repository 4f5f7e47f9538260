#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "access/permissions.h"
#include "db/database.h"
#include "text/template.h"

/// VM groups: roles of VMs that belong on one host, or on different ones. A VM names its role in
/// its template, VMGROUP = [ VMGROUP_ID, ROLE ]. Store lane; rights on groups are the caller's
/// business. Facts: OpenNebula 7.4.
namespace neph::site {

/// How VMs of one role stand to each other. Stored: append-only.
enum class RolePolicy { kNone = 0, kAffined = 1, kAntiAffined = 2 };

struct VmGroupRole {
  std::int64_t id = -1;       ///< within the group
  std::string name;
  RolePolicy policy = RolePolicy::kNone;
  text::Vector attributes;    ///< ROLE as written: HOST_AFFINED, HOST_ANTI_AFFINED ...
  std::vector<VmId> vms;      ///< that have not ended
};

struct VmGroup {
  VmGroupId id;
  std::string name;
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  text::Template attributes;  ///< AFFINED and ANTI_AFFINED name roles, "web, db"
  std::vector<VmGroupRole> roles;
};

[[nodiscard]] Result<VmGroup> find_vm_group(db::Txn& txn, VmGroupId id);
[[nodiscard]] std::vector<VmGroupId> list_vm_groups(db::Txn& txn);
[[nodiscard]] access::Subject subject_of(const VmGroup& group);

/// NAME and ROLE = [ NAME, POLICY, HOST_AFFINED, HOST_ANTI_AFFINED ]. Names are unique per owner.
/// \returns kInvalid naming the attribute, kConflict (name taken)
[[nodiscard]] Result<VmGroupId> create_vm_group(db::Txn& txn, const access::Actor& actor,
                                                const text::Template& ask);
/// \returns kWrongState while VMs have a role of it
Result<void> delete_vm_group(db::Txn& txn, VmGroupId id);
Result<void> rename_vm_group(db::Txn& txn, VmGroupId id, const std::string& name);
/// Roles stay as they are; \returns kInvalid when AFFINED or ANTI_AFFINED names none of them
Result<void> update_vm_group(db::Txn& txn, VmGroupId id, const text::Template& change,
                             bool is_append);
Result<void> chmod_vm_group(db::Txn& txn, VmGroupId id, access::Permissions permissions);
/// An unset id keeps the user or the group. \returns kConflict when the name is taken there
Result<void> chown_vm_group(db::Txn& txn, VmGroupId id, UserId user, GroupId group);

/// The one ROLE of the template. \returns kInvalid, kConflict (name taken)
Result<void> add_role(db::Txn& txn, VmGroupId id, const text::Template& ask);
/// \returns kNotFound, kWrongState while VMs have it or a rule of the group names it
Result<void> delete_role(db::Txn& txn, VmGroupId id, std::int64_t role);
/// What the one ROLE of the template says replaces what the role had, but for its name.
Result<void> update_role(db::Txn& txn, VmGroupId id, std::int64_t role,
                         const text::Template& ask);

struct RoleRef {
  VmGroupId group;
  std::int64_t role = -1;
};
/// \returns kInvalid for an unknown role, kNotFound, kDenied without USE of the group
[[nodiscard]] Result<RoleRef> find_role(db::Txn& txn, const access::Actor& actor, VmGroupId group,
                                        const std::string& role);
/// The role that a VM's template names; nullopt where it names none.
/// \returns as the other one, also kInvalid for a group that is not named by its id
[[nodiscard]] Result<std::optional<RoleRef>> find_role(db::Txn& txn, const access::Actor& actor,
                                                       const text::Template& vm_attributes);
void join_role(db::Txn& txn, VmId vm, const RoleRef& role);
/// A VM without a role: nothing to do.
void leave_role(db::Txn& txn, VmId vm);
[[nodiscard]] std::optional<RoleRef> role_of(db::Txn& txn, VmId vm);

/// Where a VM may be placed because of its role, as a requirement on hosts; empty: anywhere. It
/// knows the VMs that have a host, so those of a group are to be placed one after the other.
[[nodiscard]] std::string host_requirement(db::Txn& txn, VmId vm);

}  // namespace neph::site
