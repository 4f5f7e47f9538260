#include "network/security_group_service.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "access/directory.h"
#include "db/counters.h"
#include "network/internal/lease_rows.h"
#include "network/internal/network_rows.h"
#include "network/internal/read_rules.h"
#include "network/internal/security_group_list.h"

namespace neph::network {
namespace {

Result<void> check_group_name_free(db::Txn& txn, SecurityGroupId id, UserId owner,
                             std::string_view name) {
  const auto other = find_security_group_by_name(txn, owner, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by SECGROUP {}.", *other);
}

Result<SecurityGroupId> insert_for(db::Txn& txn, const access::Actor& actor,
                                   const std::string& name, text::Template attributes) {
  const access::Subject fresh{.kind = access::Resource::kSecurityGroup, .permissions = {0}};
  CHECK_OK(access::authorize(txn, actor, access::Op::kCreate, fresh));
  CHECK_OK(access::check_name("security group", name));
  CHECK_OK(check_group_name_free(txn, {}, actor.user, name));
  SecurityGroup group;
  group.id = db::take_id<SecurityGroupId>(txn, "security_group");
  group.name = name;
  group.owner = actor.user;
  group.group = actor.group;
  group.permissions = access::initial_permissions(actor);
  attributes.erase("NAME");
  group.attributes = std::move(attributes);
  insert_security_group(txn, group);
  return group.id;
}

std::vector<NetworkId> networks_with(db::Txn& txn, SecurityGroupId id) {
  std::vector<NetworkId> found;
  for (const NetworkId network_id : list_networks(txn)) {
    const auto network = find_network(txn, network_id);
    if (!network) continue;
    const auto groups = parse_security_groups(network->attributes.get("SECURITY_GROUPS"));
    if (groups && std::ranges::find(*groups, id) != groups->end()) found.push_back(network_id);
  }
  return found;
}

}  // namespace

Result<SecurityGroupId> create_security_group(db::Txn& txn, const access::Actor& actor,
                                              const text::Template& ask) {
  return insert_for(txn, actor, ask.get("NAME"), TRY(checked_rules(txn, ask)));
}

Result<SecurityGroupId> clone_security_group(db::Txn& txn, const access::Actor& actor,
                                             SecurityGroupId source, const std::string& name) {
  return insert_for(txn, actor, name, TRY(find_security_group(txn, source)).attributes);
}

Result<void> delete_security_group(db::Txn& txn, SecurityGroupId id) {
  CHECK_OK(find_security_group(txn, id));
  if (id == kDefaultSecurityGroup)
    return fail(Errc::kWrongState, "Security group {} is always there", id);
  const auto vms = list_vms_in(txn, id);
  if (!vms.empty()) {
    return fail(Errc::kWrongState, "The security group [{}] has VMs using it: {}", id,
                fmt::join(vms, ", "));
  }
  const auto networks = networks_with(txn, id);
  if (!networks.empty()) {
    return fail(Errc::kWrongState, "The security group [{}] is named by virtual networks: {}", id,
                fmt::join(networks, ", "));
  }
  delete_security_group_row(txn, id);
  return {};
}

Result<void> update_security_group(db::Txn& txn, const SecurityGroupChange& ask) {
  auto group = TRY(find_security_group(txn, ask.id));
  text::Template updated = ask.is_append ? group.attributes : ask.change;
  if (ask.is_append) updated.merge(ask.change);
  updated.erase("NAME");
  CHECK_OK(updated.check_limits());
  group.attributes = TRY(checked_rules(txn, updated));
  save_security_group(txn, group);
  return {};
}

Result<void> rename_security_group(db::Txn& txn, SecurityGroupId id, const std::string& name) {
  auto group = TRY(find_security_group(txn, id));
  CHECK_OK(access::check_name("security group", name));
  CHECK_OK(check_group_name_free(txn, id, group.owner, name));
  group.name = name;
  save_security_group(txn, group);
  return {};
}

Result<void> chmod_security_group(db::Txn& txn, SecurityGroupId id,
                                  access::Permissions permissions) {
  auto group = TRY(find_security_group(txn, id));
  group.permissions = permissions;
  save_security_group(txn, group);
  return {};
}

Result<void> chown_security_group(db::Txn& txn, SecurityGroupId id, UserId user, GroupId group_id) {
  auto group = TRY(find_security_group(txn, id));
  if (user.is_set()) group.owner = TRY(access::find_user(txn, user)).id;
  if (group_id.is_set()) group.group = TRY(access::find_group(txn, group_id)).id;
  CHECK_OK(check_group_name_free(txn, id, group.owner, group.name));
  save_security_group(txn, group);
  return {};
}

Result<void> check_committed(db::Txn& txn, SecurityGroupId id) {
  const auto group = TRY(find_security_group(txn, id));
  const auto vms = list_filtered_vms_in(txn, id);
  if (vms.empty() || allows_everything(group)) return {};
  return fail(Errc::kWrongState,
              "The rules of security group [{}] are not in force: hosts do not filter packets. VMs "
              "that have it: {}",
              id, fmt::join(vms, ", "));
}

}  // namespace neph::network
