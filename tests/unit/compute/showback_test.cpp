#include "compute/showback.h"

#include <ctime>

#include "compute/internal/vm_rows.h"
#include "compute/vm.h"
#include "tests/unit/compute/world.h"

namespace neph::compute {
namespace {

/// Midnight of a day of 2026, as the machine's clock on the wall shows it.
Instant day(int month, int number) {
  std::tm parts = {};
  parts.tm_year = 126;
  parts.tm_mon = month - 1;
  parts.tm_mday = number;
  parts.tm_isdst = -1;
  return Instant{static_cast<std::int64_t>(std::mktime(&parts)) * 1000};
}

double hours_between(Instant from, Instant to) {
  return static_cast<double>((to - from).count()) / 3'600'000;
}

class Showback : public ComputeTest {
 protected:
  void SetUp() override {
    ComputeTest::SetUp();
    now_ = day(6, 10);
  }
  VmId add_vm_with(const std::string& costs) {
    return add_vm("NAME=vm CPU=2 MEMORY=100 " + costs);
  }
  void add_record(VmId vm, int seq, Instant from, Instant to, Instant ran_from, Instant ran_to) {
    must([&](db::Txn& txn) -> Result<void> {
      HistoryRecord record;
      record.seq = seq;
      record.host = HostId{0};
      record.cluster = ClusterId{0};
      record.datastore = DatastoreId{0};
      record.started = from;
      record.ended = to;
      record.running_started = ran_from;
      record.running_ended = ran_to;
      save_history(txn, vm, record);
      return {};
    });
  }
  std::vector<MonthlyCost> computed(const Months& months = {}) {
    std::vector<MonthlyCost> costs;
    must([&](db::Txn& txn) -> Result<void> {
      calculate_showback(txn, settings_, months);
      costs = list_showback(txn);
      return {};
    });
    return costs;
  }
};

TEST_F(Showback, CostsAreThoseOfTheVmElseTheDefault) {
  settings_.default_costs = {.cpu = 100, .memory = 0.5, .disk = 100};
  const VmId vm = add_vm_with("CPU_COST=3");
  const Instant end = day(5, 2) + std::chrono::hours(10);
  add_record(vm, 0, day(5, 2), end, day(5, 2), end);
  const auto costs = computed();
  ASSERT_EQ(costs.size(), 1u);
  EXPECT_EQ(costs[0].month, (Month{2026, 5}));
  EXPECT_DOUBLE_EQ(costs[0].hours, 10);
  EXPECT_DOUBLE_EQ(costs[0].cpu, 3 * 2 * 10);
  EXPECT_DOUBLE_EQ(costs[0].memory, 0.5 * 100 * 10);
  EXPECT_DOUBLE_EQ(costs[0].disk, 0) << "it has no disk";
}

TEST_F(Showback, ATimeIsDividedAmongItsMonthsAndEndsNow) {
  const VmId vm = add_vm_with("CPU_COST=1");
  add_record(vm, 0, day(4, 30), {}, day(4, 30), {});
  const auto costs = computed();
  ASSERT_EQ(costs.size(), 3u);
  EXPECT_DOUBLE_EQ(costs[0].hours, hours_between(day(4, 30), day(5, 1)));
  EXPECT_DOUBLE_EQ(costs[1].hours, hours_between(day(5, 1), day(6, 1)));
  EXPECT_DOUBLE_EQ(costs[2].hours, hours_between(day(6, 1), now_));
  EXPECT_DOUBLE_EQ(costs[2].running_hours, costs[2].hours);
}

TEST_F(Showback, RecordsOfAVmAddUp) {
  const VmId vm = add_vm_with("CPU_COST=1");
  const auto hour = std::chrono::hours(1);
  add_record(vm, 0, day(5, 2), day(5, 2) + hour, {}, {});
  add_record(vm, 1, day(5, 3), day(5, 3) + 2 * hour, day(5, 3), day(5, 3) + hour);
  const auto costs = computed();
  ASSERT_EQ(costs.size(), 1u);
  EXPECT_DOUBLE_EQ(costs[0].hours, 3);
  EXPECT_DOUBLE_EQ(costs[0].running_hours, 1);
  EXPECT_DOUBLE_EQ(costs[0].cpu, 2 * 3);
}

TEST_F(Showback, OnlyRunningTimeCostsWhereThatIsSaid) {
  settings_.charges_only_running = true;
  const VmId vm = add_vm_with("CPU_COST=1");
  const auto hour = std::chrono::hours(1);
  add_record(vm, 0, day(5, 2), day(5, 2) + 4 * hour, day(5, 2), day(5, 2) + hour);
  EXPECT_DOUBLE_EQ(computed().at(0).cpu, 2 * 1);
}

TEST_F(Showback, OnlyTheMonthsThatWereAskedForAreComputedAnew) {
  const VmId vm = add_vm_with("CPU_COST=1");
  add_record(vm, 0, day(3, 1), day(6, 1), {}, {});
  const auto april = months_of({4, 2026, 4, 2026}).value();
  EXPECT_EQ(computed(april).size(), 1u);
  EXPECT_EQ(computed().size(), 3u);
  settings_.default_costs.memory = 1;
  const auto costs = computed(april);
  EXPECT_DOUBLE_EQ(costs.at(0).memory, 0) << "March is as it was computed before";
  EXPECT_GT(costs.at(1).memory, 0);
}

TEST_F(Showback, MonthsAreChecked) {
  EXPECT_FALSE(months_of({0, 2026, -1, -1}));
  EXPECT_FALSE(months_of({1, 2026, 13, 2026}));
  EXPECT_FALSE(months_of({1, -7, -1, -1}));
  const auto all = months_of({-1, 2026, 3, -1}).value();
  EXPECT_TRUE(all.contains({1971, 1}));
  EXPECT_TRUE(all.contains({9999, 12}));
}

TEST_F(Showback, WithoutHistoryThereIsNothing) { EXPECT_TRUE(computed().empty()); }

}  // namespace
}  // namespace neph::compute
