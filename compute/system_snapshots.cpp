#include "access/quota.h"
#include "compute/internal/changes.h"
#include "compute/internal/vm_rows.h"
#include "compute/system_snapshot.h"
#include "compute/vm_service.h"

/// System snapshots, as they are asked for. What makes them: system_snapshot_job.cpp.
namespace neph::compute {
namespace {

using hypervisor_driver::Operation;
using internal::NewChange;

/// A layer that a snapshot has put on a disk is folded away again: a restore point must neither
/// hold it nor go back behind it.
Result<void> check_layers_free(db::Txn& txn, VmId vm) {
  for (const VmDisk& disk : list_disks(txn, vm)) {
    CHECK_OK(internal::check_disk_free(txn, disk, internal::Armed::kAllowed,
                                       "be part of a system snapshot"));
  }
  return {};
}

NewChange snapshot_change(std::string_view kind, std::int64_t snapshot, UserId by) {
  NewChange fresh{std::string(kind), {}, by};
  fresh.args.set("SNAPSHOT", fmt::format("{}", snapshot));
  return fresh;
}

void begin_work(db::Txn& txn, SystemSnapshot& snapshot, SystemSnapshotWork work) {
  snapshot.work = work;
  save_system_snapshot(txn, snapshot);
}

}  // namespace

Result<void> internal::check_no_system_snapshots(db::Txn& txn, VmId vm, std::string_view what) {
  const auto all = list_system_snapshots(txn, vm);
  if (all.empty()) return {};
  return fail(Errc::kWrongState,
              "a disk of virtual machine [{}] cannot {} while the VM has system snapshots: delete "
              "system snapshot {} first",
              vm, what, all.front().id);
}

Result<std::int64_t> VmService::create_system_snapshot(db::Txn& txn, UserId by, VmId id,
                                                       const std::string& name) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kCreateSnapshot));
  CHECK_OK(internal::check_supported(txn, drivers_, vm, Operation::kSystemSnapshot));
  CHECK_OK(check_layers_free(txn, id));
  SystemSnapshot snapshot;
  snapshot.vm = id;
  snapshot.created = txn.at();
  snapshot.size_mb = vm.memory_mb;
  CHECK_OK(access::check_quota(
      txn, vm.owner, vm.group,
      {{"VM", "", "SYSTEM_DISK_SIZE", static_cast<double>(snapshot.size_mb)}}));
  snapshot.id = take_vm_number(txn, id, "snapshot", 0);
  snapshot.name = name.empty() ? fmt::format("snapshot-{}", snapshot.id) : name;
  vm.disk_mb += snapshot.size_mb;
  begin_work(txn, snapshot, SystemSnapshotWork::kCreate);
  internal::begin_change(txn, vm, *row, snapshot_change("vm.snapshot_create", snapshot.id, by));
  return snapshot.id;
}

Result<void> VmService::revert_system_snapshot(db::Txn& txn, UserId by, VmId id,
                                               std::int64_t number) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kRevertSnapshot));
  CHECK_OK(internal::check_supported(txn, drivers_, vm, Operation::kSystemSnapshot));
  SystemSnapshot snapshot = TRY(find_system_snapshot(txn, id, number));
  CHECK_OK(check_layers_free(txn, id));
  begin_work(txn, snapshot, SystemSnapshotWork::kRevert);
  internal::begin_change(txn, vm, *row, snapshot_change("vm.snapshot_revert", number, by));
  return {};
}

Result<void> VmService::delete_system_snapshot(db::Txn& txn, UserId by, VmId id,
                                               std::int64_t number) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kDeleteSnapshot));
  CHECK_OK(internal::check_supported(txn, drivers_, vm, Operation::kSystemSnapshot));
  SystemSnapshot snapshot = TRY(find_system_snapshot(txn, id, number));
  begin_work(txn, snapshot, SystemSnapshotWork::kDelete);
  internal::begin_change(txn, vm, *row, snapshot_change("vm.snapshot_delete", number, by));
  return {};
}

}  // namespace neph::compute
