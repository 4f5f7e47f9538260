#pragma once

#include <string>

#include "network/security_group.h"

/// What one.secgroup.* does. Rights on existing groups are the caller's business. Store lane; each
/// function touches what it changes. Names are unique among the groups of an owner.
namespace neph::network {

/// NAME, DESCRIPTION, any number of RULE. Checks CREATE SECGROUP itself.
/// \returns kDenied, kInvalid (name, rule), kNotFound (a rule's network), kConflict (name taken)
[[nodiscard]] Result<SecurityGroupId> create_security_group(db::Txn& txn,
                                                            const access::Actor& actor,
                                                            const text::Template& ask);
/// A group of the caller's own, as `source` is now. Checks CREATE SECGROUP itself.
[[nodiscard]] Result<SecurityGroupId> clone_security_group(db::Txn& txn,
                                                           const access::Actor& actor,
                                                           SecurityGroupId source,
                                                           const std::string& name);
/// \returns kWrongState for group 0, and while VMs or networks have it, naming them
[[nodiscard]] Result<void> delete_security_group(db::Txn& txn, SecurityGroupId id);
struct SecurityGroupChange {
  SecurityGroupId id;
  text::Template change;
  bool is_append = false;  ///< merged; else it is the whole template from now on
};
[[nodiscard]] Result<void> update_security_group(db::Txn& txn, const SecurityGroupChange& ask);
[[nodiscard]] Result<void> rename_security_group(db::Txn& txn, SecurityGroupId id,
                                                 const std::string& name);
[[nodiscard]] Result<void> chmod_security_group(db::Txn& txn, SecurityGroupId id,
                                                access::Permissions permissions);
/// An unset id keeps the user or the group.
[[nodiscard]] Result<void> chown_security_group(db::Txn& txn, SecurityGroupId id, UserId user,
                                                GroupId group);
/// Whether the rules are in force for all VMs of the group: they are where they let everything pass
/// and where there are no VMs, for hosts do not filter.
/// \returns kWrongState naming the VMs whose packets are not filtered
[[nodiscard]] Result<void> check_committed(db::Txn& txn, SecurityGroupId id);

}  // namespace neph::network
