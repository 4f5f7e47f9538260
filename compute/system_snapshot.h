#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "db/database.h"

/// Restore points of a running VM, memory and disks, as rows. They are the hypervisor's and last as
/// long as the guest runs where it is: its stop and its move to another host end them. Store lane.
namespace neph::compute {

/// Stored: append-only.
enum class SystemSnapshotWork { kNone = 0, kCreate = 1, kRevert = 2, kDelete = 3 };

struct SystemSnapshot {
  VmId vm;
  std::int64_t id = -1;        ///< number within the VM; none is given twice
  std::string name;
  Instant created;
  std::int64_t size_mb = 0;    ///< charged to SYSTEM_DISK_SIZE, within the VM's disk_mb
  SystemSnapshotWork work = SystemSnapshotWork::kNone;  ///< what a job of the VM does to it
};

/// By ascending number.
[[nodiscard]] std::vector<SystemSnapshot> list_system_snapshots(db::Txn& txn, VmId vm);
/// \returns kWrongState "... has no system snapshot 7"
[[nodiscard]] Result<SystemSnapshot> find_system_snapshot(db::Txn& txn, VmId vm, std::int64_t id);
/// Inserts or changes; touches the VM.
void save_system_snapshot(db::Txn& txn, const SystemSnapshot& snapshot);

/// What the hypervisor calls it: "snap-<id>".
[[nodiscard]] std::string hypervisor_name(const SystemSnapshot& snapshot);

}  // namespace neph::compute
