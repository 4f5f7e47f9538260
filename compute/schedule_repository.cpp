#include "compute/internal/stored.h"
#include "compute/schedule.h"

namespace neph::compute {
namespace {

constexpr std::string_view kScheduleColumns =
    "id, vm_id, backup_job_id, action, args, due_at, repeat, days, end_type, end_value, done_at,"
    " is_over, message";

ScheduledAction read_schedule_row(const db::Cursor& row) {
  ScheduledAction action;
  action.id = row.get<ScheduledActionId>(0);
  action.vm = row.get<VmId>(1);
  action.backup_job = row.get<BackupJobId>(2);
  action.action = row.text(3);
  action.args = row.text(4);
  action.due = from_seconds(row.integer(5));
  action.repeat = row.get<Repeat>(6);
  action.days = row.text(7);
  action.end = row.get<ScheduleEnd>(8);
  action.end_value = row.integer(9);
  if (row.integer(10) >= 0) action.done = from_seconds(row.integer(10));
  action.is_over = row.get<bool>(11);
  action.message = row.text(12);
  return action;
}

template <class... Args>
std::vector<ScheduledAction> query_schedules(db::Txn& txn, std::string_view condition,
                                             const Args&... args) {
  std::vector<ScheduledAction> actions;
  auto rows = txn.query(
      fmt::format("SELECT {} FROM scheduled_actions WHERE {}", kScheduleColumns, condition),
      args...);
  while (rows.next()) actions.push_back(read_schedule_row(rows));
  return actions;
}

void touch_owner(db::Txn& txn, const ScheduledAction& action) {
  if (action.vm.is_set()) txn.touch(ObjectKind::kVm, action.vm);
  else txn.touch(ObjectKind::kBackupJob, action.backup_job);
}

}  // namespace

Result<ScheduledAction> find_schedule(db::Txn& txn, VmId vm, ScheduledActionId id) {
  auto found = query_schedules(txn, "id = ? AND vm_id = ?", id.value, vm);
  if (found.empty()) {
    return fail(Errc::kNotFound, "virtual machine [{}] has no scheduled action {}", vm, id);
  }
  return std::move(found.front());
}

Result<ScheduledAction> find_schedule(db::Txn& txn, BackupJobId job, ScheduledActionId id) {
  auto found = query_schedules(txn, "id = ? AND backup_job_id = ?", id.value, job.value);
  if (found.empty()) {
    return fail(Errc::kNotFound, "backup job [{}] has no scheduled action {}", job, id);
  }
  return std::move(found.front());
}

std::vector<ScheduledAction> list_schedule(db::Txn& txn, VmId vm) {
  return query_schedules(txn, "vm_id = ? ORDER BY id", vm);
}

std::vector<ScheduledAction> list_schedule(db::Txn& txn, BackupJobId job) {
  return query_schedules(txn, "backup_job_id = ? ORDER BY id", job);
}

std::vector<ScheduledAction> list_due_schedules(db::Txn& txn, Instant now, int count_max) {
  // What waits for a busy VM holds up nobody; what has no priority stands before every backup job.
  return query_schedules(txn,
                         "is_over = 0 AND due_at <= ? ORDER BY message LIKE 'waits:%', due_at,"
                         " COALESCE((SELECT -priority FROM backup_jobs job"
                         " WHERE job.id = backup_job_id), -100), id LIMIT ?",
                         now.seconds(), count_max);
}

void save_schedule(db::Txn& txn, const ScheduledAction& action) {
  txn.exec(fmt::format("INSERT OR REPLACE INTO scheduled_actions ({}) VALUES"
                       " (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       kScheduleColumns),
           action.id, action.vm, action.backup_job, action.action, action.args,
           action.due.seconds(), action.repeat, action.days, action.end, action.end_value,
           action.done.is_set() ? action.done.seconds() : -1, action.is_over, action.message);
  touch_owner(txn, action);
}

void delete_schedule_row(db::Txn& txn, const ScheduledAction& action) {
  txn.exec("DELETE FROM scheduled_actions WHERE id = ?", action.id.value);
  touch_owner(txn, action);
}

}  // namespace neph::compute
