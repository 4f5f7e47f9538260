#include "compute/schedule.h"
#include "compute/disk_tree.h"
#include "compute/system_snapshot.h"
#include "datastore/backups.h"
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
  Result<void> alter(VmId vm, ScheduledActionId id, const std::string& keys) {
    return change([&](db::Txn& txn) {
      const auto ask = text::Template::parse("SCHED_ACTION=[" + keys + "]").value();
      return compute::update_schedule(txn, vm, id, ask);
    });
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

TEST_F(Schedules, WhatIsDoneIsNotDoneAgainBecauseSomethingOfItChanges) {
  const VmId id = running();
  const std::string time = in(kScheduleMinute * 10);
  const auto once = plan(id, "ACTION=poweroff-hard,TIME=" + time);
  const auto daily = plan(id, "ACTION=suspend,REPEAT=3,DAYS=24,END_TYPE=2,END_VALUE=" +
                                  in(kScheduleMinute * 20) + ",TIME=" + time);
  pass(kScheduleMinute * 11);
  ASSERT_EQ(shown(id), "POWEROFF");
  ASSERT_TRUE(planned(id, daily).is_over);
  act(id, compute::Action::kResume);
  ASSERT_TRUE(alter(id, once, "ACTION=poweroff-hard,TIME=" + time));
  ASSERT_TRUE(alter(id, daily, "END_TYPE=0"));
  pass(kScheduleMinute * 10);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_TRUE(planned(id, once).is_over);
  EXPECT_TRUE(planned(id, once).done.is_set());
  EXPECT_FALSE(planned(id, daily).is_over) << "it goes on tomorrow";
  ASSERT_TRUE(alter(id, once, "TIME=" + in(kScheduleMinute)));
  pass(kScheduleMinute * 2);
  EXPECT_EQ(shown(id), "POWEROFF") << "another time was asked for";
}

TEST_F(Schedules, VmsThatAreWaitedForHoldUpNobody) {
  for (int i = 0; i < 3; ++i) {
    const VmId busy = create_vm("CPU=0.1\nMEMORY=1");
    world().set_conduct(compute::domain_name(busy), {.shutdown_takes = Duration{50'000}});
    plan(busy, "ACTION=suspend,TIME=" + in(Duration{1'000}));
    act(busy, compute::Action::kPoweroff);
  }
  const VmId id = running();
  plan(id, "ACTION=suspend,TIME=" + in(Duration{2'000}));
  pass(Duration{8'000});
  const auto due = read<std::vector<ScheduledAction>>(
      [&](db::Txn& txn) { return compute::list_due_schedules(txn, txn.at(), 9); });
  ASSERT_EQ(due.size(), 3u);
  plan(id, "ACTION=resume,TIME=" + in(Duration{-1'000}));
  const auto first = read<std::vector<ScheduledAction>>(
      [&](db::Txn& txn) { return compute::list_due_schedules(txn, txn.at(), 1); });
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first.front().vm, id);
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

TEST_F(Schedules, ABackupIsMadeInTheDatastoreThatArgsName) {
  const VmId id = running();
  const auto kept = run<DatastoreId>([&](db::Txn& txn) {
    const auto ask = text::Template::parse("NAME=kept\nDS_MAD=fs\nTYPE=BACKUP_DS");
    return daemon().images.allocate_datastore(txn, admin_, *ask, ClusterId{});
  });
  ASSERT_TRUE(kept) << kept.error().text();
  const auto action = plan(id, fmt::format("ACTION=backup,ARGS=\"{}\",REPEAT=3,DAYS=1,TIME={}",
                                           *kept, in(kScheduleMinute)));
  pass(kScheduleMinute * 10);
  pass(std::chrono::hours(1));
  const auto backups = read<std::vector<ImageId>>(
      [&](db::Txn& txn) { return datastore::list_backups_of(txn, id); });
  ASSERT_EQ(backups.size(), 2u) << planned(id, action).message;
  for (const ImageId backup : backups)
    EXPECT_EQ(image(backup)->state, datastore::ImageState::kReady);
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(Schedules, ABackupThatCannotBeMadeSaysWhy) {
  const VmId id = running();
  const auto action = plan(id, "ACTION=backup,TIME=" + in(kScheduleMinute));
  pass(kScheduleMinute * 2);
  EXPECT_TRUE(planned(id, action).is_over);
  EXPECT_NE(planned(id, action).message.find("into which datastore"), std::string::npos)
      << planned(id, action).message;
}

TEST_F(Schedules, ADiskGoesBackToItsSnapshotWhileTheVmIsOff) {
  const VmId id = running();
  guest_writes(id, 3, 30);
  plan(id, "ACTION=disk-snapshot-create,ARGS=\"0, before\",TIME=" + in(kScheduleMinute));
  plan(id, "ACTION=poweroff-hard,TIME=" + in(kScheduleMinute * 10));
  plan(id, "ACTION=disk-snapshot-revert,ARGS=\"0,0\",TIME=" + in(kScheduleMinute * 15));
  pass(kScheduleMinute * 5);
  const auto points = [&] {
    return read<std::vector<datastore::DiskSnapshot>>([&](db::Txn& txn) {
      return datastore::list_disk_snapshots(
          txn, compute::tree_of(compute::find_disk(txn, id, DiskId{0}).value()));
    });
  };
  ASSERT_EQ(points().size(), 1u);
  EXPECT_EQ(points().front().name, "before");
  guest_writes(id, 3, 31);
  pass(kScheduleMinute * 15);
  EXPECT_EQ(world().content_of(disk(id).path)->blocks, (sim::Blocks{{0, 7}, {3, 30}}));
}

TEST_F(Schedules, ASystemSnapshotIsMadeAndDeleted) {
  const VmId id = running();
  const auto points = [&] {
    return read<std::vector<compute::SystemSnapshot>>(
        [&](db::Txn& txn) { return compute::list_system_snapshots(txn, id); });
  };
  plan(id, "ACTION=snapshot-create,ARGS=noon,TIME=" + in(kScheduleMinute));
  pass(kScheduleMinute * 3);
  ASSERT_EQ(points().size(), 1u);
  EXPECT_EQ(points().front().name, "noon");
  const auto back = plan(id, fmt::format("ACTION=snapshot-revert,ARGS={},TIME={}",
                                         points().front().id, in(kScheduleMinute)));
  plan(id, fmt::format("ACTION=snapshot-delete,ARGS={},TIME={}", points().front().id,
                       in(kScheduleMinute * 5)));
  pass(kScheduleMinute * 3);
  EXPECT_TRUE(planned(id, back).done.is_set()) << planned(id, back).message;
  pass(kScheduleMinute * 5);
  EXPECT_TRUE(points().empty());
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(Schedules, ABackupIsPlannedWithTheArgsOfOpenNebulasCommand) {
  const VmId id = running();
  for (const auto* args : {"-1,0", "100,1", "100,NO", "100", ""}) {
    plan(id, fmt::format("ACTION=backup,ARGS=\"{}\",TIME={}", args, in(kScheduleMinute)));
  }
}

TEST_F(Schedules, ArgsAreReadWhenTheActionIsPlanned) {
  const VmId id = running();
  for (const auto* keys :
       {"ACTION=disk-snapshot-create,TIME=9", "ACTION=disk-snapshot-create,ARGS=\"x,n\",TIME=9",
        "ACTION=disk-snapshot-revert,ARGS=\"0\",TIME=9",
        "ACTION=disk-snapshot-revert,ARGS=\"0,1,2\",TIME=9",
        "ACTION=snapshot-revert,ARGS=last,TIME=9", "ACTION=backup,ARGS=everywhere,TIME=9",
        "ACTION=migrate,TIME=9", "ACTION=resched,TIME=9"}) {
    const auto made = run<ScheduledActionId>([&](db::Txn& txn) {
      return compute::add_schedule(
          txn, id, text::Template::parse(fmt::format("SCHED_ACTION=[{}]", keys)).value());
    });
    ASSERT_FALSE(made) << keys;
    EXPECT_EQ(made.error().code, Errc::kInvalid) << keys;
  }
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
