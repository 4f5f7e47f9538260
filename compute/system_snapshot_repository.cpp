#include <algorithm>

#include "compute/internal/stored.h"
#include "compute/internal/vm_rows.h"
#include "compute/system_snapshot.h"

namespace neph::compute {

std::vector<SystemSnapshot> list_system_snapshots(db::Txn& txn, VmId vm) {
  std::vector<SystemSnapshot> snapshots;
  auto rows = txn.query(
      "SELECT snapshot_id, name, created_at, size_mb, work FROM system_snapshots"
      " WHERE vm_id = ? ORDER BY snapshot_id",
      vm);
  while (rows.next()) {
    SystemSnapshot snapshot;
    snapshot.vm = vm;
    snapshot.id = rows.integer(0);
    snapshot.name = rows.text(1);
    snapshot.created = from_seconds(rows.integer(2));
    snapshot.size_mb = rows.integer(3);
    snapshot.work = rows.get<SystemSnapshotWork>(4);
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

Result<SystemSnapshot> find_system_snapshot(db::Txn& txn, VmId vm, std::int64_t id) {
  const auto all = list_system_snapshots(txn, vm);
  const auto found = std::ranges::find(all, id, &SystemSnapshot::id);
  if (found != all.end()) return *found;
  return fail(Errc::kWrongState, "virtual machine [{}] has no system snapshot {}", vm, id);
}

void save_system_snapshot(db::Txn& txn, const SystemSnapshot& snapshot) {
  txn.exec(
      "INSERT INTO system_snapshots (vm_id, snapshot_id, name, created_at, size_mb, work)"
      " VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET name = excluded.name,"
      " created_at = excluded.created_at, size_mb = excluded.size_mb, work = excluded.work",
      snapshot.vm, snapshot.id, snapshot.name, snapshot.created.seconds(), snapshot.size_mb,
      snapshot.work);
  txn.touch(ObjectKind::kVm, snapshot.vm);
}

void delete_system_snapshot(db::Txn& txn, Vm& vm, const SystemSnapshot& snapshot) {
  txn.exec("DELETE FROM system_snapshots WHERE vm_id = ? AND snapshot_id = ?", vm.id, snapshot.id);
  vm.disk_mb = std::max<std::int64_t>(vm.disk_mb - snapshot.size_mb, 0);
  txn.touch(ObjectKind::kVm, vm.id);
}

void forget_system_snapshots(db::Txn& txn, Vm& vm) {
  for (const auto& snapshot : list_system_snapshots(txn, vm.id)) {
    delete_system_snapshot(txn, vm, snapshot);
  }
}

std::string hypervisor_name(const SystemSnapshot& snapshot) {
  return fmt::format("snap-{}", snapshot.id);
}

}  // namespace neph::compute
