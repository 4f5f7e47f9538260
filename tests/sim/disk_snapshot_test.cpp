#include "compute/disk_tree.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using sim::Blocks;

class DiskSnapshotTest : public Site {
 protected:
  Result<std::int64_t> create(VmId vm, const std::string& name = "point") {
    return run<std::int64_t>([&](db::Txn& txn) {
      return daemon().vms.create_disk_snapshot(txn, UserId{0}, vm, DiskId{0}, name);
    });
  }
  Result<void> revert(VmId vm, std::int64_t snapshot) {
    return change([&](db::Txn& txn) {
      return daemon().vms.revert_disk_snapshot(txn, UserId{0}, vm, DiskId{0}, snapshot);
    });
  }
  Result<void> remove(VmId vm, std::int64_t snapshot) {
    return change([&](db::Txn& txn) {
      return daemon().vms.delete_disk_snapshot(txn, UserId{0}, vm, DiskId{0}, snapshot);
    });
  }
  std::vector<datastore::DiskSnapshot> points(VmId vm) {
    return read<std::vector<datastore::DiskSnapshot>>([&](db::Txn& txn) {
      const auto disk = compute::find_disk(txn, vm, DiskId{0}).value();
      return datastore::list_disk_snapshots(txn, compute::tree_of(disk));
    });
  }
  Blocks content(VmId vm) { return world().content_of(disk(vm).path)->blocks; }
  void power_off(VmId vm) {
    act(vm, Action::kPoweroff);
    EXPECT_EQ(shown(vm), "POWEROFF");
  }
};

TEST_F(DiskSnapshotTest, ARunningDiskGoesBackToWhatItWas) {
  const VmId id = create_vm();
  guest_writes(id, 3, 30);
  EXPECT_EQ(create(id).value(), 0);
  EXPECT_EQ(shown(id), "RUNNING");
  guest_writes(id, 3, 31);
  EXPECT_FALSE(revert(id, 0)) << "while it runs";
  power_off(id);
  ASSERT_TRUE(revert(id, 0));
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(content(id), (Blocks{{0, 7}, {3, 30}}));
  act(id, Action::kResume);
  guest_writes(id, 4, 40);
  EXPECT_EQ(world().guest_content(compute::domain_name(id), "vda")->blocks,
            (Blocks{{0, 7}, {3, 30}, {4, 40}}));
}

TEST_F(DiskSnapshotTest, ATreeTellsParentsAndWhereTheDiskStands) {
  const VmId id = create_vm();
  power_off(id);
  ASSERT_TRUE(create(id, "a"));
  ASSERT_TRUE(create(id, "b"));
  ASSERT_TRUE(revert(id, 0));
  ASSERT_TRUE(create(id, "c"));
  const auto all = points(id);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].parent, -1);
  EXPECT_EQ(all[1].parent, 0);
  EXPECT_EQ(all[2].parent, 0);
  EXPECT_TRUE(all[2].is_active);
  EXPECT_FALSE(remove(id, 0)) << "two stand on it";
  EXPECT_EQ(vm(id).disk_mb, 400);
}

TEST_F(DiskSnapshotTest, DeletingInAnyOrderKeepsTheContentAndLeavesNoFile) {
  for (const bool is_running : {false, true}) {
    for (const auto& order : {std::vector{0, 1, 2}, {2, 1, 0}, {1, 0, 2}}) {
      const VmId id = create_vm();
      Blocks expected{{0, 7}};
      for (int step = 0; step < 3; ++step) {
        guest_writes(id, step + 1, 10 + step);
        expected[step + 1] = 10 + step;
        ASSERT_TRUE(create(id));
      }
      guest_writes(id, 9, 99);
      expected[9] = 99;
      if (!is_running) power_off(id);
      for (const int each : order) {
        const auto removed = remove(id, each);
        ASSERT_TRUE(removed) << removed.error().text();
      }
      EXPECT_TRUE(points(id).empty());
      if (is_running) power_off(id);
      EXPECT_EQ(content(id), expected);
      EXPECT_EQ(files_of(id).size(), 1u);
      EXPECT_EQ(vm(id).disk_mb, 100);
      act(id, Action::kTerminateHard);
      EXPECT_EQ(files_of(id), std::vector<std::string>{});
    }
  }
}

