#include "tests/sim/backup_site.h"

namespace neph {
namespace {

using compute::Action;

/// What a controller does first that was killed while a guest was frozen.
class Thaw : public BackupSite {
 protected:
  [[nodiscard]] bool is_frozen(VmId id) {
    return world().find_domain(compute::domain_name(id))->is_frozen;
  }
  [[nodiscard]] bool is_running(VmId id) {
    const auto domain = world().find_domain(compute::domain_name(id));
    return domain && domain->power == hypervisor_driver::Power::kRunning;
  }
  [[nodiscard]] compute::Vm vm_row(VmId id) { return vm(id); }
  /// A guest that is frozen, and whose controller has lost it.
  VmId freeze_and_lose() {
    const VmId vm = create_vm();
    world().inject({.kind = sim::FaultKind::kHostUnreachable, .verb = "agent.thaw"});
    shot_ = take(vm, snapshots::Kind::kHot, "shot").id;
    EXPECT_TRUE(is_frozen(vm));
    return vm;
  }
  SnapshotId shot_;
};

TEST_F(Thaw, ComesBeforeAnyJobAfterAStart) {
  const VmId other = create_vm();
  const VmId vm = freeze_and_lose();
  world().restore_host(host_);
  daemon().store.run([&](db::Txn& txn) -> Result<void> {
    return daemon().vms.act(txn, UserId{0}, other, Action::kTerminateHard);
  });
  while (!vm_row(other).job.is_set()) ASSERT_TRUE(lanes().run_one()) << "it was refused";
  cut();
  start();
  while (is_frozen(vm)) {
    ASSERT_TRUE(lanes().run_one()) << "it stays frozen for ever";
    EXPECT_TRUE(is_running(other)) << "a job ran while a guest was frozen";
  }
  pass(Duration{60'000});
  EXPECT_FALSE(is_running(other));
  EXPECT_EQ(snapshot(shot_).phase, snapshots::Phase::kReady) << snapshot(shot_).error;
}

TEST_F(Thaw, LetsJobsRunWhenTheHostOfTheGuestStaysAway) {
  const VmId vm = freeze_and_lose();
  kill();
  pass(Duration{10'000});
  world().restore_host(host_);
  pass(Duration{60'000});
  EXPECT_FALSE(is_frozen(vm));
  EXPECT_EQ(snapshot(shot_).phase, snapshots::Phase::kReady) << snapshot(shot_).error;
}

TEST_F(Thaw, FollowsWhenTheSnapshotIsCancelledMeanwhile) {
  const VmId vm = freeze_and_lose();
  ASSERT_TRUE(change([&](db::Txn& txn) { return daemon().snapshots.cancel(txn, shot_); }));
  pass(Duration{10'000});
  EXPECT_TRUE(is_frozen(vm));
  world().restore_host(host_);
  pass(Duration{120'000});
  EXPECT_FALSE(is_frozen(vm));
  EXPECT_EQ(snapshot(shot_).phase, snapshots::Phase::kCancelled);
  EXPECT_EQ(files_of(vm).size(), 1u);
}

TEST_F(Thaw, FollowsWhenTheBackupIsGivenUpMeanwhile) {
  const VmId vm = create_vm();
  world().inject({.kind = sim::FaultKind::kHostUnreachable, .verb = "agent.thaw"});
  back_up(vm);
  settle();
  ASSERT_TRUE(is_frozen(vm));
  pass(Duration{600'000});
  world().restore_host(host_);
  pass(Duration{120'000});
  EXPECT_FALSE(is_frozen(vm));
}

TEST_F(Thaw, FollowsWhenADiskSnapshotIsGivenUpMeanwhile) {
  const VmId vm = create_vm();
  world().inject({.kind = sim::FaultKind::kHostUnreachable, .verb = "agent.thaw"});
  ASSERT_TRUE(run<std::int64_t>([&](db::Txn& txn) {
    return daemon().vms.create_disk_snapshot(txn, UserId{0}, vm, DiskId{0}, "point");
  }));
  ASSERT_TRUE(is_frozen(vm));
  ASSERT_TRUE(recover(vm, compute::Recover::kFailure));
  pass(Duration{60'000});
  world().restore_host(host_);
  pass(Duration{120'000});
  EXPECT_FALSE(is_frozen(vm));
  EXPECT_EQ(shown(vm), "RUNNING");
}

}  // namespace
}  // namespace neph
