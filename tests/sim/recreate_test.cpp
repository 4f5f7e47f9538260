#include "compute/disk_tree.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::Recover;
using datastore::Fires;
using datastore::ImageState;
using sim::Blocks;
using snapshots::Kind;

/// one.vm.recover with delete-recreate: the VM starts over, and no snapshot loses its disk.
class RecreateTest : public Site {
 protected:
  VmId written_vm() {
    const VmId id = create_vm();
    guest_writes(id, 1, 1);
    return id;
  }
  Blocks content(VmId id) {
    const auto found = world().guest_content(compute::domain_name(id), "vda");
    return found ? found->blocks : Blocks{};
  }
  /// It runs on a disk that shows only the image.
  void expect_fresh(VmId id) {
    EXPECT_EQ(shown(id), "RUNNING");
    EXPECT_EQ(content(id), (Blocks{{0, 7}}));
    EXPECT_TRUE(disk(id).is_present);
    EXPECT_EQ(vm(id).user_attributes.get("ERROR"), "");
    EXPECT_EQ(open_jobs().size(), 0u);
  }
  void copies_fail() {
    world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied",
                    .times = sim::kAlways});
  }
  /// The owner asks for the copy once more.
  void copies_succeed(SnapshotId id) {
    world().clear_faults();
    const auto retried = run<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK(daemon().snapshots.retry(txn, id));
      return 0;
    });
    ASSERT_TRUE(retried) << retried.error().text();
    pass(Duration{600'000});
  }
  void make_persistent(ImageId id) {
    const auto made = run<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK(daemon().images.set_persistent(txn, id, true));
      return 0;
    });
    ASSERT_TRUE(made) << made.error().text();
  }
};

TEST_F(RecreateTest, ARunningVmStartsOverWithADiskMadeAnew) {
  const VmId id = written_vm();
  const std::string uuid = vm(id).uuid;
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  expect_fresh(id);
  EXPECT_EQ(vm(id).uuid, uuid);
  const auto records = read<std::vector<compute::HistoryRecord>>(
      [&](db::Txn& txn) { return compute::list_history(txn, id); });
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].action, compute::HistoryAction::kDeleteRecreate);
  EXPECT_TRUE(records[0].ended.is_set());
}

TEST_F(RecreateTest, VmsThatAreOffSavedOrCouldNotBootStartOver) {
  for (const Action away : {Action::kPoweroff, Action::kSuspend}) {
    const VmId id = written_vm();
    act(id, away);
    ASSERT_TRUE(recover(id, Recover::kRecreate));
    expect_fresh(id);
    EXPECT_EQ(vm(id).memory_path, "");
    act(id, Action::kTerminateHard);
    EXPECT_EQ(files_of(id), std::vector<std::string>{});
  }
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_started",
                  .error = {Errc::kInvalid, "no such machine", ""}});
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "BOOT_FAILURE");
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  expect_fresh(id);
}

TEST_F(RecreateTest, StatesWithoutDisksOnAHostAreRefused) {
  const VmId id = create_vm();
  for (const Action away : {Action::kStop, Action::kUndeploy, Action::kTerminate}) {
    act(id, away);
    const auto refused = recover(id, Recover::kRecreate);
    ASSERT_FALSE(refused) << shown(id);
    EXPECT_EQ(refused.error().code, Errc::kWrongState);
    if (away != Action::kTerminate) act(id, Action::kResume);
  }
}

TEST_F(RecreateTest, AHeldVmIsPlaced) {
  compute::NewVmAsk ask;
  ask.is_held = true;
  ask.attributes = text::Template::parse("CPU=1\nMEMORY=64").value();
  const auto id = run<VmId>([&](db::Txn& txn) { return daemon().vms.allocate(txn, admin_, ask); });
  ASSERT_TRUE(id);
  ASSERT_EQ(shown(*id), "HOLD");
  ASSERT_TRUE(recover(*id, Recover::kRecreate));
  EXPECT_EQ(shown(*id), "RUNNING");
}

TEST_F(RecreateTest, APersistentDiskKeepsItsBytes) {
  make_persistent(base_);
  const VmId id = written_vm();
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(content(id), (Blocks{{0, 7}, {1, 1}}));
}

