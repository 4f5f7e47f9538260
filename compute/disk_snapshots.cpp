#include <algorithm>

#include "access/quota.h"
#include "compute/disk_tree.h"
#include "compute/guest_facts.h"
#include "compute/internal/changes.h"
#include "compute/internal/plan.h"
#include "compute/vm_service.h"

/// Restore points of disks, as they are asked for. What makes them: disk_snapshot_job.cpp.
namespace neph::compute {
namespace {

using datastore::DiskSnapshot;

/// QEMU has the files of a guest open that is paused on its host.
Result<void> check_files_free(const Vm& vm) {
  if (vm.state != VmState::kSuspended || !vm.memory_path.empty()) return {};
  return fail(Errc::kWrongState,
              "virtual machine [{}] is paused on its host, which has its disks open: resume it "
              "first",
              vm.id);
}

Result<void> check_kind(const VmDisk& disk) {
  const bool is_fit = disk.kind == DiskKind::kImage && disk.is_present &&
                      !disk.attributes.is_yes("READONLY");
  if (is_fit) return {};
  return fail(Errc::kWrongState,
              "disk {} of virtual machine [{}] cannot have disk snapshots: it is volatile, "
              "read-only or not made yet",
              disk.id, disk.vm);
}

Result<DiskSnapshot> find_snapshot_of(db::Txn& txn, const VmDisk& disk, std::int64_t id) {
  auto found = datastore::find_disk_snapshot(txn, tree_of(disk), id);
  if (found) return found;
  return fail(Errc::kWrongState, "disk {} of virtual machine [{}] has no disk snapshot {}",
              disk.id, disk.vm, id);
}

Result<void> check_snapshot_room(db::Txn& txn, const Vm& vm, const VmDisk& disk) {
  const auto size = static_cast<double>(disk.size_mb);
  const auto image = datastore::find_image(txn, disk.image);
  if (!disk.is_persistent || !image) {
    return access::check_quota(txn, vm.owner, vm.group, {{"VM", "", "SYSTEM_DISK_SIZE", size}});
  }
  return access::check_quota(txn, image->owner, image->group,
                             {{"DATASTORE", fmt::format("{}", image->datastore), "SIZE", size}});
}

/// What stands on a restore point directly: others, and the disk itself. \returns kWrongState when
/// it is more than one
Result<void> check_removable(db::Txn& txn, const VmDisk& disk, const DiskSnapshot& snapshot) {
  int above = snapshot.is_active ? 1 : 0;
  for (const DiskSnapshot& other : datastore::list_disk_snapshots(txn, tree_of(disk))) {
    if (other.parent == snapshot.id) ++above;
  }
  if (above <= 1) return {};
  return fail(Errc::kWrongState,
              "disk snapshot {} of disk {} of virtual machine [{}] cannot be deleted: {} others "
              "stand on it, or the disk itself does",
              snapshot.id, disk.id, disk.vm, above - (snapshot.is_active ? 1 : 0));
}

internal::NewChange change_of(std::string_view kind, DiskId disk, std::int64_t snapshot,
                              UserId by) {
  internal::NewChange fresh{std::string(kind), {}, by};
  fresh.args.set("DISK", fmt::format("{}", disk));
  fresh.args.set("SNAPSHOT", fmt::format("{}", snapshot));
  return fresh;
}

void mark_busy(db::Txn& txn, VmDisk& disk, std::int64_t snapshot) {
  disk.attributes.set("DISK_SNAPSHOT_ACTIVE", "YES");
  disk.attributes.set("DISK_SNAPSHOT_ID", fmt::format("{}", snapshot));
  save_disk(txn, disk);
}

}  // namespace

datastore::DiskTree tree_of(const VmDisk& disk) {
  if (disk.is_persistent) return {disk.image, disk.vm, disk.id};
  return {{}, disk.vm, disk.id};
}

std::int64_t snapshots_mb(db::Txn& txn, const VmDisk& disk) {
  if (disk.is_persistent) return 0;
  std::int64_t total = 0;
  for (const auto& each : datastore::list_disk_snapshots(txn, tree_of(disk))) total += each.size_mb;
  return total;
}

Result<std::int64_t> VmService::create_disk_snapshot(db::Txn& txn, UserId by, VmId id,
                                                     DiskId disk_id, const std::string& name) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kCreateDiskSnapshot));
  VmDisk disk = TRY(internal::find_changeable_disk(txn, id, disk_id));
  CHECK_OK(check_kind(disk));
  CHECK_OK(check_files_free(vm));
  CHECK_OK(internal::check_disk_free(txn, disk, internal::Armed::kAllowed, "get a snapshot"));
  CHECK_OK(internal::check_no_system_snapshots(txn, id, "get a disk snapshot"));
  CHECK_OK(check_snapshot_room(txn, vm, disk));
  const std::int64_t number = datastore::take_disk_snapshot_number(txn, tree_of(disk));
  // Written down before it appears: whoever ends the VM removes it, and a start finds it.
  disk.overlay_path = internal::layer_path(disk, number);
  mark_busy(txn, disk, number);
  if (!disk.is_persistent) vm.disk_mb += disk.size_mb;
  auto change = change_of("vm.disksnapshot", disk_id, number, by);
  change.args.set("NAME", name);
  internal::begin_change(txn, vm, *row, change);
  return number;
}

Result<void> VmService::revert_disk_snapshot(db::Txn& txn, UserId by, VmId id, DiskId disk_id,
                                             std::int64_t snapshot) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kRevertDiskSnapshot));
  VmDisk disk = TRY(internal::find_changeable_disk(txn, id, disk_id));
  TRY(find_snapshot_of(txn, disk, snapshot));
  CHECK_OK(internal::check_disk_free(txn, disk, internal::Armed::kAllowed, "be reverted"));
  mark_busy(txn, disk, snapshot);
  internal::begin_change(txn, vm, *row, change_of("vm.diskrevert", disk_id, snapshot, by));
  return {};
}

Result<void> VmService::delete_disk_snapshot(db::Txn& txn, UserId by, VmId id, DiskId disk_id,
                                             std::int64_t snapshot_id) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kDeleteDiskSnapshot));
  VmDisk disk = TRY(internal::find_changeable_disk(txn, id, disk_id));
  const DiskSnapshot snapshot = TRY(find_snapshot_of(txn, disk, snapshot_id));
  CHECK_OK(check_removable(txn, disk, snapshot));
  CHECK_OK(check_files_free(vm));
  CHECK_OK(internal::check_disk_free(txn, disk, internal::Armed::kAllowed, "lose a snapshot"));
  CHECK_OK(internal::check_no_system_snapshots(txn, id, "lose a disk snapshot"));
  mark_busy(txn, disk, snapshot_id);
  internal::begin_change(txn, vm, *row, change_of("vm.disksnapdel", disk_id, snapshot_id, by));
  return {};
}

Result<void> VmService::rename_disk_snapshot(db::Txn& txn, VmId id, DiskId disk_id,
                                             std::int64_t snapshot_id, const std::string& name) {
  const VmDisk disk = TRY(internal::find_changeable_disk(txn, id, disk_id));
  DiskSnapshot snapshot = TRY(find_snapshot_of(txn, disk, snapshot_id));
  snapshot.name = name;
  datastore::save_disk_snapshot(txn, tree_of(disk), snapshot);
  return {};
}

}  // namespace neph::compute
