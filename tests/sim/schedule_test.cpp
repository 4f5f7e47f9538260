#include "compute/schedule.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::ScheduledAction;
using compute::ScheduledActionId;

constexpr Duration kScheduleMinute{60'000};

class Schedules : public Site {
 protected:
  ScheduledActionId plan(VmId vm, const std::string& keys) {
    const auto made = run<ScheduledActionId>([&](db::Txn& txn) {
      const auto ask = text::Template::parse("SCHED_ACTION=[" + keys + "]").value();
      return compute::add_schedule(txn, vm, ask);
    });
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(ScheduledActionId{});
  }
  ScheduledAction planned(VmId vm, ScheduledActionId id) {
    return read<ScheduledAction>(
        [&](db::Txn& txn) { return compute::find_schedule(txn, vm, id).value(); });
  }
  std::string in(Duration time) {
    return fmt::format("{}", (lanes().clock().now() + time).seconds());
  }
  VmId running() {
    const VmId id = create_vm();
    settle();
    EXPECT_EQ(shown(id), "RUNNING");
    return id;
  }
};

TEST_F(Schedules, AnActionIsDoneAtItsTimeOnce) {
  const VmId id = running();
  const auto action = plan(id, "ACTION=poweroff-hard,TIME=" + in(kScheduleMinute * 10));
  pass(kScheduleMinute * 9);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_FALSE(planned(id, action).done.is_set());
  pass(kScheduleMinute * 2);
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_TRUE(planned(id, action).done.is_set());
  EXPECT_TRUE(planned(id, action).is_over);
  act(id, compute::Action::kResume);
  pass(kScheduleMinute * 60);
  EXPECT_EQ(shown(id), "RUNNING") << "it was to be done once";
}

TEST_F(Schedules, ATemplateBringsItsActions) {
  const VmId id = create_vm("SCHED_ACTION=[ACTION=suspend,TIME=\"+600\"]\n"
                            "SCHED_ACTION=[ACTION=terminate-hard,TIME=\"+1200\"]");
  pass(kScheduleMinute * 11);
  EXPECT_EQ(shown(id), "SUSPENDED");
  pass(kScheduleMinute * 10);
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_FALSE(vm(id).attributes.has("SCHED_ACTION")) << "they are rows of their own";
}

TEST_F(Schedules, ATemplateWithAWrongActionMakesNoVm) {
  compute::NewVmAsk ask;
  ask.attributes =
      text::Template::parse("CPU=1\nMEMORY=64\nSCHED_ACTION=[ACTION=fly,TIME=\"+6\"]").value();
  const auto made =
      run<VmId>([&](db::Txn& txn) { return daemon().vms.allocate(txn, admin_, ask); });
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::kInvalid);
}

TEST_F(Schedules, WhatFailsSaysWhyAndIsNotTriedAgain) {
  const VmId id = running();
  const auto action = plan(id, "ACTION=resume,TIME=" + in(kScheduleMinute));
  pass(kScheduleMinute * 2);
  const auto failed = planned(id, action);
  EXPECT_TRUE(failed.is_over);
  EXPECT_FALSE(failed.done.is_set());
  EXPECT_NE(failed.message.find("not available for state RUNNING"), std::string::npos)
      << failed.message;
  act(id, compute::Action::kPoweroffHard);
  pass(kScheduleMinute * 20);
  EXPECT_EQ(shown(id), "POWEROFF");
}

TEST_F(Schedules, AnActionWaitsForAVmThatIsJustAtSomethingElse) {
  const VmId id = running();
  world().set_conduct(compute::domain_name(id), {.shutdown_takes = Duration{50'000}});
  act(id, compute::Action::kPoweroff);
  const auto action = plan(id, "ACTION=resume,TIME=" + in(Duration{10'000}));
  pass(Duration{30'000});
  EXPECT_EQ(planned(id, action).message.substr(0, 6), "waits:");
  pass(kScheduleMinute);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_TRUE(planned(id, action).message.empty());
}

TEST_F(Schedules, ARepeatedActionEndsAfterItsTimes) {
  const VmId id = running();
  const auto action = plan(id, "ACTION=reboot-hard,REPEAT=3,DAYS=2,END_TYPE=1,END_VALUE=3,TIME=" +
                                   in(kScheduleMinute));
  pass(kScheduleMinute * 2);
  EXPECT_EQ(planned(id, action).end_value, 2);
  EXPECT_FALSE(planned(id, action).is_over);
  pass(std::chrono::hours(2));
  EXPECT_EQ(planned(id, action).end_value, 1);
  pass(std::chrono::hours(2));
  EXPECT_TRUE(planned(id, action).is_over);
}

TEST_F(Schedules, WhatFellDueWithoutADaemonIsDoneOnceAtTheStart) {
  const VmId id = running();
  const auto once = plan(id, "ACTION=poweroff-hard,TIME=" + in(kScheduleMinute));
  const auto often =
      plan(id, "ACTION=reboot-hard,REPEAT=3,DAYS=1,END_TYPE=1,END_VALUE=9,TIME=" +
                   in(kScheduleMinute * 5));
  cut();
  pass(std::chrono::hours(5));
  start();
  settle();
  pass(kScheduleMinute);
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_TRUE(planned(id, once).done.is_set());
  EXPECT_GT(planned(id, often).due, lanes().clock().now()) << "what was missed is not made up for";
  EXPECT_EQ(planned(id, often).end_value, 8);
}

TEST_F(Schedules, TheRightsOfTheOwnerCountWhenItIsDone) {
  const VmId id = running();
  const auto action = plan(id, "ACTION=poweroff-hard,TIME=" + in(kScheduleMinute));
  const auto given = run<int>([&](db::Txn& txn) -> Result<int> {
    access::NewUser fresh;
    fresh.name = "alice";
    fresh.password_hash = "hash";
    fresh.groups = {GroupId{1}};
    const UserId alice = TRY(access::create_user(txn, admin_, fresh));
    CHECK_OK(daemon().vms.chown(txn, id, alice, GroupId{1}));
    CHECK_OK(daemon().vms.chmod(txn, id, access::Permissions{0400}));
    return 0;
  });
  ASSERT_TRUE(given) << given.error().text();
  pass(kScheduleMinute * 2);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_NE(planned(id, action).message.find("Not authorized to perform MANAGE VM"),
            std::string::npos) << planned(id, action).message;
}

}  // namespace
}  // namespace neph
