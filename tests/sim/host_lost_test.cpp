#include "compute/host.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::HostState;
using datastore::Fires;
using datastore::Grade;
using snapshots::Kind;
using snapshots::Phase;

/// An administrator declares that nothing runs on a silent host any more.
class HostLost : public Site {
 protected:
  Result<int> declare(const std::string& name) {
    return run<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK(daemon().hosts.declare_lost(txn, HostId{0}, name));
      return 0;
    });
  }
  void enable() {
    ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK(daemon().hosts.set_admin(txn, HostId{0}, compute::HostAdmin::kEnabled));
      return 0;
    }));
    pass(Duration{10'000});
  }
  compute::Host host() {
    return read<compute::Host>(
        [](db::Txn& txn) { return compute::find_host(txn, HostId{0}).value(); });
  }
  void cut() {
    world().cut_host(host_);
    pass(Duration{20'000});
  }
  void die() {
    world().kill_host(host_);
    pass(Duration{20'000});
  }
};

TEST_F(HostLost, IsRefusedWhileTheHostAnswersAndForAnotherName) {
  EXPECT_EQ(declare(host_).error().code, Errc::kWrongState);
  cut();
  EXPECT_EQ(declare("node2").error().code, Errc::kInvalid);
  EXPECT_TRUE(declare(host_));
}

TEST_F(HostLost, ItsVmsAreOffAndArmedSnapshotsStayArmed) {
  const VmId id = create_vm();
  guest_writes(id, 1, 1);
  const auto taken = take(id, Kind::kDeferred, "deferred");
  die();
  ASSERT_EQ(shown(id), "UNKNOWN");
  ASSERT_TRUE(declare(host_));
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(vm(id).rest_grade, Grade::kCrash);
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("declared lost"), std::string::npos);
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kArmed);
  // Its owner may take the disk as the crash left it.
  ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().snapshots.capture(txn, taken.id));
    return 0;
  }));
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(taken.id).grade, Grade::kCrash);
  EXPECT_EQ(blocks_of(taken.image), (sim::Blocks{{0, 7}, {1, 1}}));
}

TEST_F(HostLost, AHardEndThatWaitedForTheHostGoesOnAndFires) {
  const VmId id = create_vm();
  const auto taken = take(id, Kind::kDeferred, "deferred", Fires::kEnd);
  die();
  act(id, Action::kTerminateHard);
  pass(Duration{60'000});
  EXPECT_NE(shown(id), "DONE");
  ASSERT_TRUE(declare(host_));
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(taken.id).grade, Grade::kCrash);
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(HostLost, ItsVmRunsElsewhereAfterUndeploy) {
  const VmId id = create_vm();
  guest_writes(id, 1, 1);
  die();
  ASSERT_TRUE(declare(host_));
  act(id, Action::kUndeploy);
  pass(Duration{60'000});
  ASSERT_EQ(shown(id), "UNDEPLOYED");
  ASSERT_TRUE(run<HostId>([&](db::Txn& txn) {
    return daemon().hosts.allocate(txn, "node2", "dummy", "dummy", ClusterId{0});
  }));
  act(id, Action::kResume);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(vm(id).host, HostId{1});
  const auto content = world().guest_content({compute::domain_name(id), "node2"}, "vda");
  ASSERT_TRUE(content);
  EXPECT_EQ(content->blocks, (sim::Blocks{{0, 7}, {1, 1}}));
}

TEST_F(HostLost, AHostThatComesBackEmptyIsAHostAgain) {
  const VmId id = create_vm();
  die();
  ASSERT_TRUE(declare(host_));
  EXPECT_EQ(state_of(host()), HostState::kError);
  world().restore_host(host_);
  pass(Duration{20'000});
  EXPECT_EQ(state_of(host()), HostState::kMonitored);
  EXPECT_FALSE(host().lost.is_set());
  EXPECT_EQ(shown(id), "POWEROFF");
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(HostLost, GuestsThatComeBackWithItAreNotAdoptedUntilSomebodySaysSo) {
  const VmId id = create_vm();
  cut();
  ASSERT_TRUE(declare(host_));
  world().restore_host(host_);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(state_of(host()), HostState::kError);
  EXPECT_NE(host().error.find(compute::domain_name(id)), std::string::npos) << host().error;
  EXPECT_FALSE(try_act(id, Action::kResume) && shown(id) == "RUNNING");
  enable();
  EXPECT_EQ(state_of(host()), HostState::kMonitored);
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(HostLost, AResumeOnItFailsAndSaysWhy) {
  const VmId id = create_vm();
  die();
  ASSERT_TRUE(declare(host_));
  act(id, Action::kResume);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("declared lost"), std::string::npos);
}

TEST_F(HostLost, ASuspendThatWasUnderWayEndsAsAPowerCut) {
  const VmId id = create_vm();
  world().inject({.kind = sim::FaultKind::kHostDies, .verb = "ensure_saved"});
  act(id, Action::kSuspend);
  pass(Duration{2'000});
  ASSERT_EQ(shown(id), "SAVE_SUSPEND");
  pass(Duration{3'000});
  ASSERT_TRUE(declare(host_));
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(vm(id).memory_path, "");
  EXPECT_EQ(open_jobs().size(), 0u);
}

}  // namespace
}  // namespace neph
