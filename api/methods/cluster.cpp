#include "api/internal/methods.h"
#include "compute/cluster.h"

namespace neph::api {
namespace {

using access::Op;

struct ShowCluster {
  ClusterId cluster;
  bool decrypt = false;
};
struct AllocateCluster {
  std::string name;
};
struct OnCluster {
  ClusterId cluster;
};
struct UpdateCluster {
  ClusterId cluster;
  std::string content;
  std::int64_t update_type = 0;
};
struct RenameCluster {
  ClusterId cluster;
  std::string name;
};
struct HostInCluster {
  ClusterId cluster;
  HostId host;
};
struct DatastoreInCluster {
  ClusterId cluster;
  DatastoreId datastore;
};
struct NetworkInCluster {
  ClusterId cluster;
  NetworkId network;
};

/// The right on the cluster itself, for arguments that have a field `cluster`.
template <Op op>
constexpr auto on_cluster = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kCluster, ask.cluster);
};

Result<void> may_move_host(Call& call, const HostInCluster& ask) {
  return need(call, Op::kAdmin, ObjectKind::kHost, ask.host);
}

/// A host that leaves any cluster goes into the default one, so that is whose right counts.
Result<void> may_fill_default_cluster(Call& call, const HostInCluster&) {
  return need(call, Op::kAdmin, ObjectKind::kCluster, compute::kDefaultCluster);
}

Result<void> may_move_datastore(Call& call, const DatastoreInCluster& ask) {
  return need(call, Op::kAdmin, ObjectKind::kDatastore, ask.datastore);
}

Result<void> may_move_network(Call& call, const NetworkInCluster& ask) {
  return need(call, Op::kAdmin, ObjectKind::kNetwork, ask.network);
}

Result<ClusterId> allocate_cluster(Call& call, const AllocateCluster& ask) {
  return compute::create_cluster(call.txn(), ask.name);
}

Result<ClusterId> delete_cluster(Call& call, const OnCluster& ask) {
  CHECK_OK(compute::delete_cluster(call.txn(), ask.cluster));
  CHECK_OK(site::forget_resource(call.txn(), call.services().vdc_rights,
                                 site::VdcKind::kCluster, ask.cluster.value));
  return ask.cluster;
}

Result<ClusterId> update_cluster(Call& call, const UpdateCluster& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(compute::update_cluster(call.txn(), {ask.cluster, change, appends}));
  return ask.cluster;
}

Result<ClusterId> rename_cluster(Call& call, const RenameCluster& ask) {
  CHECK_OK(compute::rename_cluster(call.txn(), ask.cluster, ask.name));
  return ask.cluster;
}

Result<ClusterId> add_host(Call& call, const HostInCluster& ask) {
  CHECK_OK(compute::move_host(call.txn(), ask.host, ask.cluster));
  return ask.cluster;
}

Result<ClusterId> remove_host(Call& call, const HostInCluster& ask) {
  CHECK_OK(compute::move_host(call.txn(), ask.host, compute::kDefaultCluster));
  return ask.cluster;
}

Result<ClusterId> add_datastore(Call& call, const DatastoreInCluster& ask) {
  CHECK_OK(call.services().images.add_to_cluster(call.txn(), ask.datastore, ask.cluster));
  return ask.cluster;
}

Result<ClusterId> remove_datastore(Call& call, const DatastoreInCluster& ask) {
  CHECK_OK(call.services().images.remove_from_cluster(call.txn(), ask.datastore, ask.cluster));
  return ask.cluster;
}

Result<ClusterId> add_network(Call& call, const NetworkInCluster& ask) {
  CHECK_OK(call.services().networks.add_to_cluster(call.txn(), ask.network, ask.cluster));
  return ask.cluster;
}

Result<ClusterId> remove_network(Call& call, const NetworkInCluster& ask) {
  CHECK_OK(call.services().networks.remove_from_cluster(call.txn(), ask.network, ask.cluster));
  return ask.cluster;
}

Result<EscapedText> show_cluster(Call& call, const ShowCluster& ask) {
  return show(call, ObjectKind::kCluster, ask.cluster.value);
}

Result<EscapedText> list_clusters(Call& call) {
  return list(call, ObjectKind::kCluster, "CLUSTER_POOL", {});
}

