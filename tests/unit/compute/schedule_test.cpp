#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "compute/schedule.h"

namespace neph::compute {
namespace {

/// The zone of these tests is one with summer time.
class ScheduleTimes : public testing::Test {
 protected:
  void SetUp() override { zone("Europe/Berlin"); }
  void TearDown() override { zone("UTC"); }
  static void zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  static Instant at(const char* text) {
    std::tm parts{};
    ::strptime(text, "%Y-%m-%d %H:%M", &parts);
    parts.tm_isdst = -1;
    return Instant{std::mktime(&parts) * 1000};
  }
  static std::string shown(Instant when) {
    const std::time_t seconds = when.seconds();
    std::tm parts{};
    localtime_r(&seconds, &parts);
    char text[40] = {};
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
    return text;
  }
  static ScheduledAction read(const std::string& keys, const char* time) {
    const auto ask = text::Template::parse(fmt::format("SCHED_ACTION=[ACTION=reboot,TIME={},{}]",
                                                       at(time).seconds(), keys));
    const auto action = read_schedule(*ask->find_vector("SCHED_ACTION"), {});
    EXPECT_TRUE(action) << action.error().text();
    return action.value_or(ScheduledAction{});
  }
  static std::string next(ScheduledAction& action, const char* now) {
    advance_schedule(action, at(now));
    return action.is_over ? "over" : shown(action.due);
  }
};

TEST_F(ScheduleTimes, AWeeklyOneBeginsOnItsFirstDay) {
  auto action = read("REPEAT=0,DAYS=\"1,5\"", "2026-11-21 22:00");  // a Saturday
  EXPECT_EQ(shown(action.due), "2026-11-23 22:00");
  EXPECT_EQ(next(action, "2026-11-23 22:01"), "2026-11-27 22:00");
  EXPECT_EQ(next(action, "2026-11-27 22:00"), "2026-11-30 22:00");
}

TEST_F(ScheduleTimes, AMonthlyOneLeavesOutMonthsWithoutItsDay) {
  auto action = read("REPEAT=1,DAYS=31", "2026-01-31 06:30");
  EXPECT_EQ(shown(action.due), "2026-01-31 06:30");
  EXPECT_EQ(next(action, "2026-01-31 06:31"), "2026-03-31 06:30");
}

TEST_F(ScheduleTimes, AYearlyOneCountsDaysFromZero) {
  auto action = read("REPEAT=2,DAYS=0", "2026-11-21 00:15");
  EXPECT_EQ(shown(action.due), "2027-01-01 00:15");
  EXPECT_EQ(next(action, "2027-01-01 00:15"), "2028-01-01 00:15");
}

TEST_F(ScheduleTimes, TheHourOnTheWallStaysThroughSummerTime) {
  auto action = read("REPEAT=0,DAYS=\"0,1,2,3,4,5,6\"", "2026-03-28 08:00");
  EXPECT_EQ(next(action, "2026-03-28 08:00"), "2026-03-29 08:00");
  EXPECT_EQ(action.due - at("2026-03-28 08:00"), std::chrono::hours(23));
}

TEST_F(ScheduleTimes, WhatWasMissedIsLeftOut) {
  auto hourly = read("REPEAT=3,DAYS=6", "2026-11-21 00:00");
  EXPECT_EQ(next(hourly, "2026-11-22 13:00"), "2026-11-22 18:00");
  auto weekly = read("REPEAT=0,DAYS=6", "2026-11-21 22:00");
  EXPECT_EQ(next(weekly, "2028-06-01 12:00"), "2028-06-03 22:00");
}

TEST_F(ScheduleTimes, ItEndsAtItsTime) {
  const auto end = fmt::format("REPEAT=3,DAYS=1,END_TYPE=2,END_VALUE={}",
                               at("2026-11-21 02:00").seconds());
  auto action = read(end, "2026-11-21 00:00");
  EXPECT_EQ(next(action, "2026-11-21 00:00"), "2026-11-21 01:00");
  EXPECT_EQ(next(action, "2026-11-21 01:00"), "2026-11-21 02:00");
  EXPECT_EQ(next(action, "2026-11-21 02:00"), "over");
}

TEST_F(ScheduleTimes, AnUpdateKeepsWhatItDoesNotName) {
  const auto action = read("REPEAT=0,DAYS=1", "2026-11-21 22:00");
  const auto changed = read_schedule(text::Vector{{"DAYS", "2"}}, {}, action);
  ASSERT_TRUE(changed) << changed.error().text();
  EXPECT_EQ(changed->action, "reboot");
  EXPECT_EQ(shown(changed->due), "2026-11-24 22:00");
}

}  // namespace
}  // namespace neph::compute
