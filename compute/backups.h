#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compute/vm.h"
#include "jobs/queue.h"

/// Backups as a VM knows them: its BACKUP_CONFIG, and the state that it shows meanwhile. What
/// makes the image: snapshots. Store lane, inside the caller's transaction.
namespace neph::compute {

/// BACKUP_CONFIG of a VM (OpenNebula 7.4, xml.md): an attribute of its template, in which the
/// server keeps LAST_DATASTORE_ID, LAST_BACKUP_ID and LAST_BACKUP_SIZE as well.
inline constexpr std::string_view kBackupConfig = "BACKUP_CONFIG";

struct BackupConfig {
  /// FS_FREEZE: AGENT requires a freeze. NONE and SUSPEND do without: all disks are taken at one
  /// instant in any case, as if power had been cut. Nothing said: it is tried.
  hypervisor_driver::Quiesce quiesce = hypervisor_driver::Quiesce::kTry;
  bool takes_volatile = false;   ///< BACKUP_VOLATILE
  std::int64_t keep_last = 0;    ///< 0 keeps all
  std::vector<DiskId> disks;     ///< DISK_IDS; empty: all
  DatastoreId last_datastore;    ///< of the last backup
};
/// \returns kInvalid naming what is wrong, also for MODE=INCREMENT, which is not made
[[nodiscard]] Result<BackupConfig> read_backup_config(const text::Vector& said);
[[nodiscard]] Result<BackupConfig> backup_config_of(const Vm& vm);
/// What clients see of it: the keys of the schema.
[[nodiscard]] text::Vector shown_backup_config(const Vm& vm);
/// What a user has asked for in it, for another VM.
[[nodiscard]] text::Vector asked_backup_config(const Vm& vm);
/// What a user asks for, with what only the server writes as it was.
[[nodiscard]] text::Vector changed_backup_config(const Vm& vm, const text::Vector& asked);
/// The same keys, as attributes of a plan of backups.
[[nodiscard]] text::Vector backup_keys_of(const text::Template& plan);
/// The VM's BACKUP_CONFIG with what `said` says instead.
[[nodiscard]] text::Vector overridden_backup_config(const Vm& vm, const text::Vector& said);
/// Replaces the VM's. \pre there is such a VM
void save_backup_config(db::Txn& txn, VmId vm, text::Vector config);

/// Image disks, and volatile ones where the configuration says so; no CD-ROM, no swap, no context.
/// May be empty. \returns kWrongState, also for one that is just being attached
[[nodiscard]] Result<std::vector<VmDisk>> disks_to_back_up(db::Txn& txn, VmId vm,
                                                           const BackupConfig& config);

/// \returns kWrongState in the words of OpenNebula
[[nodiscard]] Result<void> check_backup_state(const Vm& vm);
/// Shows BACKUP or BACKUP_POWEROFF while `job`, queued here, works for the VM.
/// \returns kWrongState
Result<JobId> begin_backup(db::Txn& txn, VmId vm, jobs::NewJob job);
/// The VM is as it was found, or off if its guest has stopped meanwhile. Nothing when another job
/// has taken over.
struct BackupDone {
  ImageId image;
  DatastoreId datastore;
  std::int64_t size_mb = 0;
};
void end_backup(db::Txn& txn, const jobs::Job& job, const Result<BackupDone>& outcome);
/// Says in the VM what the backup waits for.
void note_backup_wait(db::Txn& txn, const jobs::Job& job, const std::string& reason);

}  // namespace neph::compute
