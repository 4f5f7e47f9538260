#include "snapshots/backup_jobs.h"

#include "api/internal/owned_methods.h"
#include "compute/schedule.h"

namespace neph::api {
namespace {

using access::Op;
using compute::ScheduledActionId;

struct AllocateBackupJob {
  std::string content;
};
struct OnBackupJob {
  BackupJobId backup_job;
};
struct SetBackupPriority {
  BackupJobId backup_job;
  std::int64_t priority = 0;
};
struct AddBackupSchedule {
  BackupJobId backup_job;
  std::string content;
};
struct UpdateBackupSchedule {
  BackupJobId backup_job;
  ScheduledActionId action;
  std::string content;
};
struct DeleteBackupSchedule {
  BackupJobId backup_job;
  ScheduledActionId action;
};

constexpr auto may_manage_backup_job = [](Call& call, const auto& ask) {
  return need(call, Op::kManage, ObjectKind::kBackupJob, ask.backup_job);
};

Result<void> may_set_priority(Call& call, const SetBackupPriority& ask) {
  const bool is_for_admins = ask.priority >= snapshots::kBackupPriorityOfAdmins;
  const Op right = is_for_admins ? Op::kAdmin : Op::kManage;
  return need(call, right, ObjectKind::kBackupJob, ask.backup_job);
}

Result<BackupJobId> allocate_backup_job(Call& call, const AllocateBackupJob& ask) {
  return snapshots::create_backup_job(call.txn(), call.actor(),
                                      TRY(text::Template::parse(ask.content)));
}

/// For what takes nothing but the backup job.
template <Result<void> (*act)(db::Txn&, BackupJobId)>
Result<BackupJobId> do_with_backup_job(Call& call, const OnBackupJob& ask) {
  CHECK_OK(act(call.txn(), ask.backup_job));
  return ask.backup_job;
}

Result<BackupJobId> change_backup_priority(Call& call, const SetBackupPriority& ask) {
  CHECK_OK(snapshots::set_backup_priority(call.txn(), ask.backup_job, ask.priority));
  return ask.backup_job;
}

Result<ScheduledActionId> add_backup_schedule(Call& call, const AddBackupSchedule& ask) {
  return compute::add_schedule(call.txn(), ask.backup_job,
                               TRY(text::Template::parse(ask.content)));
}

Result<ScheduledActionId> update_backup_schedule(Call& call, const UpdateBackupSchedule& ask) {
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(compute::update_schedule(call.txn(), ask.backup_job, ask.action, change));
  return ask.action;
}

Result<ScheduledActionId> delete_backup_schedule(Call& call, const DeleteBackupSchedule& ask) {
  CHECK_OK(compute::delete_schedule(call.txn(), ask.backup_job, ask.action));
  return ask.action;
}

Result<EscapedText> list_backup_jobs(Call& call, const ListWindow& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  which.start = ask.start;
  which.end = ask.end;
  return list(call, ObjectKind::kBackupJob, "BACKUPJOB_POOL", which);
}

OwnedKind owned_backup_jobs() {
  OwnedKind kind{"backupjob", "BACKUPJOB", ObjectKind::kBackupJob};
  kind.rename = [](Call& call, std::int64_t id, const std::string& name) {
    return snapshots::rename_backup_job(call.txn(), BackupJobId{id}, name);
  };
  kind.update = [](Call& call, std::int64_t id, const text::Template& change, bool is_append) {
    return snapshots::update_backup_job(call.txn(), call.actor(),
                                        {BackupJobId{id}, change, is_append});
  };
  kind.chmod = [](Call& call, std::int64_t id, access::Permissions permissions) {
    return snapshots::chmod_backup_job(call.txn(), BackupJobId{id}, permissions);
  };
  kind.chown = [](Call& call, std::int64_t id, UserId user, GroupId group) {
    return snapshots::chown_backup_job(call.txn(), BackupJobId{id}, user, group);
  };
  return kind;
}

void add_backup_plans(Registry<Call>& registry) {
  registry.add({
      method("one.backupjob.allocate", &allocate_backup_job)
          .writes()
          .args("template")
          .needs("CREATE BACKUPJOB", may_create<access::Resource::kBackupJob>)
          .doc("Plans backups of VMs: NAME, BACKUP_VMS=\"3,1,7\" in the order of the backups, "
               "DATASTORE_ID, EXECUTION=SEQUENTIAL|PARALLEL, PRIORITY, SCHED_ACTION, and what "
               "counts instead of the VM's BACKUP_CONFIG: KEEP_LAST, BACKUP_VOLATILE, FS_FREEZE, "
               "DISK_IDS; MODE is FULL. Each VM that is there needs MANAGE, and is in one backup "
               "job at most. PRIORITY above 50 is for administrators.")
          .answers("id of the new backup job"),
      method("one.backupjob.delete", &do_with_backup_job<&snapshots::delete_backup_job>)
          .writes()
          .args("backupjob")
          .needs("MANAGE BACKUPJOB", may_manage_backup_job)
          .doc("Forgets a plan and its schedule; backups that are being made are made to their "
               "end.")
          .answers("id of the backup job"),
      method("one.backupjob.priority", &change_backup_priority)
          .writes()
          .args("backupjob", "priority")
          .needs("MANAGE BACKUPJOB, from 50 on ADMIN", &may_set_priority)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Sets a priority, 0 to 99: backup jobs that fall due together begin in its order.")
          .answers("id of the backup job"),
      method("one.backupjobpool.info", &list_backup_jobs)
          .reads()
          .args("filter", "start", "end")
          .for_anyone()
          .doc("Lists the backup jobs that the caller may use. Filter, start and end as of "
               "one.templatepool.info.")
          .answers("BACKUPJOB_POOL document"),
  });
}

void add_backup_runs(Registry<Call>& registry) {
  registry.add({
      method("one.backupjob.backup", &do_with_backup_job<&snapshots::start_backup_job>)
          .writes()
          .args("backupjob")
          .needs("MANAGE BACKUPJOB", may_manage_backup_job)
          .doc("Backs up all its VMs, with the rights of its owner: MANAGE of the VM, USE of the "
               "datastore. VMs that have ended leave it.")
          .answers("id of the backup job"),
      method("one.backupjob.cancel", &do_with_backup_job<&snapshots::cancel_backup_job>)
          .writes()
          .args("backupjob")
          .needs("MANAGE BACKUPJOB", may_manage_backup_job)
          .doc("Gives up the backups that are being made, and begins no more.")
          .answers("id of the backup job"),
      method("one.backupjob.retry", &do_with_backup_job<&snapshots::retry_backup_job>)
          .writes()
          .args("backupjob")
          .needs("MANAGE BACKUPJOB", may_manage_backup_job)
          .doc("Backs up again the VMs that are in error.")
          .answers("id of the backup job"),
  });
}

void add_backup_schedules(Registry<Call>& registry) {
  registry.add({
      method("one.backupjob.schedadd", &add_backup_schedule)
          .writes()
          .args("backupjob", "template")
          .needs("MANAGE BACKUPJOB", may_manage_backup_job)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Schedules runs: SCHED_ACTION=[TIME, REPEAT, DAYS, END_TYPE, END_VALUE].")
          .answers("id of the scheduled action"),
      method("one.backupjob.schedupdate", &update_backup_schedule)
          .writes()
          .args("backupjob", "action", "template")
          .needs("MANAGE BACKUPJOB", may_manage_backup_job)
          .doc("Changes what SCHED_ACTION says of a schedule, and sets it up again where it was "
               "over and a time is to come or another one is given.")
          .answers("id of the scheduled action"),
      method("one.backupjob.scheddelete", &delete_backup_schedule)
          .writes()
          .args("backupjob", "action")
          .needs("MANAGE BACKUPJOB", may_manage_backup_job)
          .doc("Forgets a schedule.")
          .answers("id of the scheduled action"),
  });
}

}  // namespace

void add_backup_job_methods(Registry<Call>& registry) {
  add_backup_plans(registry);
  add_backup_runs(registry);
  add_backup_schedules(registry);
  add_owned_methods(registry, owned_backup_jobs());
  add_lock_methods(registry, {"backupjob", "BACKUPJOB", ObjectKind::kBackupJob});
  add_info_method(registry, {"backupjob", "BACKUPJOB", ObjectKind::kBackupJob, "BACKUPJOB"});
}

}  // namespace neph::api
