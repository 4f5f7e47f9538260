#include "api/internal/owned_methods.h"

namespace neph::api {
namespace {

using access::Op;
using network::NetworkService;

struct AllocateNetwork {
  std::string content;
  ClusterId cluster;
};
struct ShowNetwork {
  NetworkId network;
  bool decrypt = false;
};
struct OnNetwork {
  NetworkId network;
};
struct WriteNetwork {
  NetworkId network;
  std::string content;
};
struct UpdateNetwork {
  NetworkId network;
  std::string content;
  std::int64_t update_type = 0;
};
struct RenameNetwork {
  NetworkId network;
  std::string name;
};
struct RemoveRange {
  NetworkId network;
  AddressRangeId range;
  bool is_forced = false;
};
struct FreeRange {
  NetworkId network;
  AddressRangeId range;
};
struct RecoverNetwork {
  NetworkId network;
  std::int64_t operation = 0;
};
struct ChmodNetwork {
  NetworkId network;
  std::int64_t owner_use, owner_manage, owner_admin;
  std::int64_t group_use, group_manage, group_admin;
  std::int64_t other_use, other_manage, other_admin;
};
struct ChownNetwork {
  NetworkId network;
  UserId user;
  GroupId group;
};
struct ListNetworks {
  std::int64_t filter = -2;
  std::int64_t start = -1;
  std::int64_t end = -1;
};

/// The right on the network itself, for arguments that have a field `network`.
template <Op op>
constexpr auto on_network = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kNetwork, ask.network);
};

NetworkService& networks(Call& call) { return call.services().networks; }

Result<void> may_allocate_network(Call& call, const AllocateNetwork& ask) {
  CHECK_OK(need_create(call, access::Resource::kNet));
  if (!ask.cluster.is_set()) return {};
  return need(call, Op::kAdmin, ObjectKind::kCluster, ask.cluster);
}

Result<NetworkId> allocate_network(Call& call, const AllocateNetwork& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  return networks(call).allocate(call.txn(), call.actor(), content, ask.cluster);
}

Result<NetworkId> delete_network(Call& call, const OnNetwork& ask) {
  CHECK_OK(networks(call).remove(call.txn(), ask.network));
  CHECK_OK(site::forget_resource(call.txn(), call.services().vdc_rights,
                                 site::VdcKind::kNetwork, ask.network.value));
  return ask.network;
}

Result<NetworkId> update_network(Call& call, const UpdateNetwork& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(networks(call).update(call.txn(), call.actor(), {ask.network, change, appends}));
  return ask.network;
}

Result<NetworkId> rename_network(Call& call, const RenameNetwork& ask) {
  CHECK_OK(networks(call).rename(call.txn(), ask.network, ask.name));
  return ask.network;
}

Result<void> may_chmod_network(Call& call, const ChmodNetwork& ask) {
  const auto found = TRY(network::find_network(call.txn(), ask.network));
  const auto right = access::right_needed(found.permissions, change_of(ask));
  return need(call, right, ObjectKind::kNetwork, ask.network);
}

Result<NetworkId> chmod_network(Call& call, const ChmodNetwork& ask) {
  const auto found = TRY(network::find_network(call.txn(), ask.network));
  const auto permissions = TRY(access::apply(found.permissions, change_of(ask)));
  CHECK_OK(networks(call).chmod(call.txn(), ask.network, permissions));
  return ask.network;
}

Result<void> may_chown_network(Call& call, const ChownNetwork& ask) {
  return need_chown(call, ObjectKind::kNetwork, ask.network.value, ask.user, ask.group);
}

Result<NetworkId> chown_network(Call& call, const ChownNetwork& ask) {
  CHECK_OK(networks(call).chown(call.txn(), ask.network, ask.user, ask.group));
  return ask.network;
}

Result<NetworkId> add_ranges(Call& call, const WriteNetwork& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  CHECK_OK(networks(call).add_ranges(call.txn(), call.actor(), ask.network, content));
  return ask.network;
}

