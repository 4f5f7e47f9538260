#include "compute/internal/recreate.h"

#include <algorithm>

#include "compute/disk_tree.h"
#include "compute/guest_facts.h"
#include "datastore/holds.h"

namespace neph::compute::internal {
namespace {

/// A wait is over when the hold is released; now and then it looks by itself all the same.
constexpr Duration kHoldLookInterval{60'000};

bool is_own(const VmDisk& disk) { return !disk.is_persistent && disk.kind != DiskKind::kCdrom; }

}  // namespace

std::optional<jobs::Next> wait_for_snapshots(db::Txn& txn, const jobs::Job& job, Vm& vm,
                                             Stand given_up) {
  const auto holds = datastore::list_holds(txn, vm.id);
  if (holds.empty()) return std::nullopt;
  if (job.is_cancel_asked) {
    const Error error = ended_by_recover();
    set_stand(vm, given_up);
    put_error(vm, txn.at(), error.text());
    vm.job = {};
    save_vm(txn, vm);
    return jobs::failed(error);
  }
  const datastore::Hold& first = holds.front();
  vm.wait_reason = fmt::format("snapshot {} needs disk {} first", first.snapshot, first.disk);
  save_vm(txn, vm);
  return jobs::wait_for(datastore::released_key(vm.id, first.disk), kHoldLookInterval,
                        vm.wait_reason);
}

void intend_removal(db::Txn& txn, Vm& vm) {
  for (VmDisk& disk : list_disks(txn, vm.id)) {
    disk.is_present = false;
    save_disk(txn, disk);
  }
  vm.wait_reason.clear();
  save_vm(txn, vm);
}

void forget_disks(db::Txn& txn, Vm& vm) {
  for (VmDisk& disk : list_disks(txn, vm.id)) {
    if (!is_own(disk)) continue;
    vm.disk_mb = std::max<std::int64_t>(vm.disk_mb - snapshots_mb(txn, disk), 0);
    datastore::delete_all_disk_snapshots(txn, tree_of(disk));
    disk.overlay_path.clear();
    if (disk.attributes.has("DISK_SNAPSHOT_TOTAL_SIZE")) {
      disk.attributes.set("DISK_SNAPSHOT_TOTAL_SIZE", "0");
    }
    save_disk(txn, disk);
  }
  vm.memory_path.clear();
  vm.rest_grade = datastore::Grade::kNone;
}

}  // namespace neph::compute::internal
