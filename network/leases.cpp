#include "network/leases.h"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "access/directory.h"
#include "base/numbers.h"
#include "network/internal/holders.h"
#include "network/internal/inherited.h"
#include "network/internal/lease_rows.h"
#include "network/internal/read_range.h"
#include "network/internal/security_group_list.h"
#include "network/security_group.h"

namespace neph::network {
namespace {

/// A link-local address says nothing that the others do not.
constexpr auto kIp6Keys = std::to_array<const char*>({"IP6", "IP6_GLOBAL", "IP6_ULA"});

/// Whose network a NIC means that names one.
Result<UserId> owner_from(db::Txn& txn, const access::Actor& actor, NicId nic,
                          const text::Vector& written) {
  if (const auto* id = written.find("NETWORK_UID")) {
    const auto number = natural_from(*id);
    if (!number) return fail(Errc::kInvalid, "NIC {}: NETWORK_UID = \"{}\" is no id", nic, *id);
    return UserId{*number};
  }
  const auto* name = written.find("NETWORK_UNAME");
  if (name == nullptr) return actor.user;
  const auto user = access::find_user_by_name(txn, *name);
  if (user) return user->id;
  return fail(Errc::kNotFound, "NIC {}: there is no user {} (NETWORK_UNAME)", nic, *name);
}

Result<Network> asked_network(db::Txn& txn, const access::Actor& actor, NicId nic,
                              const text::Vector& written) {
  if (const auto* id = written.find("NETWORK_ID")) {
    const auto number = natural_from(*id);
    if (!number) return fail(Errc::kInvalid, "NIC {}: NETWORK_ID = \"{}\" is no id", nic, *id);
    return find_network(txn, NetworkId{*number});
  }
  const std::string name = written.get("NETWORK");
  if (name.empty()) {
    return fail(Errc::kInvalid,
                "NIC {}: NETWORK_MODE = \"{}\" is not provided: say NETWORK or NETWORK_ID", nic,
                written.get("NETWORK_MODE"));
  }
  const UserId owner = TRY(owner_from(txn, actor, nic, written));
  if (const auto id = find_network_by_name(txn, owner, name)) return find_network(txn, *id);
  return fail(Errc::kNotFound,
              "NIC {}: user {} does not own a network with name: {}. Set NETWORK_UNAME or "
              "NETWORK_UID of its owner",
              nic, owner, name);
}

template <class Any>
Result<void> check_address(NicId nic, const text::Vector& written, std::string_view key) {
  const auto* text = written.find(key);
  if (text == nullptr || text->empty() || Any::parse(*text)) return {};
  return fail(Errc::kInvalid, "NIC {}: {} = \"{}\" is no address", nic, key, *text);
}

std::string id_list(const std::vector<ClusterId>& clusters) {
  return fmt::format("{}", fmt::join(clusters, ","));
}

/// What the network's row says, whatever is written.
void apply_row(const Network& network, text::Vector& nic) {
  const auto put = [&](std::string_view key, const std::string& value) {
    if (value.empty()) nic.erase(key);
    else nic.set(key, value);
  };
  put("NETWORK", network.name);
  put("NETWORK_ID", fmt::format("{}", network.id));
  put("BRIDGE", network.bridge);
  put("BRIDGE_TYPE", network.bridge_type);
  put("VN_MAD", network.vn_mad);
  put("PHYDEV", network.phydev);
  put("VLAN_ID", network.vlan_id);
  put("OUTER_VLAN_ID", network.outer_vlan_id);
  put("CLUSTER_ID", id_list(network.clusters));
  put("PARENT_NETWORK_ID", network.parent.is_set() ? fmt::format("{}", network.parent) : "");
}

/// USE of the groups that the NIC names itself; those of its network come along.
Result<std::vector<SecurityGroupId>> groups_of(db::Txn& txn, const access::Actor& actor,
                                               const Network& network,
                                               const text::Vector& written) {
  auto groups = TRY(parse_security_groups(written.get("SECURITY_GROUPS")));
  for (const auto id : groups) {
    const auto group = TRY(find_security_group(txn, id));
    CHECK_OK(access::authorize(txn, actor, access::Op::kUse, subject_of(group)));
  }
  for (const auto id : TRY(parse_security_groups(network.attributes.get("SECURITY_GROUPS")))) {
    // A group that was removed since has no rules any more.
    if (find_security_group(txn, id)) groups.push_back(id);
  }
  std::ranges::sort(groups);
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

struct Place {
  AddressRange range;
  std::int64_t position = 0;
};

/// Where an address that is asked for is; it must be free.
template <class Any>
Result<Place> place_of(db::Txn& txn, const NicAsk& ask, const std::vector<AddressRange>& ranges,
                       Any wanted) {
  for (const auto& range : ranges) {
    const auto position = range.find(wanted);
    if (!position) continue;
    const auto lease = find_lease(txn, range, *position);
    if (!lease) return Place{range, *position};
    return fail(Errc::kConflict, "NIC {}: address {} of virtual network [{}] is {}", ask.nic,
                wanted.text(), ask.network, holder_of(*lease));
  }
  return fail(Errc::kInvalid, "NIC {}: virtual network [{}] has no address {}", ask.nic,
              ask.network, wanted.text());
}

Result<Place> choose_place(db::Txn& txn, const NicAsk& ask) {
  const auto ranges = list_ranges(txn, ask.network);
  if (const auto ip = Ip4::parse(ask.attributes.get("IP")))
    return place_of(txn, ask, ranges, *ip);
  for (const auto* key : kIp6Keys) {
    if (const auto ip6 = Ip6::parse(ask.attributes.get(key)))
      return place_of(txn, ask, ranges, *ip6);
  }
  if (const auto mac = Mac::parse(ask.attributes.get("MAC")))
    return place_of(txn, ask, ranges, *mac);
  for (const auto& range : ranges) {
    if (const auto position = find_free(txn, range, 1)) return Place{range, *position};
  }
  return fail(Errc::kExhausted, "NIC {}: virtual network [{}] has no free address", ask.nic,
              ask.network);
}

/// A NIC may ask for several addresses: they must be those of one lease.
Result<void> check_asked(const NicAsk& ask, const Address& address) {
  const auto refuse = [&](std::string_view key) {
    return fail(Errc::kInvalid, "NIC {}: {} = \"{}\" does not belong to the other address it asks"
                " for in virtual network [{}]", ask.nic, key, ask.attributes.get(key), ask.network);
  };
  if (const auto mac = Mac::parse(ask.attributes.get("MAC")); mac && *mac != address.mac)
    return refuse("MAC");
  for (const auto* key : kIp6Keys) {
    const auto asked = Ip6::parse(ask.attributes.get(key));
    if (!asked) continue;
    const auto own = {address.ip6, address.ip6_global, address.ip6_ula, address.ip6_link};
    if (std::ranges::find(own, asked) == own.end()) return refuse(key);
  }
  return {};
}

void put_address(const Address& address, text::Vector& nic) {
  const auto put = [&](std::string_view key, const auto& value) {
    if (value) nic.set(key, value->text());
    else nic.erase(key);
  };
  nic.set("MAC", address.mac.text());
  put("IP", address.ip);
  put("IP6", address.ip6);
  put("IP6_GLOBAL", address.ip6_global);
  put("IP6_ULA", address.ip6_ula);
  put("IP6_LINK", address.ip6_link);
}

void inherit_all(text::Vector& nic, const text::Template& source) {
  for (const auto& attribute : source.attributes()) {
    if (const auto* value = std::get_if<std::string>(&attribute.value))
      nic.inherit(attribute.name, *value);
  }
}

void give_back(db::Txn& txn, const Lease& lease) {
  delete_leases(txn, lease);
  txn.touch(ObjectKind::kVm, lease.vm);
}

}  // namespace

bool wants_network(const text::Vector& nic) {
  return !nic.get("NETWORK").empty() || !nic.get("NETWORK_ID").empty() ||
         !nic.get("NETWORK_MODE").empty();
}

Result<NicAsk> read_nic(db::Txn& txn, const access::Actor& actor, NicId nic,
                        const text::Vector& written) {
  const auto network = TRY(asked_network(txn, actor, nic, written));
  CHECK_OK(access::authorize(txn, actor, access::Op::kUse, subject_of(network)));
  CHECK_OK(check_address<Ip4>(nic, written, "IP"));
  for (const auto* key : kIp6Keys)
    CHECK_OK(check_address<Ip6>(nic, written, key));
  CHECK_OK(check_address<Mac>(nic, written, "MAC"));
  NicAsk ask;
  ask.nic = nic;
  ask.network = network.id;
  ask.attributes = written;
  apply_row(network, ask.attributes);
  ask.inherited = network.attributes;
  ask.security_groups = TRY(groups_of(txn, actor, network, written));
  ask.clusters = network.clusters;
  return ask;
}

access::QuotaCharge charge_of(const NicAsk& ask) {
  return {"NETWORK", fmt::format("{}", ask.network), "LEASES", 1};
}

Result<text::Vector> take_lease(db::Txn& txn, const NicAsk& ask, VmId vm) {
  const auto place = TRY(choose_place(txn, ask));
  text::Vector nic = ask.attributes;
  const Address address = place.range.at(place.position);
  CHECK_OK(check_asked(ask, address));
  put_address(address, nic);
  nic.set("AR_ID", fmt::format("{}", place.range.id));
  inherit(nic, place.range.attributes);
  inherit(nic, ask.inherited);
  Lease lease;
  lease.network = ask.network;
  lease.range = place.range.id;
  lease.position = place.position;
  lease.vm = vm;
  lease.nic = ask.nic;
  insert_leases(txn, place.range, lease);
  for (const auto group : ask.security_groups) join_security_group(txn, group, vm, ask.nic);
  nic.set("SECURITY_GROUPS", fmt::format("{}", fmt::join(ask.security_groups, ",")));
  txn.touch(ObjectKind::kVm, vm);
  return nic;
}

Result<text::Vector> attach_nic(db::Txn& txn, const access::Actor& actor, const NicOwner& owner,
                                const text::Vector& written) {
  const auto ask = TRY(read_nic(txn, actor, owner.nic, written));
  CHECK_OK(access::check_quota(txn, owner.user, owner.group, {charge_of(ask)}));
  return take_lease(txn, ask, owner.vm);
}

void give_back(db::Txn& txn, VmId vm, NicId nic) {
  if (const auto lease = find_lease_of(txn, vm, nic)) give_back(txn, *lease);
  leave_security_groups(txn, vm, nic);
}

void give_back_all(db::Txn& txn, VmId vm) {
  for (const auto& lease : list_leases_of(txn, vm)) give_back(txn, vm, lease.nic);
}

Result<void> check_cluster(db::Txn& txn, VmId vm, ClusterId cluster) {
  for (const auto& lease : list_leases_of(txn, vm)) {
    const auto network = TRY(find_network(txn, lease.network));
    if (std::ranges::find(network.clusters, cluster) != network.clusters.end()) continue;
    return fail(Errc::kWrongState,
                "virtual network [{}] of NIC {} is not in cluster {} (it is in: {})", network.id,
                lease.nic, cluster,
                network.clusters.empty() ? "none" : id_list(network.clusters));
  }
  return {};
}

text::Vector with_network(db::Txn& txn, const text::Vector& nic) {
  text::Vector whole = nic;
  const auto network_id = natural_from(nic.get("NETWORK_ID"));
  if (!network_id) return whole;
  const NetworkId id{*network_id};
  const auto range_id = natural_from(nic.get("AR_ID"));
  if (range_id) {
    if (const auto range = find_range(txn, id, AddressRangeId{*range_id})) {
      inherit_all(whole, range->attributes);
      if (range->prefix_length > 0)
        whole.inherit("PREFIX_LENGTH", fmt::format("{}", range->prefix_length));
    }
  }
  if (const auto network = find_network(txn, id)) inherit_all(whole, network->attributes);
  return whole;
}

}  // namespace neph::network
