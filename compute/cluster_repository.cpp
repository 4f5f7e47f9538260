#include "compute/internal/cluster_rows.h"
#include "db/counters.h"

namespace neph::compute {

std::optional<ClusterId> find_cluster_by_name(db::Txn& txn, std::string_view name) {
  return txn.value<ClusterId>("SELECT id FROM clusters WHERE name = ?", name);
}

ClusterId insert_cluster(db::Txn& txn, const Cluster& cluster) {
  const auto id = db::take_id<ClusterId>(txn, "cluster");
  txn.exec("INSERT INTO clusters (id, name, template) VALUES (?, ?, ?)", id, cluster.name,
           cluster.attributes.to_text());
  txn.touch(ObjectKind::kCluster, id);
  return id;
}

void save_cluster(db::Txn& txn, const Cluster& cluster) {
  txn.exec("UPDATE clusters SET name = ?, template = ? WHERE id = ?", cluster.name,
           cluster.attributes.to_text(), cluster.id);
  txn.touch(ObjectKind::kCluster, cluster.id);
  for (const HostId host : cluster.hosts) txn.touch(ObjectKind::kHost, host);
}

void delete_cluster_row(db::Txn& txn, ClusterId id) {
  txn.exec("DELETE FROM clusters WHERE id = ?", id);
  txn.touch(ObjectKind::kCluster, id);
}

}  // namespace neph::compute
