#pragma once

#include <string>
#include <string_view>

#include "compute/lifecycle.h"
#include "datastore/image.h"

/// What a scheduled action does: its name with its ARGS. Facts: OpenNebula 7.4.
namespace neph::compute::internal {

enum class WorkKind {
  kAction,  ///< of one.vm.action
  kBackup,
  kSnapshotCreate,
  kSnapshotRevert,
  kSnapshotDelete,
  kDiskSnapshotCreate,
  kDiskSnapshotRevert,
  kDiskSnapshotDelete,
};

struct ScheduledWork {
  WorkKind what = WorkKind::kAction;
  Action action = Action::kHold;   ///< kAction
  DatastoreId datastore;           ///< kBackup; unset: that of the last backup
  DiskId disk;                     ///< of disk snapshots
  std::int64_t snapshot = -1;      ///< what is reverted to, or deleted
  std::string name;                ///< of what is created
};

/// ARGS are words with commas between them: of backup DATASTORE_ID and RESET, which changes nothing
/// where all backups are whole; of snapshot-create NAME, of snapshot-revert and -delete
/// SNAPSHOT_ID; of disk-snapshot-create DISK_ID and NAME, of disk-snapshot-revert and -delete
/// DISK_ID and SNAPSHOT_ID. Actions of one.vm.action take none.
/// \returns kInvalid naming what is wrong
[[nodiscard]] Result<ScheduledWork> read_scheduled_work(std::string_view action,
                                                        std::string_view args);

}  // namespace neph::compute::internal
