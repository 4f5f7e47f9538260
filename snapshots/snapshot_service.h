#pragma once

#include <string>
#include <vector>

#include "access/permissions.h"
#include "compute/vm_service.h"
#include "jobs/job.h"
#include "snapshots/snapshot.h"

namespace neph::snapshots {

struct Settings {
  bool is_persistent = true;             ///< SNAPSHOT_PERSISTENT
  Duration freeze_limit{5'000};          ///< SNAPSHOT_FREEZE_TIMEOUT
  std::optional<Bytes> copy_rate_max;    ///< SNAPSHOT_COPY_RATE, bytes per second
  Duration agent_patience{3'000};        ///< a guest agent gets so long to answer a first time
};

struct Request {
  VmId vm;
  std::vector<DiskId> disks;             ///< one or several: one instant
  std::string name;                      ///< several disks: NAME-disk<n>
  Kind kind = Kind::kHot;
  datastore::Fires when = datastore::Fires::kFirstStop;  ///< of a deferred one
  hypervisor_driver::Quiesce quiesce = hypervisor_driver::Quiesce::kTry;
  DatastoreId datastore;                 ///< unset: the source image's
  std::string description;
  std::optional<bool> is_persistent;
  bool captures_crashed = false;
  std::string image_type;                ///< one.vm.disksaveas; empty: the source's
  bool clones_template = false;          ///< one.vm.savedisk
  /// one.vm.disksaveas: a restore point of the (only) disk instead of the disk as it is.
  std::optional<std::int64_t> restore_point;
};

struct BackupAsk {
  VmId vm;
  DatastoreId datastore;  ///< unset: that of the last backup
  /// What counts instead of the same keys of the VM's BACKUP_CONFIG, and is written there.
  text::Vector config = {};
};

/// The heart: a disk becomes an image. The rules: docs/snapshots.md. Functions taking a Txn run on
/// the store lane and answer at once. Rights: MANAGE the VM is the caller's business, CREATE
/// IMAGE, USE DATASTORE and the quota are checked here.
class SnapshotService {
 public:
  SnapshotService(Settings settings, const compute::VmService& vms)
      : settings_(std::move(settings)), vms_(vms) {}

  /// Image rows LOCKED, holds, rows, a job: all or nothing. A deferred request that repeats one
  /// answers the same snapshots; a different one on the same disk is kConflict, naming it.
  Result<std::vector<Snapshot>> request(db::Txn& txn, const access::Actor& actor,
                                        const Request& ask);
  /// A handshake: cancelling until the worker has stopped and cleaned up, then the image is gone.
  /// kWrongState once the disk is retained: that takes discard().
  Result<void> cancel(db::Txn& txn, SnapshotId id);
  /// Of a failed one: goes on where it stopped, with the same instant.
  Result<void> retry(db::Txn& txn, SnapshotId id);
  /// Gives up the disk as well. \returns kInvalid unless `image_name` is the image's name
  Result<void> discard(db::Txn& txn, SnapshotId id, const std::string& image_name);
  /// Takes an armed one now although the guest crashed: graded crash. kWrongState while it runs.
  Result<void> capture(db::Txn& txn, SnapshotId id);
  /// one.image.delete of an image: cancel for one that a snapshot is making, else kNotFound.
  Result<void> cancel_by_image(db::Txn& txn, ImageId image);

  /// All disks of a VM that its BACKUP_CONFIG means, at one instant, into one image of type BACKUP
  /// of the VM's owner. The VM shows BACKUP until the image is READY; when one disk fails, all of
  /// it is given up. Right ADMIN VM: the caller's business; USE DATASTORE and the quota of the VM's
  /// owner are checked here. What is refused has written nothing.
  Result<ImageId> back_up(db::Txn& txn, const access::Actor& actor, const BackupAsk& ask) const;
  /// The VM is as it was before at once; what was copied goes. kWrongState: there is no backup.
  Result<void> cancel_backup(db::Txn& txn, VmId vm);

  /// Does again what a failed snapshot.* job was for. \pre job.state is kFailed
  /// \returns the job that works on it now; kWrongState where it is settled already
  Result<JobId> retry_job(db::Txn& txn, const jobs::Job& job);
  /// Asks an open snapshot.* job to stop: cancels the snapshots that it works on.
  /// \returns what cancel() refuses, kWrongState for what only cleans up
  Result<void> cancel_job(db::Txn& txn, const jobs::Job& job);
  /// A disk was taken back "to its disk snapshot 3", "to backup 7": what is armed on it says so.
  void note_revert(db::Txn& txn, VmId vm, DiskId disk, std::string_view to_what);
  /// The same of all disks of a VM, which was taken back to a system snapshot.
  void note_system_revert(db::Txn& txn, VmId vm, std::int64_t restore_point);

  /// snapshot.pin, snapshot.copy, snapshot.undo, snapshot.backup, snapshot.backupjob.
  [[nodiscard]] std::vector<jobs::KindSpec> job_kinds() const;

 private:
  Settings settings_;
  const compute::VmService& vms_;
};

}  // namespace neph::snapshots
