#include "base/lanes.h"

#include <gtest/gtest.h>

#include <future>

namespace neph {
namespace {

TEST(ManualLanes, RunsTimersInOrderAndTurnsTheClock) {
  ManualLanes lanes;
  std::string order;
  lanes.timers().after(Duration{200}, lanes.store(), [&] { order += 'b'; });
  lanes.timers().after(Duration{100}, lanes.store(), [&] { order += 'a'; });
  const Instant start = lanes.clock().now();
  lanes.advance(Duration{150});
  EXPECT_EQ(order, "a");
  lanes.advance(Duration{150});
  EXPECT_EQ(order, "ab");
  EXPECT_EQ((lanes.clock().now() - start).count(), 300);
}

TEST(ManualLanes, ATaskMayPostAnother) {
  ManualLanes lanes;
  int runs = 0;
  lanes.store().post([&] { lanes.drivers().post([&] { ++runs; }); });
  lanes.run_until_idle();
  EXPECT_EQ(runs, 1);
}

TEST(ThreadLanes, KeepsTheOrderOfTheStoreLane) {
  SystemClock clock;
  ThreadLanes lanes(clock, {});
  std::vector<int> seen;
  std::promise<void> done;
  for (int i = 0; i < 100; ++i) lanes.store().post([&seen, i] { seen.push_back(i); });
  lanes.store().post([&] { done.set_value(); });
  done.get_future().wait();
  ASSERT_EQ(seen.size(), 100u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(ThreadLanes, DropsWhatIsPostedAfterStop) {
  SystemClock clock;
  ThreadLanes lanes(clock, {});
  lanes.stop();
  lanes.store().post([] { FAIL() << "ran after stop"; });
}

}  // namespace
}  // namespace neph