Result<NetworkId> update_range(Call& call, const WriteNetwork& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  CHECK_OK(networks(call).update_range(call.txn(), call.actor(), ask.network, content));
  return ask.network;
}

Result<NetworkId> remove_range(Call& call, const RemoveRange& ask) {
  const auto held = ask.is_forced ? NetworkService::Held::kDropped : NetworkService::Held::kForbids;
  CHECK_OK(networks(call).remove_range(call.txn(), ask.network, ask.range, held));
  return ask.network;
}

Result<NetworkId> free_range(Call& call, const FreeRange& ask) {
  CHECK_OK(networks(call).free_range(call.txn(), ask.network, ask.range));
  return ask.network;
}

Result<NetworkId> reserve(Call& call, const WriteNetwork& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  return networks(call).reserve(call.txn(), call.actor(), ask.network, content);
}

Result<NetworkId> hold(Call& call, const WriteNetwork& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  CHECK_OK(networks(call).hold(call.txn(), ask.network, content));
  return ask.network;
}

Result<NetworkId> release(Call& call, const WriteNetwork& ask) {
  const auto content = TRY(text::Template::parse(ask.content));
  CHECK_OK(networks(call).release(call.txn(), ask.network, content));
  return ask.network;
}

Result<NetworkId> recover(Call& call, const RecoverNetwork& ask) {
  using How = network::NetworkService::Recover;
  if (ask.operation < 0 || ask.operation > static_cast<int>(How::kRetry)) {
    return fail(Errc::kInvalid, "Wrong recovery operation {}: 0 failure, 1 success, 2 delete, "
                "3 retry", ask.operation);
  }
  const auto how = static_cast<How>(ask.operation);
  CHECK_OK(call.services().networks.recover(call.txn(), ask.network, how));
  return ask.network;
}

Result<EscapedText> show_network(Call& call, const ShowNetwork& ask) {
  const auto entry = TRY(call.view().find(ObjectKind::kNetwork, ask.network.value));
  return as_document(view::visible_document(call.view(), *entry, call.actor()));
}

Result<EscapedText> list_networks(Call& call, const ListNetworks& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  which.start = ask.start;
  which.end = ask.end;
  return list(call, ObjectKind::kNetwork, "VNET_POOL", which);
}

void add_network_life_cycle(Registry<Call>& registry) {
  registry.add({
      method("one.vn.allocate", &allocate_network)
          .writes()
          .args("template", "cluster")
          .required(1)
          .needs("CREATE NET, ADMIN of a CLUSTER that is named", &may_allocate_network)
          .doc("Makes a virtual network in a cluster; -1 is the default one. Hosts are not changed:"
               " its BRIDGE must be there.")
          .answers("id of the network"),
      method("one.vn.delete", &delete_network)
          .writes()
          .args("network")
          .needs("MANAGE NET", on_network<Op::kManage>)
          .doc("Removes a network without leases and reservations. A reservation gives its "
               "addresses back.")
          .answers("id of the network"),
      method("one.vn.recover", &recover)
          .writes()
          .args("network", "operation")
          .needs("MANAGE NET", on_network<Op::kManage>)
          .doc("Leads a network out of ERROR, in which an address range of impossible SIZE leaves "
               "it: 1 makes it READY without ranges, 2 deletes it, 0 and 3 leave it as it is.")
          .answers("id of the network"),
  });
}

