#include "compute/showback.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <map>

#include "compute/internal/showback_rows.h"
#include "compute/vm.h"

namespace neph::compute {
namespace {

constexpr int kYearMin = 1970;
constexpr int kYearMax = 9999;

/// Midnight of its first day, in the daemon's time zone.
Instant start_of(Month month) {
  std::tm day = {};
  day.tm_mday = 1;
  day.tm_mon = month.number - 1;
  day.tm_year = month.year - 1900;
  day.tm_isdst = -1;
  return Instant{static_cast<std::int64_t>(std::mktime(&day)) * 1000};
}

Month month_at(Instant at) {
  const auto seconds = static_cast<std::time_t>(at.seconds());
  std::tm day = {};
  localtime_r(&seconds, &day);
  return {day.tm_year + 1900, day.tm_mon + 1};
}

Month after(Month month) {
  return month.number == 12 ? Month{month.year + 1, 1} : Month{month.year, month.number + 1};
}

Result<Month> read_month(std::int64_t number, std::int64_t year, Month no_limit) {
  if (number == -1 || year == -1) return no_limit;
  if (number < 1 || number > 12)
    return fail(Errc::kInvalid, "Month {} is none of 1 to 12, or -1 for no limit", number);
  if (year < kYearMin || year > kYearMax)
    return fail(Errc::kInvalid, "Year {} is none of {} to {}, or -1 for no limit", year, kYearMin,
                kYearMax);
  return Month{static_cast<int>(year), static_cast<int>(number)};
}

/// From `from` to `to`.
struct Slot {
  Month month;
  Instant from;
  Instant to;
};

/// The months that have begun, of those in which there were VMs; the present one ends now.
std::vector<Slot> slots_of(db::Txn& txn, const Months& months) {
  std::vector<Slot> slots;
  const Instant first = first_placed(txn);
  if (!first.is_set()) return slots;
  const Month last = std::min(months.last, month_at(txn.at()));
  for (Month month = std::max(months.first, month_at(first)); month <= last; month = after(month))
    slots.push_back({month, start_of(month), std::min(start_of(after(month)), txn.at())});
  return slots;
}

/// Of a time span that may not have begun, and may not have ended, what lies within the slot.
double hours_within(const Slot& slot, Instant started, Instant ended) {
  constexpr double kMillisecondsPerHour = 3'600'000;
  if (!started.is_set()) return 0;
  const Instant from = std::max(slot.from, started);
  const Instant to = ended.is_set() ? std::min(slot.to, ended) : slot.to;
  return to <= from ? 0 : static_cast<double>((to - from).count()) / kMillisecondsPerHour;
}

/// What an hour of a VM costs.
struct Rate {
  double cpu = 0;
  double memory = 0;
  double disk = 0;
};

/// What is no number costs nothing more than the default.
double price_of(const text::Template& attributes, std::string_view name, double otherwise) {
  return cost_from(attributes.get(name)).value_or(otherwise);
}

Rate rate_of(db::Txn& txn, const Vm& vm, const DefaultCosts& otherwise) {
  std::int64_t disks_mb = 0;
  for (const auto& disk : list_disks(txn, vm.id)) disks_mb += disk.size_mb;
  return {price_of(vm.attributes, "CPU_COST", otherwise.cpu) * vm.cpu,
          price_of(vm.attributes, "MEMORY_COST", otherwise.memory) *
              static_cast<double>(vm.memory_mb),
          price_of(vm.attributes, "DISK_COST", otherwise.disk) * static_cast<double>(disks_mb)};
}

MonthlyCost cost_of(VmId vm, const std::vector<HistoryRecord>& history, const Slot& slot) {
  MonthlyCost cost{.vm = vm, .month = slot.month};
  for (const auto& record : history) {
    cost.hours += hours_within(slot, record.started, record.ended);
    // A record that has ended also ends a run of which nobody saw the end.
    const Instant stopped =
        record.running_ended.is_set() ? record.running_ended : record.ended;
    cost.running_hours += hours_within(slot, record.running_started, stopped);
  }
  return cost;
}

}  // namespace

std::optional<double> cost_from(std::string_view text) {
  constexpr double kCostLimit = 1e12;
  double cost = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, cost);
  const bool is_cost = problem == std::errc() && stop == end && cost >= 0 && cost < kCostLimit;
  return is_cost ? std::optional(cost) : std::nullopt;
}

Result<Months> months_of(const MonthsAsk& ask) {
  const Months all;
  return Months{TRY(read_month(ask.start_month, ask.start_year, all.first)),
                TRY(read_month(ask.end_month, ask.end_year, all.last))};
}

void calculate_showback(db::Txn& txn, const Settings& settings, const Months& months) {
  const auto slots = slots_of(txn, months);
  if (slots.empty()) return;
  for (const VmId id : list_vms_placed(txn, slots.front().from, slots.back().to)) {
    const auto vm = find_vm(txn, id);
    if (!vm) continue;
    const auto history = list_history(txn, id);
    const Rate rate = rate_of(txn, *vm, settings.default_costs);
    for (const auto& slot : slots) {
      MonthlyCost cost = cost_of(id, history, slot);
      if (cost.hours == 0) continue;
      const double charged = settings.charges_only_running ? cost.running_hours : cost.hours;
      cost.cpu = rate.cpu * charged;
      cost.memory = rate.memory * charged;
      cost.disk = rate.disk * cost.hours;
      save_cost(txn, cost);
    }
  }
}

}  // namespace neph::compute
