#include "compute/schedule.h"

#include <algorithm>
#include <ctime>
#include <set>

#include "base/numbers.h"
#include "base/words.h"
#include "compute/internal/scheduled_work.h"
#include "compute/vm.h"
#include "db/counters.h"

namespace neph::compute {
namespace {

using Days = std::set<std::int64_t>;

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kHoursMax = 168;
/// Day 365 of the year comes once in four years, around 2100 once in eight.
constexpr int kDaysAheadMax = 8 * 366;

struct DayRange {
  std::int64_t from, to;
};
DayRange days_of(Repeat repeat) {
  switch (repeat) {
    case Repeat::kWeekly: return {0, 6};
    case Repeat::kMonthly: return {1, 31};
    case Repeat::kYearly: return {0, 365};
    default: return {1, kHoursMax};
  }
}

Result<Days> read_days(std::string_view text, Repeat repeat) {
  const auto [from, to] = days_of(repeat);
  Days days;
  for (const auto part : between_commas(text)) {
    const auto word = without_blanks(part);
    const auto day = integer_from(word);
    if (!day || *day < from || *day > to) {
      return fail(Errc::kInvalid, "Wrong DAYS \"{}\" of a scheduled action: numbers from {} to {}"
                                  " are wanted", word, from, to);
    }
    days.insert(*day);
  }
  const bool is_enough = repeat == Repeat::kHourly ? days.size() == 1 : !days.empty();
  if (is_enough) return days;
  return fail(Errc::kInvalid, "A scheduled action that is repeated needs DAYS: {}",
              repeat == Repeat::kHourly ? "every how many hours" : "numbers with commas");
}

Result<void> read_time(const text::Vector& vector, Instant origin, ScheduledAction& action) {
  const auto* text = vector.find("TIME");
  if (text == nullptr) {
    if (action.due.is_set()) return {};
    return fail(Errc::kInvalid, "A scheduled action needs a TIME: UTC seconds, or +seconds from "
                                "when the VM was created");
  }
  std::string_view number = *text;
  const bool is_relative = number.starts_with('+');
  if (is_relative) number.remove_prefix(1);
  const auto seconds = natural_from(number);
  constexpr std::int64_t kSecondsMax = 100'000'000'000;
  if (!seconds || *seconds > kSecondsMax) {
    return fail(Errc::kInvalid, "Wrong TIME \"{}\" of a scheduled action: UTC seconds, or "
                                "+seconds from when the VM was created", *text);
  }
  action.due = Instant{((is_relative ? origin.seconds() : 0) + *seconds) * 1000};
  return {};
}

template <class Enum>
Result<void> read_kind(const text::Vector& vector, std::string_view key, int most, Enum& kind) {
  const auto* text = vector.find(key);
  if (text == nullptr || text->empty()) return {};
  const auto number = integer_from(*text);
  if (!number || *number < -1 || *number > most) {
    return fail(Errc::kInvalid, "Wrong {} \"{}\" of a scheduled action: a number from -1 to {}",
                key, *text, most);
  }
  kind = static_cast<Enum>(*number);
  return {};
}

Result<void> read_end(const text::Vector& vector, ScheduledAction& action) {
  CHECK_OK(read_kind(vector, "END_TYPE", 2, action.end));
  if (const auto* text = vector.find("END_VALUE"); text != nullptr && !text->empty()) {
    const auto number = integer_from(*text);
    if (!number) {
      return fail(Errc::kInvalid, "Wrong END_VALUE \"{}\" of a scheduled action", *text);
    }
    action.end_value = *number;
  }
  const bool is_needed =
      action.end == ScheduleEnd::kAfterTimes || action.end == ScheduleEnd::kAtTime;
  if (!is_needed || action.end_value > 0) return {};
  return fail(Errc::kInvalid, "A scheduled action with END_TYPE {} needs an END_VALUE above 0",
              static_cast<int>(action.end));
}

bool is_on(const std::tm& day, Repeat repeat, const Days& days) {
  switch (repeat) {
    case Repeat::kWeekly: return days.contains(day.tm_wday);
    case Repeat::kMonthly: return days.contains(day.tm_mday);
    case Repeat::kYearly: return days.contains(day.tm_yday);
    default: return false;
  }
}

/// The first day from that of `from` on, at the time of day of `due`, that is after `after`.
std::optional<Instant> next_day(const ScheduledAction& action, const Days& days, Instant from,
                                Instant after) {
  const std::time_t due_seconds = action.due.seconds();
  const std::time_t first_seconds = from.seconds();
  std::tm clock{};
  std::tm first{};
  localtime_r(&due_seconds, &clock);
  localtime_r(&first_seconds, &first);
  for (int ahead = 0; ahead <= kDaysAheadMax; ++ahead) {
    std::tm day = first;
    day.tm_mday += ahead;
    day.tm_hour = clock.tm_hour;
    day.tm_min = clock.tm_min;
    day.tm_sec = clock.tm_sec;
    day.tm_isdst = -1;  // the hour on the wall stays, whatever summer does
    const std::time_t seconds = std::mktime(&day);
    if (seconds > after.seconds() && is_on(day, action.repeat, days)) {
      return Instant{seconds * 1000};
    }
  }
  return std::nullopt;
}

std::optional<Instant> next_time(const ScheduledAction& action, Instant now) {
  const auto days = read_days(action.days, action.repeat);
  if (!days) return std::nullopt;
  if (action.repeat != Repeat::kHourly) {
    return next_day(action, *days, std::max(action.due, now), std::max(action.due, now));
  }
  const std::int64_t step = *days->begin() * kHour;
  const std::int64_t missed = std::max<std::int64_t>(0, now.seconds() - action.due.seconds());
  return Instant{(action.due.seconds() + (missed / step + 1) * step) * 1000};
}

bool is_beyond_end(const ScheduledAction& action, Instant at) {
  return action.end == ScheduleEnd::kAtTime && at.seconds() > action.end_value;
}

Result<const text::Vector*> only_schedule(const text::Template& ask) {
  const auto* vector = ask.find_vector("SCHED_ACTION");
  if (vector != nullptr) return vector;
  return fail(Errc::kInvalid, "No scheduled action: the template needs SCHED_ACTION=[ACTION=...,"
                              " TIME=...]");
}

Result<ScheduledActionId> insert_schedule(db::Txn& txn, ScheduledAction action) {
  action.id = db::take_id<ScheduledActionId>(txn, "scheduled_action");
  save_schedule(txn, action);
  return action.id;
}

Result<ScheduledActionId> insert_schedule(db::Txn& txn, const Vm& vm, const text::Vector& vector) {
  ScheduledAction action = TRY(read_schedule(vector, vm.created));
  action.vm = vm.id;
  return insert_schedule(txn, std::move(action));
}

/// Backing up is all that a backup job does.
Result<ScheduledAction> read_backup_schedule(text::Vector vector, ScheduledAction known) {
  vector.set("ACTION", "backup");
  vector.set("ARGS", "");
  if (!vector.get("TIME").starts_with('+')) return read_schedule(vector, {}, std::move(known));
  return fail(Errc::kInvalid, "Wrong TIME \"{}\" of a backup job: UTC seconds are wanted",
              vector.get("TIME"));
}

Result<ScheduledActionId> insert_schedule(db::Txn& txn, BackupJobId job,
                                          const text::Vector& vector) {
  ScheduledAction action;
  action.backup_job = job;
  return insert_schedule(txn, TRY(read_backup_schedule(vector, std::move(action))));
}

/// An action that was over is set up again if there is a time to come, or one that was asked for
/// now: what was done once is not done again because something else of it changes.
void save_changed(db::Txn& txn, ScheduledAction action, const ScheduledAction& known) {
  const bool is_past = known.is_over && action.due <= txn.at();
  if (is_past && action.repeat != Repeat::kNever) {
    const auto next = next_time(action, txn.at());
    action.is_over = !next || is_beyond_end(action, *next);
    if (next) action.due = *next;
  } else {
    action.is_over = is_past && action.due == known.due;
  }
  if (!action.is_over) {
    action.done = {};
    action.message.clear();
  }
  save_schedule(txn, action);
}

}  // namespace

Result<ScheduledAction> read_schedule(const text::Vector& vector, Instant origin,
                                      ScheduledAction known) {
  ScheduledAction action = std::move(known);
  if (const auto* name = vector.find("ACTION")) action.action = *name;
  if (const auto* args = vector.find("ARGS")) action.args = *args;
  TRY(internal::read_scheduled_work(action.action, action.args));
  if (const auto* days = vector.find("DAYS")) action.days = *days;
  CHECK_OK(read_time(vector, origin, action));
  CHECK_OK(read_kind(vector, "REPEAT", 3, action.repeat));
  CHECK_OK(read_end(vector, action));
  if (action.repeat == Repeat::kNever) return action;
  const Days days = TRY(read_days(action.days, action.repeat));
  if (action.repeat == Repeat::kHourly) return action;
  const auto first = next_day(action, days, action.due, action.due + Duration{-1000});
  if (first) action.due = *first;
  return action;
}

void advance_schedule(ScheduledAction& action, Instant now) {
  action.is_over = true;
  if (action.repeat == Repeat::kNever) return;
  if (action.end == ScheduleEnd::kAfterTimes && --action.end_value <= 0) return;
  const auto next = next_time(action, now);
  if (!next) return;
  if (is_beyond_end(action, *next)) return;
  action.due = *next;
  action.is_over = false;
}

Result<ScheduledActionId> add_schedule(db::Txn& txn, VmId id, const text::Template& ask) {
  const Vm vm = TRY(find_vm(txn, id));
  return insert_schedule(txn, vm, *TRY(only_schedule(ask)));
}

Result<void> add_schedules(db::Txn& txn, VmId id, const text::Template& ask) {
  const auto vectors = ask.vectors("SCHED_ACTION");
  if (vectors.empty()) return {};
  const Vm vm = TRY(find_vm(txn, id));
  for (const auto* vector : vectors) TRY(insert_schedule(txn, vm, *vector));
  return {};
}

Result<void> update_schedule(db::Txn& txn, VmId id, ScheduledActionId action,
                             const text::Template& ask) {
  const Vm vm = TRY(find_vm(txn, id));
  const auto known = TRY(find_schedule(txn, id, action));
  save_changed(txn, TRY(read_schedule(*TRY(only_schedule(ask)), vm.created, known)), known);
  return {};
}

Result<void> delete_schedule(db::Txn& txn, VmId vm, ScheduledActionId id) {
  delete_schedule_row(txn, TRY(find_schedule(txn, vm, id)));
  return {};
}

Result<ScheduledActionId> add_schedule(db::Txn& txn, BackupJobId job, const text::Template& ask) {
  return insert_schedule(txn, job, *TRY(only_schedule(ask)));
}

Result<void> add_schedules(db::Txn& txn, BackupJobId job, const text::Template& ask) {
  for (const auto* vector : ask.vectors("SCHED_ACTION"))
    TRY(insert_schedule(txn, job, *vector));
  return {};
}

Result<void> update_schedule(db::Txn& txn, BackupJobId job, ScheduledActionId action,
                             const text::Template& ask) {
  const auto known = TRY(find_schedule(txn, job, action));
  save_changed(txn, TRY(read_backup_schedule(*TRY(only_schedule(ask)), known)), known);
  return {};
}

Result<void> delete_schedule(db::Txn& txn, BackupJobId job, ScheduledActionId id) {
  delete_schedule_row(txn, TRY(find_schedule(txn, job, id)));
  return {};
}

}  // namespace neph::compute
