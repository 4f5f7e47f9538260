#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "db/database.h"
#include "text/template.h"

/// Security groups. Hosts do not filter packets: rules are checked, kept and shown with the VMs
/// they are meant for. Facts: OpenNebula 7.4.
namespace neph::network {

inline constexpr SecurityGroupId kDefaultSecurityGroup{0};

struct SecurityGroup {
  SecurityGroupId id;
  std::string name;
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  text::Template attributes;  ///< DESCRIPTION, RULE ...
};

[[nodiscard]] Result<SecurityGroup> find_security_group(db::Txn& txn, SecurityGroupId id);
[[nodiscard]] std::optional<SecurityGroupId> find_security_group_by_name(db::Txn& txn,
                                                                         UserId owner,
                                                                         std::string_view name);
[[nodiscard]] std::vector<SecurityGroupId> list_security_groups(db::Txn& txn);
/// VMs with a NIC in the group, by ascending id.
[[nodiscard]] std::vector<VmId> list_vms_in(db::Txn& txn, SecurityGroupId id);
/// Those of them whose traffic should be filtered: networks of VN_MAD "dummy" ask hosts for
/// nothing.
[[nodiscard]] std::vector<VmId> list_filtered_vms_in(db::Txn& txn, SecurityGroupId id);
/// Groups of all NICs of a VM, each once.
[[nodiscard]] std::vector<SecurityGroupId> list_security_groups_of(db::Txn& txn, VmId vm);

/// The RULEs of all groups of a VM, each with SECURITY_GROUP_ID and SECURITY_GROUP_NAME.
[[nodiscard]] std::vector<text::Vector> list_rules_of(db::Txn& txn, VmId vm);

/// Whether the rules let everything in and out: then they hold on every host as they are.
[[nodiscard]] bool allows_everything(const SecurityGroup& group);

[[nodiscard]] access::Subject subject_of(const SecurityGroup& group);

}  // namespace neph::network
