#include "snapshots/backup_jobs.h"

#include "api/internal/owned_methods.h"
#include "compute/schedule.h"

namespace neph::api {
namespace {

using access::Op;
using compute::ScheduledActionId;

constexpr auto kKind = ObjectKind::kBackupJob;
constexpr int kActionCode = 2048;

struct AllocateBackupJob {
  std::string content;
};
struct OnBackupJob {
  BackupJobId backup_job;
};
struct SetPriority {
  BackupJobId backup_job;
  std::int64_t priority = 0;
};
struct AddSchedule {
  BackupJobId backup_job;
  std::string content;
};
struct UpdateSchedule {
  BackupJobId backup_job;
  ScheduledActionId action;
  std::string content;
};
struct DeleteSchedule {
  BackupJobId backup_job;
  ScheduledActionId action;
};

constexpr auto may_create = [](Call& call, const auto&) {
  return need_create(call, access::Resource::kBackupJob);
};
constexpr auto may_manage = [](Call& call, const auto& ask) {
  return need(call, Op::kManage, kKind, ask.backup_job);
};

Result<void> may_set_priority(Call& call, const SetPriority& ask) {
  const bool is_for_admins = ask.priority >= snapshots::kBackupPriorityOfAdmins;
  return need(call, is_for_admins ? Op::kAdmin : Op::kManage, kKind, ask.backup_job);
}

Result<BackupJobId> allocate_one(Call& call, const AllocateBackupJob& ask) {
  return snapshots::create_backup_job(call.txn(), call.actor(),
                                      TRY(text::Template::parse(ask.content)));
}

/// For what takes nothing but the backup job.
template <Result<void> (*act)(db::Txn&, BackupJobId)>
Result<BackupJobId> do_with(Call& call, const OnBackupJob& ask) {
  CHECK_OK(act(call.txn(), ask.backup_job));
  return ask.backup_job;
}

Result<BackupJobId> set_priority(Call& call, const SetPriority& ask) {
  CHECK_OK(snapshots::set_backup_priority(call.txn(), ask.backup_job, ask.priority));
  return ask.backup_job;
}

Result<ScheduledActionId> add_one(Call& call, const AddSchedule& ask) {
  return compute::add_schedule(call.txn(), ask.backup_job,
                               TRY(text::Template::parse(ask.content)));
}

Result<ScheduledActionId> update_one(Call& call, const UpdateSchedule& ask) {
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(compute::update_schedule(call.txn(), ask.backup_job, ask.action, change));
  return ask.action;
}

Result<ScheduledActionId> delete_one(Call& call, const DeleteSchedule& ask) {
  CHECK_OK(compute::delete_schedule(call.txn(), ask.backup_job, ask.action));
  return ask.action;
}

Result<EscapedText> list_backup_jobs(Call& call, const ListWindow& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  which.start = ask.start;
  which.end = ask.end;
  return list(call, kKind, "BACKUPJOB_POOL", which);
}

OwnedKind owned() {
  OwnedKind kind{"backupjob", "BACKUPJOB", kKind};
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

void add_plans(Registry<Call>& registry) {
  registry.add({
      method("one.backupjob.allocate", &allocate_one)
          .writes()
          .args("template")
          .needs("CREATE BACKUPJOB", may_create)
          .doc("Plans backups of VMs: NAME, BACKUP_VMS=\"3,1,7\" in the order of the backups, "
               "DATASTORE_ID, EXECUTION=SEQUENTIAL|PARALLEL, PRIORITY, SCHED_ACTION, and what "
               "counts instead of the VM's BACKUP_CONFIG: KEEP_LAST, BACKUP_VOLATILE, FS_FREEZE, "
               "DISK_IDS; MODE is FULL. Each VM that is there needs MANAGE, and is in one backup "
               "job at most. PRIORITY above 50 is for administrators.")
          .answers("id of the new backup job"),
      method("one.backupjob.delete", &do_with<&snapshots::delete_backup_job>)
          .writes()
          .args("backupjob")
          .needs("MANAGE BACKUPJOB", may_manage)
          .doc("Forgets a plan and its schedule; backups that are being made are made to their "
               "end.")
          .answers("id of the backup job"),
      method("one.backupjob.priority", &set_priority)
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

void add_runs(Registry<Call>& registry) {
  registry.add({
      method("one.backupjob.backup", &do_with<&snapshots::start_backup_job>)
          .writes()
          .args("backupjob")
          .needs("MANAGE BACKUPJOB", may_manage)
          .doc("Backs up all its VMs, with the rights of its owner: MANAGE of the VM, USE of the "
               "datastore. VMs that have ended leave it.")
          .answers("id of the backup job"),
      method("one.backupjob.cancel", &do_with<&snapshots::cancel_backup_job>)
          .writes()
          .args("backupjob")
          .needs("MANAGE BACKUPJOB", may_manage)
          .doc("Gives up the backups that are being made, and begins no more.")
          .answers("id of the backup job"),
      method("one.backupjob.retry", &do_with<&snapshots::retry_backup_job>)
          .writes()
          .args("backupjob")
          .needs("MANAGE BACKUPJOB", may_manage)
          .doc("Backs up again the VMs that are in error.")
          .answers("id of the backup job"),
  });
}

void add_schedules(Registry<Call>& registry) {
  registry.add({
      method("one.backupjob.schedadd", &add_one)
          .writes()
          .args("backupjob", "template")
          .needs("MANAGE BACKUPJOB", may_manage)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Schedules runs: SCHED_ACTION=[TIME, REPEAT, DAYS, END_TYPE, END_VALUE].")
          .answers("id of the scheduled action"),
      method("one.backupjob.schedupdate", &update_one)
          .writes()
          .args("backupjob", "action", "template")
          .needs("MANAGE BACKUPJOB", may_manage)
          .doc("Changes what SCHED_ACTION says of a schedule, and sets it up again where it was "
               "over.")
          .answers("id of the scheduled action"),
      method("one.backupjob.scheddelete", &delete_one)
          .writes()
          .args("backupjob", "action")
          .needs("MANAGE BACKUPJOB", may_manage)
          .doc("Forgets a schedule.")
          .answers("id of the scheduled action"),
  });
}

}  // namespace

void add_backup_job_methods(Registry<Call>& registry) {
  add_plans(registry);
  add_runs(registry);
  add_schedules(registry);
  add_owned_methods(registry, owned());
  add_lock_methods(registry, {"backupjob", "BACKUPJOB", kKind});
  add_info_method(registry, {"backupjob", "BACKUPJOB", kKind, "BACKUPJOB"});
}

}  // namespace neph::api
