#pragma once

#include <string>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "compute/lifecycle.h"
#include "db/database.h"
#include "text/template.h"

/// What is to be done at a time, once or again and again, to a VM or by a backup job: SCHED_ACTION.
/// Functions run on the store lane; rights on the VM or the backup job are the caller's business.
/// compute::Timetable performs them.
namespace neph::compute {

using ScheduledActionId = Id<struct ScheduledActionTag>;

/// REPEAT and END_TYPE of the wire.
enum class Repeat { kNever = -1, kWeekly = 0, kMonthly = 1, kYearly = 2, kHourly = 3 };
enum class ScheduleEnd { kNone = -1, kNever = 0, kAfterTimes = 1, kAtTime = 2 };

struct ScheduledAction {
  ScheduledActionId id;
  VmId vm;                 ///< this or the next is set
  BackupJobId backup_job;
  std::string action;  ///< "poweroff-hard"
  std::string args;    ///< what it takes besides: "100", "0,before the update"
  Instant due;         ///< the next time; the last one when it is over
  Repeat repeat = Repeat::kNever;
  /// Numbers with commas: days of the week from Sunday 0, of the month from 1, of the year from 0,
  /// in the daemon's time zone; with kHourly one number, of hours.
  std::string days;
  ScheduleEnd end = ScheduleEnd::kNone;
  std::int64_t end_value = -1;  ///< how many times more, or UTC seconds
  Instant done;                 ///< the last time that it was done
  bool is_over = false;
  std::string message;          ///< why it could not be done the last time
};

/// Reads SCHED_ACTION = [ACTION, TIME, REPEAT, DAYS, END_TYPE, END_VALUE, ARGS]; what ACTIONs there
/// are, with their ARGS, says compute/internal/scheduled_work.h.
/// \param origin  what TIME="+60" counts from: when the VM was created
/// \param known   what the vector does not say stays as it is here
/// \returns kInvalid naming the key
[[nodiscard]] Result<ScheduledAction> read_schedule(const text::Vector& vector, Instant origin,
                                                    ScheduledAction known = {});
/// Moves a repeated action to its next time after `now`, or ends it.
void advance_schedule(ScheduledAction& action, Instant now);

/// Of a template with one SCHED_ACTION. That of a backup job has no other ACTION than backup, no
/// ARGS, and no TIME that counts from its creation. \returns kInvalid, kNotFound
Result<ScheduledActionId> add_schedule(db::Txn& txn, VmId vm, const text::Template& ask);
Result<ScheduledActionId> add_schedule(db::Txn& txn, BackupJobId job, const text::Template& ask);
/// Also sets up again what was over.
Result<void> update_schedule(db::Txn& txn, VmId vm, ScheduledActionId id,
                             const text::Template& ask);
Result<void> update_schedule(db::Txn& txn, BackupJobId job, ScheduledActionId id,
                             const text::Template& ask);
Result<void> delete_schedule(db::Txn& txn, VmId vm, ScheduledActionId id);
Result<void> delete_schedule(db::Txn& txn, BackupJobId job, ScheduledActionId id);
/// All SCHED_ACTIONs of the template that a new VM, or backup job, is made from.
Result<void> add_schedules(db::Txn& txn, VmId vm, const text::Template& ask);
Result<void> add_schedules(db::Txn& txn, BackupJobId job, const text::Template& ask);

/// \returns kNotFound also for an action of another VM or backup job
[[nodiscard]] Result<ScheduledAction> find_schedule(db::Txn& txn, VmId vm, ScheduledActionId id);
[[nodiscard]] Result<ScheduledAction> find_schedule(db::Txn& txn, BackupJobId job,
                                                    ScheduledActionId id);
[[nodiscard]] std::vector<ScheduledAction> list_schedule(db::Txn& txn, VmId vm);
[[nodiscard]] std::vector<ScheduledAction> list_schedule(db::Txn& txn, BackupJobId job);
/// Not over and due, the longest due first, of one second by the PRIORITY of their backup jobs, at
/// most `count_max`.
[[nodiscard]] std::vector<ScheduledAction> list_due_schedules(db::Txn& txn, Instant now,
                                                              int count_max);
/// Inserts or updates; touches the VM or the backup job.
void save_schedule(db::Txn& txn, const ScheduledAction& action);
void delete_schedule_row(db::Txn& txn, const ScheduledAction& action);

}  // namespace neph::compute
