#include <algorithm>

#include "jobs/queue.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::Recover;
using datastore::Fires;
using datastore::Grade;
using datastore::ImageState;
using snapshots::Kind;
using snapshots::Phase;
using snapshots::Snapshot;

/// The rules of docs/snapshots.md, through the whole core.
class SnapshotRules : public Site {
 protected:
  /// A VM whose guest has written stamp 1 into block 1.
  VmId written_vm(const std::string& more = "") {
    const VmId id = create_vm(more);
    guest_writes(id, 1, 1);
    return id;
  }
  static sim::Blocks with(sim::Blocks more) {
    more.emplace(0, 7);
    return more;
  }
  /// READY, with these blocks and this grade, and nothing left behind.
  void expect_ready(const Snapshot& taken, const sim::Blocks& blocks, Grade grade) {
    const Snapshot now = snapshot(taken.id);
    EXPECT_EQ(snapshots::name_of(now.phase), "ready") << now.error << now.reason;
    EXPECT_EQ(datastore::name_of(now.grade), datastore::name_of(grade));
    EXPECT_TRUE(now.captured.is_set());
    const auto made = image(taken.image);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->state, ImageState::kReady);
    EXPECT_EQ(blocks_of(taken.image), blocks);
    EXPECT_EQ(holds(taken.vm), 0u);
    EXPECT_EQ(open_jobs().size(), 0u);
  }
  void expect_armed(const Snapshot& taken) {
    EXPECT_EQ(snapshots::name_of(snapshot(taken.id).phase), "armed");
    EXPECT_EQ(image(taken.image)->state, ImageState::kLocked);
    EXPECT_EQ(holds(taken.vm), 1u);
  }
  std::size_t holds(VmId id) {
    return read<std::size_t>([&](db::Txn& txn) { return datastore::list_holds(txn, id).size(); });
  }
};

TEST_F(SnapshotRules, AHotSnapshotShowsTheInstantOfTheRequest) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kHot, "hot");
  guest_writes(id, 2, 2);
  settle();
  expect_ready(taken, with({{1, 1}}), Grade::kFrozen);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(disk(id).overlay_path, "");
  EXPECT_EQ(files_of(id).size(), 1u);
  const auto content = world().guest_content(compute::domain_name(id), "vda");
  EXPECT_EQ(content->blocks, with({{1, 1}, {2, 2}}));
}

TEST_F(SnapshotRules, WithoutAnAgentAHotSnapshotIsLikeAPowerCut) {
  const VmId id = written_vm();
  world().set_agent(compute::domain_name(id), sim::Agent::kAbsent);
  const Snapshot taken = take(id, Kind::kHot, "hot");
  pass(Duration{10'000});
  expect_ready(taken, with({{1, 1}}), Grade::kCrash);
}

TEST_F(SnapshotRules, ARequiredFreezeThatCannotBeHadFailsAndLeavesTheVmAlone) {
  const VmId id = written_vm();
  world().set_agent(compute::domain_name(id), sim::Agent::kAbsent);
  snapshots::Request ask;
  ask.vm = id;
  ask.disks = {DiskId{0}};
  ask.name = "hot";
  ask.quiesce = hypervisor_driver::Quiesce::kRequire;
  const auto taken = request(ask);
  ASSERT_TRUE(taken);
  pass(Duration{30'000});
  const Snapshot now = snapshot(taken->front().id);
  EXPECT_EQ(now.phase, Phase::kFailed);
  EXPECT_NE(now.error.find("agent"), std::string::npos) << now.error;
  EXPECT_EQ(disk(id).overlay_path, "");
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(SnapshotRules, ADeferredSnapshotFiresWhenTheGuestEndsByItself) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  expect_armed(taken);
  guest_writes(id, 2, 2);
  guest_shuts_down(id);
  expect_ready(taken, with({{1, 1}, {2, 2}}), Grade::kShutdown);
  EXPECT_EQ(shown(id), "POWEROFF");
}

TEST_F(SnapshotRules, PoweroffAndUndeployFireADeferredOne) {
  for (const Action how : {Action::kPoweroff, Action::kUndeploy}) {
    const VmId id = written_vm();
    const Snapshot taken = take(id, Kind::kDeferred, fmt::format("deferred-{}", id));
    act(id, how);
    expect_ready(taken, with({{1, 1}}), Grade::kShutdown);
  }
}

TEST_F(SnapshotRules, TerminateFiresAndTheVmIsDoneBeforeTheCopyIs) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 2});
  act(id, Action::kTerminate);
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_TRUE(disk(id).is_retained);
  EXPECT_NE(snapshot(taken.id).phase, Phase::kReady);
  pass(Duration{60'000});
  expect_ready(taken, with({{1, 1}}), Grade::kShutdown);
  EXPECT_FALSE(disk(id).is_retained);
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
}

TEST_F(SnapshotRules, TerminateHardFiresGradedCrash) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  act(id, Action::kTerminateHard);
  EXPECT_EQ(shown(id), "DONE");
  expect_ready(taken, with({{1, 1}}), Grade::kCrash);
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
}

TEST_F(SnapshotRules, RecoverDeleteFiresGradedCrash) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  ASSERT_TRUE(recover(id, Recover::kDelete));
  EXPECT_EQ(shown(id), "DONE");
  expect_ready(taken, with({{1, 1}}), Grade::kCrash);
}

TEST_F(SnapshotRules, WhenEndFiresOnlyAtTheEnd) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred", Fires::kEnd);
  act(id, Action::kPoweroff);
  expect_armed(taken);
  act(id, Action::kResume);
  guest_shuts_down(id);
  expect_armed(taken);
  act(id, Action::kTerminate);
  expect_ready(taken, with({{1, 1}}), Grade::kShutdown);
}

