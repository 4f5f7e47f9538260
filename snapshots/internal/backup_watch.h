#pragma once

#include "drivers/datastore/driver.h"
#include "snapshots/internal/records.h"

/// A backup is a set of snapshots, all made at one instant into one image of type BACKUP. Its job,
/// snapshot.backup, only watches: it ends the VM's state when all of them are READY, and gives all
/// of them up when one fails or somebody cancels. Store lane.
namespace neph::snapshots {

/// Whether the snapshot makes a part of a backup.
[[nodiscard]] bool is_backup(db::Txn& txn, const Snapshot& snapshot);
/// The same for the snapshots that a job works for.
[[nodiscard]] bool is_backup(db::Txn& txn, const jobs::Job& job);
/// Lets the job of a backup look again; nothing for other images.
void wake_backup(db::Txn& txn, ImageId image);
/// A disk of it is whole.
void add_to_backup(db::Txn& txn, const datastore::Image& image, const Snapshot& snapshot,
                   const datastore_driver::CopyProof& proof);
/// A backup that was given up goes with the last of its snapshots.
void settle_given_up(db::Txn& txn, ImageId image);
/// Asks the job to stop. \returns kWrongState when the backup is over
[[nodiscard]] Result<void> cancel_backup(db::Txn& txn, ImageId image);

/// The VM shows its backup from here on. \returns kWrongState
[[nodiscard]] Result<void> begin_watching(db::Txn& txn, datastore::Image image, VmId vm,
                                          UserId by);
[[nodiscard]] jobs::KindSpec backup_watch();

}  // namespace neph::snapshots