void add_cluster_changes(Registry<Call>& registry) {
  registry.add({
      method("one.cluster.allocate", &allocate_cluster)
          .writes()
          .args("name")
          .needs("CREATE CLUSTER", may_create<access::Resource::kCluster>)
          .doc("Makes a cluster with nothing in it.")
          .answers("id of the new cluster"),
      method("one.cluster.delete", &delete_cluster)
          .writes()
          .args("cluster")
          .needs("ADMIN CLUSTER", on_cluster<Op::kAdmin>)
          .doc("Removes a cluster in which there are no hosts, datastores and networks. The "
               "default cluster, 0, stays.")
          .answers("id of the cluster"),
      method("one.cluster.update", &update_cluster)
          .writes()
          .args("cluster", "template", "update_type")
          .required(2)
          .needs("MANAGE CLUSTER", on_cluster<Op::kManage>)
          .doc("Changes the attributes of a cluster: update type 0 replaces them, 1 merges. "
               "RESERVED_CPU and RESERVED_MEM count for its hosts that have none of their own.")
          .answers("id of the cluster"),
      method("one.cluster.rename", &rename_cluster)
          .writes()
          .args("cluster", "name")
          .needs("MANAGE CLUSTER", on_cluster<Op::kManage>)
          .doc("Renames a cluster.")
          .answers("id of the cluster"),
  });
}

void add_members(Registry<Call>& registry) {
  registry.add({
      method("one.cluster.addhost", &add_host)
          .writes()
          .args("cluster", "host")
          .needs("ADMIN CLUSTER", on_cluster<Op::kAdmin>)
          .needs("ADMIN HOST", &may_move_host)
          .doc("Moves a host into a cluster, out of the one it was in.")
          .answers("id of the cluster"),
      method("one.cluster.delhost", &remove_host)
          .writes()
          .args("cluster", "host")
          .needs("ADMIN of CLUSTER 0", &may_fill_default_cluster)
          .needs("ADMIN HOST", &may_move_host)
          .doc("Moves a host into the default cluster, whichever it was in; the cluster that is "
               "named does not matter.")
          .answers("id of the cluster"),
      method("one.cluster.adddatastore", &add_datastore)
          .writes()
          .args("cluster", "datastore")
          .needs("ADMIN CLUSTER", on_cluster<Op::kAdmin>)
          .needs("ADMIN DATASTORE", &may_move_datastore)
          .doc("Puts a datastore into a cluster; it stays in the others it is in.")
          .answers("id of the cluster"),
      method("one.cluster.deldatastore", &remove_datastore)
          .writes()
          .args("cluster", "datastore")
          .needs("ADMIN CLUSTER", on_cluster<Op::kAdmin>)
          .needs("ADMIN DATASTORE", &may_move_datastore)
          .legacy_code(Errc::kWrongState, kInternalCode)
          .doc("Takes a datastore out of a cluster, unless VMs on the hosts of the cluster use "
               "it.")
          .answers("id of the cluster"),
  });
}

void add_networks(Registry<Call>& registry) {
  registry.add({
      method("one.cluster.addvnet", &add_network)
          .writes()
          .args("cluster", "network")
          .needs("ADMIN CLUSTER", on_cluster<Op::kAdmin>)
          .needs("ADMIN NET", &may_move_network)
          .doc("Puts a virtual network into a cluster; it stays in the others it is in.")
          .answers("id of the cluster"),
      method("one.cluster.delvnet", &remove_network)
          .writes()
          .args("cluster", "network")
          .needs("ADMIN CLUSTER", on_cluster<Op::kAdmin>)
          .needs("ADMIN NET", &may_move_network)
          .legacy_code(Errc::kWrongState, kInternalCode)
          .doc("Takes a virtual network out of a cluster, unless VMs on the hosts of the cluster "
               "use it.")
          .answers("id of the cluster"),
  });
}

void add_cluster_documents(Registry<Call>& registry) {
  registry.add({
      method("one.cluster.info", &show_cluster)
          .reads()
          .args("cluster", "decrypt")
          .required(1)
          .needs("USE CLUSTER", on_cluster<Op::kUse>)
          .doc("Shows a cluster. Nothing is stored encrypted, so decrypt changes nothing.")
          .answers("CLUSTER document"),
      method("one.clusterpool.info", &list_clusters)
          .reads()
          .for_anyone()
          .doc("Lists the clusters the caller may use.")
          .answers("CLUSTER_POOL document"),
  });
}

}  // namespace

void add_cluster_methods(Registry<Call>& registry) {
  add_cluster_changes(registry);
  add_members(registry);
  add_networks(registry);
  add_cluster_documents(registry);
}

}  // namespace neph::api
