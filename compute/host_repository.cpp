#include "compute/host.h"
#include "compute/internal/host_rows.h"
#include "compute/internal/stored.h"
#include "compute/vm.h"
#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"
#include "network/network.h"

namespace neph::compute {
namespace {

constexpr std::string_view kSelectHost =
    "SELECT h.id, h.name, h.cluster_id, c.name, h.im_mad, h.vm_mad, h.uri, h.admin_state,"
    " h.is_reachable, h.monitored_at, h.unreachable_since, h.error, h.cpu_total,"
    " h.memory_total_kb, h.memory_free_kb, h.facts, h.template, h.lost_at"
    " FROM hosts h JOIN clusters c ON c.id = h.cluster_id WHERE h.id = ?";

Host read_host(const db::Cursor& row) {
  Host host;
  host.id = row.get<HostId>(0);
  host.name = row.text(1);
  host.cluster = row.get<ClusterId>(2);
  host.cluster_name = row.text(3);
  host.im_mad = row.text(4);
  host.vm_mad = row.text(5);
  host.uri = row.text(6);
  host.admin = row.get<HostAdmin>(7);
  host.is_reachable = row.get<bool>(8);
  host.monitored = from_seconds(row.integer(9));
  host.unreachable_since = from_seconds(row.integer(10));
  host.error = row.text(11);
  host.cpu_total = row.integer(12);
  host.memory_total_kb = row.integer(13);
  host.memory_free_kb = row.integer(14);
  host.facts = db::stored_template(row.text(15));
  host.attributes = db::stored_template(row.text(16));
  host.lost = from_seconds(row.integer(17));
  return host;
}

/// The columns after the id, in the order of the two statements that write a host.
template <class Write>
void with_columns(const Host& host, Write&& write) {
  write(host.name, host.cluster, host.im_mad, host.vm_mad, host.uri, host.admin,
        host.is_reachable, host.monitored.seconds(), host.unreachable_since.seconds(), host.error,
        host.cpu_total, host.memory_total_kb, host.memory_free_kb, host.facts.to_text(),
        host.attributes.to_text(), host.lost.seconds());
}

void touch_host(db::Txn& txn, HostId host, ClusterId cluster) {
  txn.touch(ObjectKind::kHost, host);
  txn.touch(ObjectKind::kCluster, cluster);
}

}  // namespace

Result<Host> find_host(db::Txn& txn, HostId id) {
  auto rows = txn.query(kSelectHost, id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting host [{}].", id);
  return read_host(rows);
}

std::vector<HostId> list_hosts(db::Txn& txn) {
  return db::list_ids<HostId>(txn, "SELECT id FROM hosts ORDER BY id");
}

std::optional<HostId> find_host_by_name(db::Txn& txn, std::string_view name) {
  return txn.value<HostId>("SELECT id FROM hosts WHERE name = ?", name);
}

HostUse host_use(db::Txn& txn, HostId id) {
  HostUse use;
  double cores = 0;
  auto rows = txn.query(
      "SELECT id, state, cpu, memory_mb, disk_mb FROM vms WHERE host_id = ? AND state IN (3, 5, 8)"
      " ORDER BY id",
      id);
  while (rows.next()) {
    use.vms.push_back(rows.get<VmId>(0));
    use.running += rows.get<VmState>(1) == VmState::kActive ? 1 : 0;
    cores += rows.real(2);
    use.memory_kb += rows.integer(3) * 1024;
    use.disk_mb += rows.integer(4);
  }
  use.cpu_percent = static_cast<std::int64_t>(cores * 100 + 0.5);
  return use;
}

std::vector<std::string> list_leftovers_on(db::Txn& txn, HostId id) {
  std::vector<std::string> leftovers;
  auto vms = txn.query("SELECT id FROM vms WHERE host_id = ? AND state <> 6 ORDER BY id", id);
  while (vms.next()) leftovers.push_back(fmt::format("VM {}", vms.integer(0)));
  auto disks = txn.query(
      "SELECT d.vm_id, d.disk_id FROM vm_disks d JOIN vms v ON v.id = d.vm_id"
      " WHERE v.host_id = ? AND d.is_retained = 1 AND v.state = 6 ORDER BY d.vm_id, d.disk_id",
      id);
  while (disks.next()) {
    leftovers.push_back(fmt::format("disk {} of VM {}, which a snapshot keeps", disks.integer(1),
                                    disks.integer(0)));
  }
  return leftovers;
}

void forget_host_of_ended_vms(db::Txn& txn, HostId id) {
  txn.exec("UPDATE vms SET host_id = NULL WHERE host_id = ? AND state = 6", id);
}

HostId insert_host(db::Txn& txn, Host host) {
  host.id = db::take_id<HostId>(txn, "host");
  with_columns(host, [&](const auto&... columns) {
    txn.exec(
        "INSERT INTO hosts (id, name, cluster_id, im_mad, vm_mad, uri, admin_state, is_reachable,"
        " monitored_at, unreachable_since, error, cpu_total, memory_total_kb, memory_free_kb,"
        " facts, template, lost_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        host.id, columns...);
  });
  touch_host(txn, host.id, host.cluster);
  return host.id;
}

void save_host(db::Txn& txn, const Host& host) {
  const auto old_cluster = txn.value<ClusterId>("SELECT cluster_id FROM hosts WHERE id = ?",
                                                host.id);
  NEPH_ASSERT(old_cluster.has_value());
  with_columns(host, [&](const auto&... columns) {
    txn.exec(
        "UPDATE hosts SET name=?, cluster_id=?, im_mad=?, vm_mad=?, uri=?, admin_state=?,"
        " is_reachable=?, monitored_at=?, unreachable_since=?, error=?, cpu_total=?,"
        " memory_total_kb=?, memory_free_kb=?, facts=?, template=?, lost_at=? WHERE id=?",
        columns..., host.id);
  });
  txn.touch(ObjectKind::kHost, host.id);
  // Monitoring saves hosts all the time; the cluster's document shows only who is in it.
  if (*old_cluster == host.cluster) return;
  txn.touch(ObjectKind::kCluster, *old_cluster);
  txn.touch(ObjectKind::kCluster, host.cluster);
}

void delete_host_row(db::Txn& txn, HostId id) {
  const auto cluster = txn.value<ClusterId>("SELECT cluster_id FROM hosts WHERE id = ?", id);
  if (!cluster) return;
  txn.exec("DELETE FROM hosts WHERE id = ?", id);
  touch_host(txn, id, *cluster);
}

Result<Cluster> find_cluster(db::Txn& txn, ClusterId id) {
  auto rows = txn.query("SELECT id, name, template FROM clusters WHERE id = ?", id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting cluster [{}].", id);
  Cluster cluster;
  cluster.id = rows.get<ClusterId>(0);
  cluster.name = rows.text(1);
  cluster.attributes = db::stored_template(rows.text(2));
  cluster.hosts =
      db::list_ids<HostId>(txn, "SELECT id FROM hosts WHERE cluster_id = ? ORDER BY id", id);
  cluster.datastores = db::list_ids<DatastoreId>(
      txn, "SELECT datastore_id FROM cluster_datastores WHERE cluster_id = ? ORDER BY 1", id);
  cluster.networks = network::list_networks_in(txn, id);
  return cluster;
}

std::vector<ClusterId> list_clusters(db::Txn& txn) {
  return db::list_ids<ClusterId>(txn, "SELECT id FROM clusters ORDER BY id");
}

void bootstrap_clusters(db::Txn& txn) {
  txn.exec("INSERT OR IGNORE INTO clusters (id, name) VALUES (0, 'default')");
  txn.touch(ObjectKind::kCluster, ClusterId{0});
}

Result<Domain> find_domain(db::Txn& txn, VmId vm) {
  auto rows = txn.query("SELECT host_id, uuid FROM vms WHERE id = ?", vm);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting virtual machine [{}].", vm);
  const auto host_id = rows.get<HostId>(0);
  if (!host_id.is_set()) return fail(Errc::kWrongState, "VM {} is on no host", vm);
  const Host host = TRY(find_host(txn, host_id));
  if (host.lost.is_set()) {
    return fail(Errc::kWrongState, "host {} was declared lost: nothing runs there any more",
                host.name);
  }
  return Domain{{ref_of(host), domain_name(vm), rows.text(1)}, host.vm_mad};
}

}  // namespace neph::compute
