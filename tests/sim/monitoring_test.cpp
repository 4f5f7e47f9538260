#include "tests/sim/site.h"

namespace neph {
namespace {

constexpr Duration kVisits{60'000};

class Monitoring : public Site {
 protected:
  std::size_t samples_of(VmId id) {
    return daemon().samples.list(id, std::nullopt).size();
  }
};

TEST_F(Monitoring, ARunningGuestIsMeasuredAtEachVisitOfItsHost) {
  const VmId id = create_vm();
  settle();
  ASSERT_EQ(shown(id), "RUNNING");
  pass(kVisits * 3);
  const auto last = daemon().samples.last(id);
  ASSERT_TRUE(last);
  ASSERT_TRUE(last->cpu_percent);
  EXPECT_NEAR(*last->cpu_percent, 10, 0.5) << "what a simulated guest uses";
  EXPECT_EQ(last->memory_kb, 64 * 1024);
  const auto host = daemon().samples.last(vm(id).host);
  ASSERT_TRUE(host);
  EXPECT_EQ(host->used_memory_kb, 64 * 1024);
  EXPECT_EQ(host->used_cpu_percent.value_or(-1), 10);
}

TEST_F(Monitoring, AVisitTouchesNoVm) {
  const VmId id = create_vm();
  pass(kVisits * 3);
  int touched = 0;
  daemon().store.observe([&](db::Txn&, const db::ChangeSet& changes) {
    if (changes.has(ObjectKind::kVm)) ++touched;
  });
  const std::size_t before = samples_of(id);
  pass(kVisits * 3);
  EXPECT_GT(samples_of(id), before);
  EXPECT_EQ(touched, 0);
}

TEST_F(Monitoring, AGuestThatIsOffIsNotMeasured) {
  const VmId id = create_vm();
  pass(kVisits * 2);
  act(id, compute::Action::kPoweroffHard);
  settle();
  const std::size_t before = samples_of(id);
  pass(kVisits * 5);
  EXPECT_EQ(samples_of(id), before);
}

TEST_F(Monitoring, APowerCutForgetsNoMoreThanTheLastMinutes) {
  const VmId id = create_vm();
  pass(std::chrono::hours(2));
  kill();
  const auto samples = daemon().samples.list(id, std::nullopt);
  ASSERT_GE(samples.size(), 11u) << "one in ten minutes is kept";
  EXPECT_LE(lanes().clock().now() - samples[samples.size() - 2].at, Duration{620'000});
}

}  // namespace
}  // namespace neph