void add_network_changes(Registry<Call>& registry) {
  registry.add({
      method("one.vn.update", &update_network)
          .writes()
          .args("network", "template", "update_type")
          .required(2)
          .needs("MANAGE NET", on_network<Op::kManage>)
          .doc("Replaces (0) or merges (1) the attributes of a network. VN_MAD, BRIDGE, PHYDEV and "
               "VLANs that are not written stay. NICs keep what they have: their VMs are shown in "
               "OUTDATED_VMS.")
          .answers("id of the network"),
      method("one.vn.rename", &rename_network)
          .writes()
          .args("network", "name")
          .needs("MANAGE NET", on_network<Op::kManage>)
          .doc("Renames a network.")
          .answers("id of the network"),
      method("one.vn.chmod", &chmod_network)
          .writes()
          .args("network", "owner_u", "owner_m", "owner_a", "group_u", "group_m", "group_a",
                "other_u", "other_m", "other_a")
          .needs("MANAGE NET, for the bits *_a ADMIN NET", &may_chmod_network)
          .doc("Changes permissions; each bit is -1 keep, 0 clear, 1 set.")
          .answers("id of the network"),
      method("one.vn.chown", &chown_network)
          .writes()
          .args("network", "user", "group")
          .needs("MANAGE NET, MANAGE of another USER, USE of another GROUP", &may_chown_network)
          .doc("Gives a network to another user, another group, or both; -1 keeps.")
          .answers("id of the network"),
  });
}

void add_ranges_methods(Registry<Call>& registry) {
  registry.add({
      method("one.vn.add_ar", &add_ranges)
          .writes()
          .args("network", "template")
          .needs("ADMIN NET", on_network<Op::kAdmin>)
          .doc("Adds address ranges, AR = [ TYPE, IP, SIZE ... ]. Ranges of a network have no "
               "address in common.")
          .answers("id of the network"),
      method("one.vn.update_ar", &update_range)
          .writes()
          .args("network", "template")
          .needs("MANAGE NET", on_network<Op::kManage>)
          .legacy_code(Errc::kWrongState, kInternalCode)
          .doc("Changes the range that AR_ID names: SIZE, prefixes and further attributes.")
          .answers("id of the network"),
      method("one.vn.rm_ar", &remove_range)
          .writes()
          .args("network", "range", "force")
          .required(2)
          .needs("ADMIN NET", on_network<Op::kAdmin>)
          .doc("Removes an address range. With force, addresses on hold do not stand in the way; "
               "those of VMs and reservations always do.")
          .answers("id of the network"),
      method("one.vn.free_ar", &free_range)
          .writes()
          .args("network", "range")
          .needs("MANAGE NET", on_network<Op::kManage>)
          .doc("Gives a reserved address range back.")
          .answers("id of the network"),
  });
}

void add_leases(Registry<Call>& registry) {
  registry.add({
      method("one.vn.reserve", &reserve)
          .writes()
          .args("network", "template")
          .needs("USE NET", on_network<Op::kUse>)
          .doc("Reserves SIZE addresses in a row for a new network NAME, or for the reservation "
               "NETWORK_ID, which needs MANAGE NET; AR_ID, IP, IP6 or MAC say where.")
          .answers("id of the network with the reservation"),
      method("one.vn.hold", &hold)
          .writes()
          .args("network", "template")
          .needs("MANAGE NET", on_network<Op::kManage>)
          .doc("Puts a free address on hold, LEASES = [ IP, or IP6, or MAC ]: nobody gets it.")
          .answers("id of the network"),
      method("one.vn.release", &release)
          .writes()
          .args("network", "template")
          .needs("MANAGE NET", on_network<Op::kManage>)
          .doc("Frees an address that is on hold.")
          .answers("id of the network"),
  });
}

void add_network_documents(Registry<Call>& registry) {
  registry.add({
      method("one.vn.info", &show_network)
          .reads()
          .args("network", "decrypt")
          .required(1)
          .needs("USE NET", on_network<Op::kUse>)
          .doc("Shows a network, of its leases those of VMs and networks that the caller may use. "
               "No attribute is stored encrypted, so decrypt changes nothing.")
          .answers("VNET document"),
      method("one.vnpool.info", &list_networks)
          .reads()
          .args("filter", "start", "end")
          .for_anyone()
          .doc("Lists the networks the caller may use, without leases.")
          .answers("VNET_POOL document"),
  });
}

}  // namespace

void add_network_methods(Registry<Call>& registry) {
  add_network_life_cycle(registry);
  add_network_changes(registry);
  add_ranges_methods(registry);
  add_leases(registry);
  add_network_documents(registry);
  add_lock_methods(registry, {"vn", "NET", ObjectKind::kNetwork});
}

}  // namespace neph::api
