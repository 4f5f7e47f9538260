#include "compute/cluster.h"

#include <fmt/ranges.h>

#include "access/directory.h"
#include "compute/internal/cluster_rows.h"

namespace neph::compute {
namespace {

Result<void> check_cluster_name_free(db::Txn& txn, ClusterId id, std::string_view name) {
  const auto other = find_cluster_by_name(txn, name);
  if (!other || *other == id) return {};
  return fail(Errc::kConflict, "NAME is already taken by CLUSTER {}.", *other);
}

}  // namespace

Result<ClusterId> create_cluster(db::Txn& txn, const std::string& name) {
  CHECK_OK(access::check_name("cluster", name));
  CHECK_OK(check_cluster_name_free(txn, {}, name));
  Cluster cluster;
  cluster.name = name;
  return insert_cluster(txn, cluster);
}

Result<void> delete_cluster(db::Txn& txn, ClusterId id) {
  const Cluster cluster = TRY(find_cluster(txn, id));
  if (id == kDefaultCluster) {
    return fail(Errc::kWrongState, "Cannot delete cluster {}: it is the default one", id);
  }
  if (!cluster.hosts.empty()) {
    return fail(Errc::kWrongState, "Cannot delete cluster {}, there are still hosts in it: {}", id,
                fmt::join(cluster.hosts, ", "));
  }
  if (!cluster.datastores.empty()) {
    return fail(Errc::kWrongState, "Cannot delete cluster {}, there are still datastores in it: {}",
                id, fmt::join(cluster.datastores, ", "));
  }
  if (!cluster.networks.empty()) {
    return fail(Errc::kWrongState, "Cannot delete cluster {}, there are still networks in it: {}",
                id, fmt::join(cluster.networks, ", "));
  }
  delete_cluster_row(txn, id);
  return {};
}

Result<void> rename_cluster(db::Txn& txn, ClusterId id, const std::string& name) {
  Cluster cluster = TRY(find_cluster(txn, id));
  CHECK_OK(access::check_name("cluster", name));
  CHECK_OK(check_cluster_name_free(txn, id, name));
  cluster.name = name;
  save_cluster(txn, cluster);
  return {};
}

Result<void> update_cluster(db::Txn& txn, const ClusterChange& ask) {
  Cluster cluster = TRY(find_cluster(txn, ask.id));
  if (ask.is_append) cluster.attributes.merge(ask.change);
  else cluster.attributes = ask.change;
  CHECK_OK(cluster.attributes.check_limits());
  save_cluster(txn, cluster);
  return {};
}

Result<void> move_host(db::Txn& txn, HostId id, ClusterId cluster) {
  Host host = TRY(find_host(txn, id));
  (void)TRY(find_cluster(txn, cluster));
  if (host.cluster == cluster) return {};
  host.cluster = cluster;
  save_host(txn, host);
  return {};
}

}  // namespace neph::compute