TEST_F(SnapshotRules, SuspendStopAndRebootLeaveItArmed) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  act(id, Action::kReboot);
  expect_armed(taken);
  act(id, Action::kSuspend);
  expect_armed(taken);
  act(id, Action::kResume);
  act(id, Action::kStop);
  expect_armed(taken);
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
  act(id, Action::kPoweroff);
  expect_ready(taken, with({{1, 1}}), Grade::kShutdown);
}

TEST_F(SnapshotRules, TerminateOfASuspendedVmFiresGradedCrash) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  act(id, Action::kSuspend);
  act(id, Action::kTerminate);
  expect_ready(taken, with({{1, 1}}), Grade::kCrash);
}

TEST_F(SnapshotRules, ACrashLeavesItArmedAndTheDiskHeld) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  ASSERT_TRUE(world().qemu_dies(compute::domain_name(id)));
  settle();
  EXPECT_EQ(shown(id), "POWEROFF");
  expect_armed(taken);
  act(id, Action::kResume);
  guest_shuts_down(id);
  expect_ready(taken, with({{1, 1}}), Grade::kShutdown);
}

TEST_F(SnapshotRules, TheOwnerMayTakeACrashedDiskAsItIs) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  act(id, Action::kPoweroffHard);
  expect_armed(taken);
  ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().snapshots.capture(txn, taken.id));
    return 0;
  }));
  expect_ready(taken, with({{1, 1}}), Grade::kCrash);
}

