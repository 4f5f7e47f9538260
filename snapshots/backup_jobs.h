#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "base/ids.h"
#include "db/database.h"
#include "jobs/job.h"
#include "text/template.h"

/// Backup jobs: plans that back up a list of VMs, when somebody asks or by a schedule
/// (compute/schedule.h). A run makes each VM OUTDATED, then BACKING_UP while its backup is made,
/// then UPDATED or in ERROR. These lists are rows that change in the transaction in which the
/// backup begins and ends, and a durable job begins what is OUTDATED: a power cut loses nothing.
/// What is done is done with the rights of the job's owner as they are then. Store lane; rights on
/// existing backup jobs are the caller's business. Facts: OpenNebula 7.4.
namespace neph::snapshots {

inline constexpr int kBackupPriorityMax = 99;
/// From here on the right ADMIN is asked for.
inline constexpr int kBackupPriorityOfAdmins = 50;

/// Where a VM stands in the last run of its job. Reaches the database: append-only.
enum class MemberState {
  kNamed = 0,      ///< there was no such VM when it was named, so the job does not have it yet
  kIdle = 1,       ///< in no run since, or a run was cancelled before its turn
  kOutdated = 2,   ///< its turn comes
  kBackingUp = 3,
  kUpdated = 4,
  kError = 5,
};

struct BackupMember {
  VmId vm;
  int position = 0;    ///< members are backed up in this order
  MemberState state = MemberState::kNamed;
  ImageId image;       ///< its backup while it is BACKING_UP
  std::string error;   ///< why it has none, for people
};

struct BackupJob {
  BackupJobId id;
  std::string name;          ///< unique per owner
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  int priority = 50;         ///< jobs that fall due at the same second begin in its order
  Instant started;           ///< the last run; not set: there was none
  Instant ended;             ///< when the last of its backups so far ended
  JobId run;                 ///< the last job that worked on it
  text::Template attributes; ///< DATASTORE_ID, EXECUTION, KEEP_LAST ...: see create_backup_job()
  std::vector<BackupMember> members;  ///< by position
};

[[nodiscard]] Result<BackupJob> find_backup_job(db::Txn& txn, BackupJobId id);
[[nodiscard]] std::vector<BackupJobId> list_backup_jobs(db::Txn& txn);
/// The one that has the VM.
[[nodiscard]] std::optional<BackupJobId> find_backup_job_of(db::Txn& txn, VmId vm);
[[nodiscard]] access::Subject subject_of(const BackupJob& job);

/// NAME, PRIORITY, SCHED_ACTIONs and BACKUP_VMS="3,1,7"; DATASTORE_ID, or each VM goes to that of
/// its last backup; EXECUTION, SEQUENTIAL or PARALLEL; and what BACKUP_CONFIG of a VM may say,
/// which then counts instead: KEEP_LAST, BACKUP_VOLATILE, FS_FREEZE, DISK_IDS, MODE=FULL.
/// \returns kInvalid, kConflict (name taken, a VM in another backup job, both named), kDenied for a
///          VM without MANAGE or a PRIORITY that only administrators may give
[[nodiscard]] Result<BackupJobId> create_backup_job(db::Txn& txn, const access::Actor& actor,
                                                    const text::Template& ask);
struct BackupJobChange {
  BackupJobId id;
  text::Template change;
  bool is_append = false;  ///< merged; else it is the whole plan from now on
};
/// NAME, PRIORITY and SCHED_ACTION stay. VMs that come are in the next run; the backup of one that
/// goes is made to its end. \returns as create_backup_job()
Result<void> update_backup_job(db::Txn& txn, const access::Actor& actor,
                               const BackupJobChange& ask);
/// Backups that are being made are made to their end.
Result<void> delete_backup_job(db::Txn& txn, BackupJobId id);
Result<void> rename_backup_job(db::Txn& txn, BackupJobId id, const std::string& name);
Result<void> chmod_backup_job(db::Txn& txn, BackupJobId id, access::Permissions permissions);
/// An unset id keeps the user or the group. \returns kNotFound, kConflict (name taken)
Result<void> chown_backup_job(db::Txn& txn, BackupJobId id, UserId user, GroupId group);
/// \returns kInvalid outside 0..kBackupPriorityMax
Result<void> set_backup_priority(db::Txn& txn, BackupJobId id, std::int64_t priority);

/// The kind of jobs that runs are, and the backup job that such a job works on.
inline constexpr std::string_view kBackupRun = "snapshot.backupjob";
[[nodiscard]] BackupJobId backup_job_of(const jobs::Job& run);

/// Backs up all its VMs; those that have ended leave it. \returns kWrongState during a run
Result<void> start_backup_job(db::Txn& txn, BackupJobId id);
/// What has not begun does not begin; what is being made is given up, and in ERROR then.
Result<void> cancel_backup_job(db::Txn& txn, BackupJobId id);
/// Backs up those in ERROR again, also during a run.
Result<void> retry_backup_job(db::Txn& txn, BackupJobId id);

}  // namespace neph::snapshots
