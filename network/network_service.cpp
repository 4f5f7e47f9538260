#include "network/network_service.h"

#include <algorithm>
#include <fmt/ranges.h>
#include <set>

#include "access/directory.h"
#include "access/quota.h"
#include "access/restricted_attributes.h"
#include "base/numbers.h"
#include "base/words.h"
#include "db/counters.h"
#include "network/internal/holders.h"
#include "network/internal/inherited.h"
#include "network/internal/lease_rows.h"
#include "network/internal/network_rows.h"
#include "network/internal/read_network.h"
#include "network/internal/read_range.h"
#include "network/security_group.h"

namespace neph::network {
namespace {

constexpr ClusterId kDefaultCluster{0};

/// Names are unique among the networks of an owner.
Result<void> check_name_free(db::Txn& txn, NetworkId id, UserId owner, std::string_view name) {
  const auto other = find_network_by_name(txn, owner, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by NET {}.", *other);
}

Result<void> check_cluster_exists(db::Txn& txn, ClusterId cluster) {
  if (is_cluster(txn, cluster)) return {};
  return fail(Errc::kNotFound, "Error getting cluster [{}].", cluster);
}

/// OpenNebula answers the id of a network with such ranges, and shows the network in ERROR.
std::string error_of_ranges(const text::Template& ask) {
  for (const auto* written : ask.vectors("AR")) {
    if (!has_impossible_size(*written)) continue;
    return fmt::format("AR/SIZE = \"{}\" is no number of addresses: no address range was made",
                       written->get("SIZE"));
  }
  return {};
}

/// CLUSTER_IDS of a template, each once; the default cluster where it names none.
Result<std::vector<ClusterId>> clusters_in(const text::Template& attributes) {
  std::set<ClusterId> clusters;
  const std::string written = attributes.get("CLUSTER_IDS");
  for (const auto part : between_commas(written)) {
    const auto word = without_blanks(part);
    const auto id = natural_from(word);
    if (!id) return fail(Errc::kInvalid, "CLUSTER_IDS: \"{}\" is no id of a cluster", word);
    clusters.emplace(*id);
  }
  if (clusters.empty()) clusters.insert(kDefaultCluster);
  return std::vector<ClusterId>(clusters.begin(), clusters.end());
}

/// What the network's leases on hold, or its own addresses in the parent, count in quotas.
std::vector<access::QuotaCharge> charges_of(db::Txn& txn, const Network& network) {
  std::vector<access::QuotaCharge> charges;
  for (const auto& lease : list_leases(txn, network.id)) {
    if (lease.kind == LeaseKind::kHeld)
      charges.push_back({"NETWORK", fmt::format("{}", network.id), "LEASES", 1});
  }
  if (!network.parent.is_set()) return charges;
  for (const auto& range : list_ranges(txn, network.id)) {
    charges.push_back({"NETWORK", fmt::format("{}", network.parent), "LEASES",
                       static_cast<double>(range.size)});
  }
  return charges;
}

/// What NICs have of their network, as one text to compare.
std::string inherited_text(const Network& network) {
  text::Vector nic;
  inherit(nic, shown_template(network));
  for (const auto* key : {"BRIDGE", "BRIDGE_TYPE", "VN_MAD", "PHYDEV", "VLAN_ID", "OUTER_VLAN_ID"})
    nic.set(key, shown_template(network).get(key));
  text::Template all;
  all.add("NIC", nic);
  return all.to_text();
}

}  // namespace

Result<NetworkId> NetworkService::allocate(db::Txn& txn, const access::Actor& actor,
                                           const text::Template& ask, ClusterId cluster) const {
  const access::Subject fresh{.kind = access::Resource::kNet, .permissions = {0}};
  CHECK_OK(access::authorize(txn, actor, access::Op::kCreate, fresh));
  return make(txn, actor, ask, {cluster.is_set() ? cluster : kDefaultCluster});
}

Result<NetworkId> NetworkService::instantiate(db::Txn& txn, const access::Actor& actor,
                                              const Instance& ask) const {
  const auto made_from = TRY(find_network_template(txn, ask.made_from));
  text::Template whole = made_from.attributes;
  whole.merge(ask.extra);
  CHECK_OK(access::check_restricted_attributes(actor, settings_.restricted_attributes, whole,
                                               made_from.attributes, "VN Template"));
  const auto clusters = TRY(clusters_in(whole));
  whole.erase("CLUSTER_IDS");
  if (!ask.name.empty()) whole.set("NAME", ask.name);
  whole.set("TEMPLATE_ID", fmt::format("{}", made_from.id));
  whole.set("TEMPLATE_NAME", made_from.name);
  return make(txn, actor, whole, clusters);
}

Result<NetworkId> NetworkService::make(db::Txn& txn, const access::Actor& actor,
                                       const text::Template& ask,
                                       const std::vector<ClusterId>& clusters) const {
  for (const ClusterId cluster : clusters) CHECK_OK(check_cluster_exists(txn, cluster));
  Network network;
  network.name = ask.get("NAME");
  CHECK_OK(access::check_name("virtual network", network.name));
  CHECK_OK(check_name_free(txn, {}, actor.user, network.name));
  network.owner = actor.user;
  network.group = actor.group;
  network.permissions = access::initial_permissions(actor);
  CHECK_OK(apply_written(txn, ask, network));
  if (!network.attributes.has("SECURITY_GROUPS")) network.attributes.set("SECURITY_GROUPS", "0");
  network.id = db::take_id<NetworkId>(txn, "network");
  CHECK_OK(complete(txn, network));
  network.error = error_of_ranges(ask);
  insert_network(txn, network);
  for (const ClusterId cluster : clusters) join_cluster(txn, network.id, cluster);
  if (!network.error.empty()) return network.id;
  if (!ask.vectors("AR").empty()) CHECK_OK(insert_written_ranges(txn, network.id, ask, settings_));
  return network.id;
}

Result<void> NetworkService::recover(db::Txn& txn, NetworkId id, Recover how) const {
  auto network = TRY(find_network(txn, id));
  if (network.error.empty()) {
    return fail(Errc::kWrongState, "Virtual network [{}] is READY: there is nothing to recover",
                id);
  }
  if (how == Recover::kDelete) return remove(txn, id);
  if (how != Recover::kSuccess) return {};
  network.error.clear();
  save_network(txn, network);
  return {};
}

Result<void> NetworkService::remove(db::Txn& txn, NetworkId id) const {
  const auto network = TRY(find_network(txn, id));
  const auto leases = list_leases(txn, id);
  if (!leases.empty()) {
    return fail(Errc::kWrongState, "Can not remove virtual network [{}] with leases in use: {}", id,
                holders_text(txn, leases));
  }
  const auto reservations = list_reservations_of(txn, id);
  if (!reservations.empty()) {
    return fail(Errc::kWrongState, "Can not remove virtual network [{}] with reservations: {}", id,
                fmt::join(reservations, ", "));
  }
  for (const auto& range : list_ranges(txn, id)) return_to_parent(txn, network, range);
  delete_network_row(txn, id);
  return {};
}

Result<void> NetworkService::update(db::Txn& txn, const access::Actor& actor,
                                    const Change& ask) const {
  auto network = TRY(find_network(txn, ask.id));
  const text::Template old = shown_template(network);
  const std::string old_inherited = inherited_text(network);
  const auto updated = TRY(access::updated_template(
      actor, settings_.restricted_attributes, {old, ask.change, ask.is_append}, "Template"));
  CHECK_OK(updated.check_limits());
  CHECK_OK(apply_written(txn, updated, network));
  CHECK_OK(complete(txn, network));
  save_network(txn, network);
  if (inherited_text(network) != old_inherited) mark_outdated(txn, network.id);
  if (network.vn_mad == old.get("VN_MAD")) return {};
  // Whether hosts should filter follows from the driver, and is shown in the groups.
  for (const SecurityGroupId group : list_security_groups(txn)) {
    txn.touch(ObjectKind::kSecurityGroup, group);
  }
  return {};
}

Result<void> NetworkService::rename(db::Txn& txn, NetworkId id, const std::string& name) const {
  auto network = TRY(find_network(txn, id));
  CHECK_OK(access::check_name("virtual network", name));
  CHECK_OK(check_name_free(txn, id, network.owner, name));
  network.name = name;
  save_network(txn, network);
  return {};
}

Result<void> NetworkService::chmod(db::Txn& txn, NetworkId id,
                                   access::Permissions permissions) const {
  auto network = TRY(find_network(txn, id));
  network.permissions = permissions;
  save_network(txn, network);
  return {};
}

Result<void> NetworkService::chown(db::Txn& txn, NetworkId id, UserId user, GroupId group) const {
  auto network = TRY(find_network(txn, id));
  const auto [old_user, old_group] = std::pair(network.owner, network.group);
  if (user.is_set()) network.owner = TRY(access::find_user(txn, user)).id;
  if (group.is_set()) network.group = TRY(access::find_group(txn, group)).id;
  CHECK_OK(check_name_free(txn, id, network.owner, network.name));
  disown(txn, id);
  CHECK_OK(access::check_quota(txn, network.owner, network.group, charges_of(txn, network)));
  save_network(txn, network);
  txn.touch(ObjectKind::kUser, old_user);
  txn.touch(ObjectKind::kGroup, old_group);
  return {};
}

Result<void> NetworkService::add_to_cluster(db::Txn& txn, NetworkId id, ClusterId cluster) const {
  CHECK_OK(find_network(txn, id));
  CHECK_OK(check_cluster_exists(txn, cluster));
  join_cluster(txn, id, cluster);
  return {};
}

Result<void> NetworkService::remove_from_cluster(db::Txn& txn, NetworkId id,
                                                 ClusterId cluster) const {
  const auto network = TRY(find_network(txn, id));
  CHECK_OK(check_cluster_exists(txn, cluster));
  if (std::ranges::find(network.clusters, cluster) == network.clusters.end())
    return fail(Errc::kWrongState, "Virtual network {} is not in cluster {}", id, cluster);
  const auto vms = list_vms_between(txn, id, cluster);
  if (!vms.empty()) {
    return fail(Errc::kWrongState,
                "Cannot take virtual network {} out of cluster {}: VMs on its hosts use it: {}", id,
                cluster, fmt::join(vms, ", "));
  }
  leave_cluster(txn, id, cluster);
  return {};
}

}  // namespace neph::network
