#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compute/settings.h"
#include "db/database.h"

/// What VMs cost: for each month of the calendar, in the daemon's time zone, the hours that a VM
/// had a place on a host times what its CPUs, memory and disks cost. Facts: OpenNebula 7.4.
namespace neph::compute {

struct Month {
  int year = 0;
  int number = 0;  ///< 1 is January
  friend constexpr auto operator<=>(Month, Month) = default;
};

/// Both months and those between them.
struct Months {
  Month first{0, 1};
  Month last{9999, 12};
  [[nodiscard]] bool contains(Month month) const { return first <= month && month <= last; }
};

/// As one.vmpool.calculateshowback and one.vmpool.showback take them.
struct MonthsAsk {
  std::int64_t start_month = -1, start_year = -1;
  std::int64_t end_month = -1, end_year = -1;
};
/// A month or a year of -1: no limit on that side. \returns kInvalid for what is no month
[[nodiscard]] Result<Months> months_of(const MonthsAsk& ask);

/// Costs are in the currency of CPU_COST, MEMORY_COST and DISK_COST.
struct MonthlyCost {
  VmId vm;
  Month month;
  double cpu = 0;
  double memory = 0;
  double disk = 0;
  double hours = 0;          ///< with a place on a host
  double running_hours = 0;
};

/// A sum of money from 0 on, as CPU_COST and its like are written.
[[nodiscard]] std::optional<double> cost_from(std::string_view text);
/// Computes these months anew for all VMs, as far as they have passed, from their history and from
/// the sizes and costs that they have now. Store lane; touches the showback.
void calculate_showback(db::Txn& txn, const Settings& settings, const Months& months);
/// What was computed, by year, month and VM.
[[nodiscard]] std::vector<MonthlyCost> list_showback(db::Txn& txn);

}  // namespace neph::compute