TEST_F(DiskSnapshotTest, AVmThatEndsTakesItsRestorePointsAlong) {
  const VmId id = create_vm();
  ASSERT_TRUE(create(id));
  ASSERT_TRUE(create(id));
  EXPECT_EQ(files_of(id).size(), 3u);
  act(id, Action::kTerminateHard);
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
}

TEST_F(DiskSnapshotTest, ASnapshotThatFailsLeavesNothing) {
  const VmId id = create_vm();
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_pinned",
                  .error = {Errc::kInvalid, "cannot", "simulated"}});
  ASSERT_TRUE(create(id));
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_TRUE(points(id).empty());
  EXPECT_EQ(vm(id).disk_mb, 100);
  EXPECT_TRUE(vm(id).user_attributes.has("ERROR"));
}

TEST_F(DiskSnapshotTest, APowerCutBehindAnyTaskLosesNothing) {
  for (int cut = 0; cut < 40; ++cut) {
    const VmId id = create_vm();
    guest_writes(id, 1, 11);
    daemon().store.run([&](db::Txn& txn) -> Result<void> {
      TRY(daemon().vms.create_disk_snapshot(txn, UserId{0}, id, DiskId{0}, "cut"));
      return {};
    });
    bool is_idle = false;
    for (int task = 0; task < cut && !is_idle; ++task) is_idle = !lanes().run_one();
    kill();
    pass(Duration{60'000});
    EXPECT_EQ(shown(id), "RUNNING") << cut;
    guest_writes(id, 2, 22);
    EXPECT_EQ(files_of(id).size(), points(id).size() + 1) << cut;
    power_off(id);
    EXPECT_EQ(content(id), (Blocks{{0, 7}, {1, 11}, {2, 22}})) << cut;
    act(id, Action::kTerminateHard);
    EXPECT_EQ(files_of(id), std::vector<std::string>{}) << cut;
    if (is_idle) return;
  }
  ADD_FAILURE() << "the snapshot never came to an end";
}

TEST_F(DiskSnapshotTest, ARestorePointBecomesAnImageWithItsOwnInstantAndGrade) {
  const VmId id = create_vm();
  guest_writes(id, 1, 11);
  ASSERT_TRUE(create(id));
  guest_writes(id, 1, 12);
  snapshots::Request ask;
  ask.vm = id;
  ask.disks = {DiskId{0}};
  ask.name = "then";
  ask.restore_point = 0;
  const auto made = request(ask);
  ASSERT_TRUE(made) << made.error().text();
  const auto done = snapshot(made->front().id);
  EXPECT_EQ(done.phase, snapshots::Phase::kReady) << done.error << done.reason;
  EXPECT_EQ(done.captured.seconds(), points(id).front().created.seconds());
  EXPECT_EQ(done.grade, points(id).front().grade);
  EXPECT_EQ(blocks_of(done.image), (Blocks{{0, 7}, {1, 11}}));
  EXPECT_EQ(files_of(id).size(), 2u) << "the restore point stays";
  ask.name = "never";
  ask.restore_point = 5;
  EXPECT_EQ(request(ask).error().code, Errc::kNotFound);
}

TEST_F(DiskSnapshotTest, AHotSnapshotAndRestorePointsGoTogether) {
  const VmId id = create_vm();
  guest_writes(id, 1, 11);
  ASSERT_TRUE(create(id));
  guest_writes(id, 2, 22);
  const auto taken = take(id, snapshots::Kind::kHot, "now");
  pass(Duration{60'000});
  EXPECT_EQ(snapshot(taken.id).phase, snapshots::Phase::kReady);
  EXPECT_EQ(blocks_of(taken.image), (Blocks{{0, 7}, {1, 11}, {2, 22}}));
  ASSERT_TRUE(remove(id, 0));
  power_off(id);
  EXPECT_EQ(content(id), (Blocks{{0, 7}, {1, 11}, {2, 22}}));
}

}  // namespace
}  // namespace neph