TEST_F(SnapshotRules, AStopThatNobodySawIsGradedUnknown) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  ASSERT_TRUE(world().domain_vanishes(compute::domain_name(id)));
  pass(Duration{61'000});
  expect_ready(taken, with({{1, 1}}), Grade::kUnknown);
}

TEST_F(SnapshotRules, BothKindsFireAtOnceOfAVmThatIsOff) {
  const VmId id = written_vm();
  act(id, Action::kPoweroff);
  expect_ready(take(id, Kind::kHot, "one"), with({{1, 1}}), Grade::kShutdown);
  expect_ready(take(id, Kind::kDeferred, "two"), with({{1, 1}}), Grade::kShutdown);
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(SnapshotRules, AHostThatIsLostFiresNothing) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  world().cut_host(host_);
  pass(Duration{300'000});
  EXPECT_EQ(shown(id), "UNKNOWN");
  expect_armed(taken);
  world().restore_host(host_);
  pass(Duration{30'000});
  act(id, Action::kPoweroff);
  expect_ready(taken, with({{1, 1}}), Grade::kShutdown);
}

TEST_F(SnapshotRules, AVmMayBeResumedWhileItsDiskIsCopied) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 3});
  act(id, Action::kPoweroff);
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_NE(vm(id).user_attributes.get("SNAPSHOT_NOTICE").find("later changes are not in it"),
            std::string::npos);
  guest_writes(id, 9, 99);
  pass(Duration{120'000});
  expect_ready(taken, with({{1, 1}}), Grade::kShutdown);
  EXPECT_EQ(disk(id).overlay_path, "");
  EXPECT_EQ(world().guest_content(compute::domain_name(id), "vda")->blocks,
            with({{1, 1}, {9, 99}}));
}

TEST_F(SnapshotRules, AFailedCopyKeepsTheDiskThroughEverythingAndRetryEndsReady) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  world().inject({.kind = sim::FaultKind::kCopyFails,
                  .times = sim::kAlways,
                  .error = {Errc::kInvalid, "the storage refuses", ""}});
  act(id, Action::kTerminate);
  pass(Duration{300'000});
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kFailed);
  EXPECT_EQ(image(taken.image)->state, ImageState::kError);
  EXPECT_TRUE(disk(id).is_retained);
  EXPECT_TRUE(try_act(id, Action::kTerminate));
  EXPECT_FALSE(recover(id, Recover::kDelete));
  const auto removed = run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().hosts.remove(txn, vm(id).host));
    return 0;
  });
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Errc::kWrongState);
  EXPECT_FALSE(files_of(id).empty());
  kill();
  EXPECT_TRUE(disk(id).is_retained);
  world().clear_faults();
  ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().snapshots.retry(txn, taken.id));
    return 0;
  }));
  pass(Duration{60'000});
  expect_ready(taken, with({{1, 1}}), Grade::kShutdown);
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
}

TEST_F(SnapshotRules, ARetainedDiskGoesOnlyWhenItsImageIsNamed) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  world().inject({.kind = sim::FaultKind::kCopyFails, .times = sim::kAlways});
  act(id, Action::kTerminate);
  pass(Duration{300'000});
  const auto discard = [&](const std::string& name) {
    return run<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK(daemon().snapshots.discard(txn, taken.id, name));
      return 0;
    });
  };
  const auto cancelled = run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().snapshots.cancel(txn, taken.id));
    return 0;
  });
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Errc::kWrongState);
  EXPECT_FALSE(discard("another"));
  EXPECT_FALSE(files_of(id).empty());
  ASSERT_TRUE(discard("deferred"));
  pass(Duration{60'000});
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kDiscarded);
  EXPECT_FALSE(image(taken.image));
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(SnapshotRules, CancelOfAnArmedOneLeavesNothing) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().snapshots.cancel_by_image(txn, taken.image));
    return 0;
  }));
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kCancelled);
  EXPECT_FALSE(image(taken.image));
  EXPECT_EQ(holds(id), 0u);
  EXPECT_EQ(open_jobs().size(), 0u);
  act(id, Action::kTerminate);
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
}

