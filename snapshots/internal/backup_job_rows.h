#pragma once

#include "jobs/job.h"
#include "snapshots/backup_jobs.h"

/// Rows of backup jobs, and what their runs do to them. Store lane. All that write touch the backup
/// job, and the VMs whose documents show whose they are.
namespace neph::snapshots {

class SnapshotService;

[[nodiscard]] std::optional<BackupJobId> find_backup_job_by_name(db::Txn& txn, UserId owner,
                                                                 std::string_view name);
[[nodiscard]] BackupJobId insert_backup_job(db::Txn& txn, const BackupJob& fresh);
/// Without its members.
void save_backup_job(db::Txn& txn, const BackupJob& changed);
void delete_backup_job_row(db::Txn& txn, const BackupJob& job);

/// Inserts or updates.
void save_member(db::Txn& txn, BackupJobId job, const BackupMember& member);
void delete_member(db::Txn& txn, BackupJobId job, VmId vm);

struct MemberOfJob {
  BackupJobId job;
  BackupMember member;
};
/// The VM whose backup is being made into the image, if a backup job wants it.
[[nodiscard]] std::optional<MemberOfJob> find_member_by_image(db::Txn& txn, ImageId image);

/// Whether the actor may have the VM in that backup job.
/// One whose owner may not manage the VM any more loses it.
/// \returns kDenied without MANAGE, kConflict naming the backup job that has it
[[nodiscard]] Result<void> check_claim(db::Txn& txn, const access::Actor& actor, BackupJobId job,
                                       VmId vm);
/// As whom its backups are made. \returns kDenied when that user is gone or disabled
[[nodiscard]] Result<access::Actor> owner_of(db::Txn& txn, const BackupJob& job);
/// A VM that is there and has not ended.
[[nodiscard]] bool is_living(db::Txn& txn, VmId vm);

/// The backup in that image is over, well or not: its VM says so in its backup job, which goes on.
/// Nothing for a backup that no backup job has asked for.
void note_member_over(db::Txn& txn, ImageId image, const Result<void>& outcome);

/// The service outlives the runner.
[[nodiscard]] jobs::KindSpec backup_run(const SnapshotService& service);

}  // namespace neph::snapshots