TEST_F(RecreateTest, DiskSnapshotsGoWithTheDiskAndCountNoMore) {
  const VmId id = written_vm();
  const std::int64_t before = vm(id).disk_mb;
  const auto point = run<std::int64_t>([&](db::Txn& txn) {
    return daemon().vms.create_disk_snapshot(txn, UserId{0}, id, DiskId{0}, "point");
  });
  ASSERT_TRUE(point);
  EXPECT_GT(vm(id).disk_mb, before);
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  expect_fresh(id);
  EXPECT_EQ(vm(id).disk_mb, before);
  EXPECT_EQ(files_of(id).size(), 1u);
}

TEST_F(RecreateTest, AnArmedSnapshotFiresAndShowsTheOldDisk) {
  for (const Fires when : {Fires::kFirstStop, Fires::kEnd}) {
    const VmId id = written_vm();
    const auto taken = take(id, Kind::kDeferred, fmt::format("image{}", id), when);
    ASSERT_TRUE(recover(id, Recover::kRecreate));
    pass(Duration{60'000});
    EXPECT_EQ(image(taken.image)->state, ImageState::kReady);
    EXPECT_EQ(blocks_of(taken.image), (Blocks{{0, 7}, {1, 1}}));
    EXPECT_EQ(snapshot(taken.id).grade, datastore::Grade::kCrash);
    expect_fresh(id);
  }
}

TEST_F(RecreateTest, TheDiskStaysUntilASnapshotOfItIsCopied) {
  const VmId id = written_vm();
  copies_fail();
  const auto taken = take(id, Kind::kHot, "hot");
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  pass(Duration{30'000});
  EXPECT_EQ(shown(id), "CLEANUP_RESUBMIT");
  EXPECT_NE(vm(id).wait_reason.find("snapshot"), std::string::npos) << vm(id).wait_reason;
  kill();
  pass(Duration{30'000});
  EXPECT_EQ(shown(id), "CLEANUP_RESUBMIT");
  copies_succeed(taken.id);
  EXPECT_EQ(image(taken.image)->state, ImageState::kReady);
  EXPECT_EQ(blocks_of(taken.image), (Blocks{{0, 7}, {1, 1}}));
  expect_fresh(id);
}

TEST_F(RecreateTest, RecoverFailureGivesTheOldDiskBackWhileASnapshotIsWaitedFor) {
  const VmId id = written_vm();
  copies_fail();
  const auto taken = take(id, Kind::kHot, "hot");
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  pass(Duration{30'000});
  ASSERT_TRUE(recover(id, Recover::kFailure));
  EXPECT_EQ(shown(id), "POWEROFF");
  copies_succeed(taken.id);
  EXPECT_EQ(image(taken.image)->state, ImageState::kReady);
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(content(id), (Blocks{{0, 7}, {1, 1}}));
}

TEST_F(RecreateTest, WhereADiskCannotBeRemovedNothingBootsFromWhatIsLeft) {
  const VmId id = written_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_deleted",
                  .error = {Errc::kInvalid, "ordered", ""}});
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("ordered"), std::string::npos);
  const auto refused = try_act(id, Action::kResume);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("delete-recreate"), std::string::npos);
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  expect_fresh(id);
}

TEST_F(RecreateTest, AnOperationUnderWayIsEndedFirst) {
  const VmId id = written_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_disk_attached",
                  .times = sim::kAlways});
  const auto attached = run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().vms.attach_disk(
        txn, admin_, id, text::Template::parse("DISK=[TYPE=fs,SIZE=10,FORMAT=qcow2]").value()));
    return 0;
  });
  ASSERT_TRUE(attached) << attached.error().text();
  ASSERT_EQ(shown(id), "HOTPLUG");
  EXPECT_FALSE(recover(id, Recover::kRecreate));
  ASSERT_TRUE(recover(id, Recover::kFailure));
  pass(Duration{60'000});
  ASSERT_TRUE(recover(id, Recover::kRecreate));
  expect_fresh(id);
}

}  // namespace
}  // namespace neph