TEST_F(SnapshotRules, AFileThatCannotBeRemovedIsLeftToTheImagesOwner) {
  const VmId id = written_vm();
  world().inject({.kind = sim::FaultKind::kCopyFails, .times = sim::kAlways});
  const Snapshot taken = take(id, Kind::kHot, "hot");
  pass(Duration{10'000});
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_deleted",
                  .times = sim::kAlways});
  ASSERT_TRUE(change([&](db::Txn& txn) { return daemon().snapshots.cancel(txn, taken.id); }));
  pass(Duration{900'000});
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kCancelled);
  EXPECT_EQ(holds(id), 0u);
  ASSERT_EQ(image(taken.image)->state, datastore::ImageState::kError);
  EXPECT_NE(image(taken.image)->attributes.get("ERROR"), "");
  world().clear_faults();
  ASSERT_TRUE(change([&](db::Txn& txn) { return daemon().images.remove(txn, taken.image); }));
  pass(Duration{60'000});
  EXPECT_FALSE(image(taken.image));
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(SnapshotRules, OneDeferredPerDisk) {
  const VmId id = written_vm();
  const Snapshot first = take(id, Kind::kDeferred, "deferred");
  EXPECT_EQ(take(id, Kind::kDeferred, "deferred").id, first.id);
  snapshots::Request other;
  other.vm = id;
  other.disks = {DiskId{0}};
  other.name = "other";
  other.kind = Kind::kDeferred;
  const auto refused = request(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConflict);
  EXPECT_NE(refused.error().message.find("deferred"), std::string::npos);
}

TEST_F(SnapshotRules, AHotOneIsAllowedWhileADeferredOneIsArmed) {
  const VmId id = written_vm();
  const Snapshot deferred = take(id, Kind::kDeferred, "deferred");
  const Snapshot hot = take(id, Kind::kHot, "hot");
  EXPECT_EQ(snapshot(hot.id).phase, Phase::kReady);
  EXPECT_EQ(blocks_of(hot.image), with({{1, 1}}));
  guest_writes(id, 2, 2);
  act(id, Action::kPoweroff);
  expect_ready(deferred, with({{1, 1}, {2, 2}}), Grade::kShutdown);
}

TEST_F(SnapshotRules, NoSpaceWaitsWithFiguresAndGoesOnByItself) {
  const VmId id = written_vm();
  world().set_space("/ds/1", Bytes{1000});
  const Snapshot taken = take(id, Kind::kHot, "hot");
  pass(Duration{30'000});
  const Snapshot waiting = snapshot(taken.id);
  EXPECT_EQ(snapshots::name_of(waiting.phase), "waiting") << waiting.error;
  EXPECT_NE(waiting.reason.find("space"), std::string::npos) << waiting.reason;
  EXPECT_EQ(shown(id), "RUNNING");
  world().set_space("/ds/1", Bytes::megabytes(10'000));
  pass(Duration{60'000});
  expect_ready(taken, with({{1, 1}}), Grade::kFrozen);
}

TEST_F(SnapshotRules, SpaceThatIsPromisedToOneCopyIsNotPromisedToAnother) {
  const VmId first = written_vm();
  const VmId second = written_vm();
  // Room for one image of two blocks beside the base image, not for two.
  world().set_space("/ds/1", Bytes{sim::kBlockSize.value * 4});
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1});
  const Snapshot one = take(first, Kind::kHot, "one");
  const Snapshot other = take(second, Kind::kHot, "other");
  EXPECT_NE(snapshot(other.id).reason.find("for other copies"), std::string::npos)
      << snapshot(other.id).reason;
  pass(Duration{30'000});
  EXPECT_EQ(snapshot(one.id).phase, Phase::kReady);
  EXPECT_EQ(snapshots::name_of(snapshot(other.id).phase), "waiting");
  world().set_space("/ds/1", Bytes::megabytes(10'000));
  pass(Duration{60'000});
  expect_ready(other, with({{1, 1}}), Grade::kFrozen);
}

TEST_F(SnapshotRules, ADeferredOneFiresAndTheVmIsResumedWhileAHotCopyRuns) {
  const VmId id = written_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 3});
  const Snapshot deferred = take(id, Kind::kDeferred, "deferred");
  const Snapshot hot = take(id, Kind::kHot, "hot");
  guest_writes(id, 2, 2);
  act(id, Action::kPoweroff);
  act(id, Action::kResume);
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "RUNNING") << vm(id).wait_reason;
  EXPECT_EQ(blocks_of(hot.image), with({{1, 1}}));
  expect_ready(deferred, with({{1, 1}, {2, 2}}), Grade::kShutdown);
}

TEST_F(SnapshotRules, AHotOneThatNeverPinsFailsAndLeavesTheVmFree) {
  const VmId id = written_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_pinned",
                  .times = sim::kAlways, .error = {Errc::kStalled, "the agent hangs", ""}});
  const Snapshot taken = take(id, Kind::kHot, "hot");
  pass(Duration{600'000});
  EXPECT_EQ(snapshots::name_of(snapshot(taken.id).phase), "failed");
  EXPECT_NE(snapshot(taken.id).error.find("the agent hangs"), std::string::npos);
  EXPECT_EQ(disk(id).overlay_path, "");
  act(id, Action::kPoweroff);
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(SnapshotRules, DeleteFromTheDatabaseIsRefusedWhileAGuestMayWriteToAHeldDisk) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kDeferred, "deferred");
  const auto refused = recover(id, Recover::kDeleteDb);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  expect_armed(taken);
  act(id, Action::kPoweroffHard);
  ASSERT_TRUE(recover(id, Recover::kDeleteDb));
  EXPECT_EQ(shown(id), "DONE");
  expect_ready(taken, with({{1, 1}}), Grade::kCrash);
}

TEST_F(SnapshotRules, TheGuestMayStopWhileItsHotSnapshotIsCopied) {
  const VmId id = written_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 2});
  const Snapshot taken = take(id, Kind::kHot, "hot");
  guest_writes(id, 2, 2);
  guest_shuts_down(id);
  pass(Duration{60'000});
  expect_ready(taken, with({{1, 1}}), Grade::kFrozen);
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(disk(id).overlay_path, "");
  act(id, Action::kResume);
  EXPECT_EQ(world().guest_content(compute::domain_name(id), "vda")->blocks,
            with({{1, 1}, {2, 2}}));
}

TEST_F(SnapshotRules, AVmMayEndWhileItsHotSnapshotIsCopied) {
  const VmId id = written_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 2});
  const Snapshot taken = take(id, Kind::kHot, "hot");
  guest_writes(id, 2, 2);
  act(id, Action::kTerminateHard);
  EXPECT_EQ(shown(id), "DONE");
  pass(Duration{120'000});
  expect_ready(taken, with({{1, 1}}), Grade::kFrozen);
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
}

TEST_F(SnapshotRules, SuspendDuringTheCopyIsFine) {
  const VmId id = written_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 2});
  const Snapshot taken = take(id, Kind::kHot, "hot");
  act(id, Action::kSuspend);
  EXPECT_EQ(shown(id), "SUSPENDED");
  pass(Duration{60'000});
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kReady);
  act(id, Action::kResume);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "RUNNING");
  expect_ready(taken, with({{1, 1}}), Grade::kFrozen);
  EXPECT_EQ(disk(id).overlay_path, "");
}

TEST_F(SnapshotRules, ATakenImageBoots) {
  const VmId id = written_vm();
  const Snapshot taken = take(id, Kind::kHot, "hot");
  compute::NewVmAsk ask;
  ask.attributes = text::Template::parse(fmt::format(
      "CPU=1\nMEMORY=64\nDISK=[IMAGE_ID=\"{}\"]", taken.image)).value();
  const auto second =
      run<VmId>([&](db::Txn& txn) { return daemon().vms.allocate(txn, admin_, ask); });
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(shown(*second), "RUNNING");
  EXPECT_EQ(world().guest_content(compute::domain_name(*second), "vda")->blocks,
            with({{1, 1}}));
}

TEST_F(SnapshotRules, HotSurvivesAPowerCutOfTheDaemonAfterEveryTask) {
  for (int cut = 0; cut < 80; ++cut) {
    const VmId id = written_vm("CPU=0.1");
    snapshots::Request ask;
    ask.vm = id;
    ask.disks = {DiskId{0}};
    ask.name = fmt::format("hot-{}", cut);
    std::optional<Result<std::vector<Snapshot>>> made;
    daemon().store.run<std::vector<Snapshot>>(
        [&](db::Txn& txn) { return daemon().snapshots.request(txn, admin_, ask); },
        [&](Result<std::vector<Snapshot>> taken) { made = std::move(taken); });
    for (int task = 0; task < cut; ++task) lanes().run_one();
    kill();
    guest_writes(id, 2, 2);
    pass(Duration{120'000});
    if (made) {
      ASSERT_TRUE(*made) << made->error().text();
      const Snapshot now = snapshot((*made)->front().id);
      EXPECT_EQ(snapshots::name_of(now.phase), "ready") << "cut " << cut << now.error;
      const sim::Blocks blocks = blocks_of(now.image);
      EXPECT_EQ(blocks.at(1), 1u) << "cut " << cut;
      EXPECT_EQ(disk(id).overlay_path, "") << "cut " << cut;
    }
    EXPECT_EQ(holds(id), 0u) << "cut " << cut;
    act(id, Action::kTerminateHard);
    EXPECT_EQ(files_of(id), std::vector<std::string>{}) << "cut " << cut;
  }
}

TEST_F(SnapshotRules, DeferredSurvivesAPowerCutOfTheDaemonAfterEveryTask) {
  for (int cut = 0; cut < 100; ++cut) {
    const VmId id = written_vm("CPU=0.1");
    const Snapshot taken = take(id, Kind::kDeferred, fmt::format("deferred-{}", cut));
    daemon().store.run([&](db::Txn& txn) {
      return daemon().vms.act(txn, UserId{0}, id, Action::kTerminate);
    });
    for (int task = 0; task < cut; ++task) lanes().run_one();
    kill();
    pass(Duration{120'000});
    if (shown(id) == "RUNNING") {
      act(id, Action::kTerminate);
      pass(Duration{120'000});
    }
    EXPECT_EQ(shown(id), "DONE") << "cut " << cut;
    const Snapshot now = snapshot(taken.id);
    EXPECT_EQ(snapshots::name_of(now.phase), "ready") << "cut " << cut << now.error;
    EXPECT_EQ(blocks_of(taken.image), with({{1, 1}})) << "cut " << cut;
    EXPECT_EQ(files_of(id), std::vector<std::string>{}) << "cut " << cut;
  }
}

}  // namespace
}  // namespace neph
