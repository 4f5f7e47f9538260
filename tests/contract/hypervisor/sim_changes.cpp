#include "tests/contract/hypervisor/sim_bench.h"

namespace neph::hypervisor_driver {
namespace {

class SimChanges : public SimBench {};

TEST_F(SimChanges, ARestorePointBringsTheDisksBack) {
  start("one-1");
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 3, 30));
  ASSERT_TRUE(hypervisor_.ensure_snapshot_taken(ref("one-1"), "snap-0"));
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 3, 31));
  ASSERT_TRUE(hypervisor_.ensure_snapshot_taken(ref("one-1"), "snap-0")) << "twice is once";
  ASSERT_TRUE(hypervisor_.ensure_snapshot_reverted(ref("one-1"), "snap-0"));
  EXPECT_EQ(world_.guest_content("one-1", "vda")->blocks, (sim::Blocks{{0, 7}, {3, 30}}));
  ASSERT_TRUE(hypervisor_.ensure_snapshot_deleted(ref("one-1"), "snap-0"));
  EXPECT_EQ(hypervisor_.ensure_snapshot_reverted(ref("one-1"), "snap-0").error().code,
            Errc::kNotFound);
}

TEST_F(SimChanges, ARestorePointLastsUntilTheGuestStopsOrMoves) {
  const HostRef other{HostId{2}, "node2", ""};
  start("one-1");
  ASSERT_TRUE(hypervisor_.ensure_snapshot_taken(ref("one-1"), "snap-0"));
  ASSERT_TRUE(hypervisor_.ensure_destroyed(ref("one-1")));
  start("one-1");
  EXPECT_EQ(hypervisor_.ensure_snapshot_reverted(ref("one-1"), "snap-0").error().code,
            Errc::kNotFound);
  ASSERT_TRUE(hypervisor_.ensure_snapshot_taken(ref("one-1"), "snap-1"));
  ASSERT_TRUE(hypervisor_.ensure_migrated(ref("one-1"), other, no_progress_));
  const DomainRef there{other, "one-1", "uuid-of-one-1"};
  EXPECT_EQ(hypervisor_.ensure_snapshot_reverted(there, "snap-1").error().code, Errc::kNotFound);
}

TEST_F(SimChanges, AGuestRunsOnOnTheOtherHost) {
  const HostRef other{HostId{2}, "node2", ""};
  start("one-1");
  ASSERT_TRUE(hypervisor_.ensure_migrated(ref("one-1"), other, no_progress_));
  ASSERT_TRUE(hypervisor_.ensure_migrated(ref("one-1"), other, no_progress_)) << "twice is once";
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->power, Power::kMissing);
  const DomainRef there{other, "one-1", "uuid-of-one-1"};
  EXPECT_EQ(hypervisor_.inspect_domain(there)->power, Power::kRunning);
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 1, 9));
  EXPECT_EQ(world_.violations(), std::vector<std::string>{});
}

TEST_F(SimChanges, AMigrationToADeadHostLeavesTheGuestWhereItIs) {
  const HostRef other{HostId{2}, "node2", ""};
  world_.add_host("node2", {});
  world_.kill_host("node2");
  start("one-1");
  const auto moved = hypervisor_.ensure_migrated(ref("one-1"), other, no_progress_);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, Errc::kUnavailable);
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->power, Power::kRunning);
}

TEST_F(SimChanges, NicsAreChangedByTheirAddress) {
  start("one-1");
  const NicSpec nic{.kind = NicKind::kBridge, .source = "br0", .mac = "02:00:00:00:00:01"};
  ASSERT_TRUE(hypervisor_.ensure_nic_attached(ref("one-1"), nic));
  ASSERT_TRUE(hypervisor_.ensure_nic_updated(
      ref("one-1"), {.kind = NicKind::kBridge, .source = "br1", .mac = nic.mac}));
  ASSERT_EQ(world_.find_domain("one-1")->nics.size(), 1u);
  EXPECT_EQ(world_.find_domain("one-1")->nics[0].source, "br1");
  ASSERT_TRUE(hypervisor_.ensure_nic_detached(ref("one-1"), nic.mac));
  EXPECT_TRUE(world_.find_domain("one-1")->nics.empty());
}

}  // namespace
}  // namespace neph::hypervisor_driver
