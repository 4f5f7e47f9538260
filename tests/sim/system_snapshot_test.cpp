#include <utility>

#include "access/quota.h"
#include "compute/host.h"
#include "compute/system_snapshot.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::Recover;

class SystemSnapshotTest : public Site {
 protected:
  void SetUp() override {
    Site::SetUp();
    id_ = create_vm();
    pass(Duration{5'000});
    guest_writes(id_, 3, 30);
  }
  Result<std::int64_t> create(const std::string& name = "point") {
    return run<std::int64_t>([&](db::Txn& txn) {
      return daemon().vms.create_system_snapshot(txn, UserId{0}, id_, name);
    });
  }
  Result<void> revert(std::int64_t number) {
    return change([&](db::Txn& txn) -> Result<void> {
      CHECK_OK(daemon().vms.revert_system_snapshot(txn, UserId{0}, id_, number));
      daemon().snapshots.note_system_revert(txn, id_, number);
      return {};
    });
  }
  Result<void> remove(std::int64_t number) {
    return change([&](db::Txn& txn) {
      return daemon().vms.delete_system_snapshot(txn, UserId{0}, id_, number);
    });
  }
  std::vector<compute::SystemSnapshot> points() {
    return read<std::vector<compute::SystemSnapshot>>(
        [&](db::Txn& txn) { return compute::list_system_snapshots(txn, id_); });
  }
  /// Names of the restore points that the host keeps.
  std::vector<std::string> kept(const std::string& host = "node1") {
    std::vector<std::string> names;
    const auto domain = world().find_domain({compute::domain_name(id_), host});
    if (!domain) return names;
    for (const auto& [name, point] : domain->restore_points) names.push_back(name);
    return names;
  }
  sim::Blocks blocks() { return world().content_of(compute::live_path(disk(id_)))->blocks; }
  double used() {
    return read<double>([&](db::Txn& txn) {
      for (const auto& quota : access::list_quotas(txn, access::QuotaOwner::kUser, 0)) {
        if (quota.metric == "SYSTEM_DISK_SIZE") return quota.used;
      }
      return 0.0;
    });
  }
  void fails_once(std::string_view verb, sim::FaultKind kind = sim::FaultKind::kError) {
    world().inject({.kind = kind,
                    .verb = std::string(verb),
                    .error = {Errc::kInvalid, "not today", "simulated"}});
  }

  VmId id_;
};

TEST_F(SystemSnapshotTest, ARunningVmGoesBackToAPointAndThePointGoesAgain) {
  const double before = used();
  ASSERT_EQ(create("first").value(), 0);
  EXPECT_EQ(shown(id_), "RUNNING");
  ASSERT_EQ(points().size(), 1u);
  EXPECT_EQ(points()[0].name, "first");
  EXPECT_EQ(points()[0].work, compute::SystemSnapshotWork::kNone);
  EXPECT_EQ(kept(), std::vector<std::string>{"snap-0"});
  EXPECT_EQ(used(), before + static_cast<double>(vm(id_).memory_mb));
  guest_writes(id_, 3, 31);
  ASSERT_TRUE(revert(0));
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(blocks(), (sim::Blocks{{0, 7}, {3, 30}}));
  ASSERT_TRUE(remove(0));
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(points().size(), 0u);
  EXPECT_EQ(kept(), std::vector<std::string>{});
  EXPECT_EQ(used(), before);
  EXPECT_EQ(create("").value(), 1) << "no number is given twice";
  EXPECT_EQ(points()[0].name, "snapshot-1");
}

TEST_F(SystemSnapshotTest, APointGoesWhenTheGuestStopsHoweverItStops) {
  const double before = used();
  const auto comes_back = [&] {
    act(id_, Action::kResume);
    pass(Duration{10'000});
    EXPECT_EQ(shown(id_), "RUNNING");
    EXPECT_EQ(kept(), std::vector<std::string>{});
  };
  for (const Action action : {Action::kPoweroff, Action::kPoweroffHard, Action::kSuspend,
                              Action::kStop, Action::kUndeployHard}) {
    ASSERT_TRUE(create());
    act(id_, action);
    pass(Duration{10'000});
    EXPECT_EQ(points().size(), 0u) << name_of(action);
    EXPECT_EQ(used(), before) << name_of(action);
    comes_back();
  }
  ASSERT_TRUE(create());
  guest_shuts_down(id_);
  EXPECT_EQ(shown(id_), "POWEROFF");
  EXPECT_EQ(points().size(), 0u);
  comes_back();
  ASSERT_TRUE(create());
  act(id_, Action::kTerminateHard);
  EXPECT_EQ(shown(id_), "DONE");
  EXPECT_EQ(points().size(), 0u);
  EXPECT_EQ(used(), 0);
}

TEST_F(SystemSnapshotTest, APointGoesWhenTheGuestGetsToAnotherHost) {
  using Form = compute::VmService::MigrateForm;
  world().add_host("node2", {});
  const HostId other = run<HostId>([&](db::Txn& txn) {
                         return daemon().hosts.allocate(txn, "node2", "dummy", "dummy",
                                                        ClusterId{0});
                       }).value();
  pass(Duration{60'000});
  HostId target = other;
  for (const Form form : {Form::kLive, Form::kSave, Form::kPoweroffHard}) {
    ASSERT_TRUE(create());
    ASSERT_TRUE(change([&](db::Txn& txn) {
      return daemon().vms.migrate(txn, UserId{0}, {id_, target, form, {}, {}});
    }));
    pass(Duration{60'000});
    EXPECT_EQ(shown(id_), "RUNNING");
    EXPECT_EQ(vm(id_).host, target);
    EXPECT_EQ(points().size(), 0u) << static_cast<int>(form);
    EXPECT_EQ(kept("node1").size() + kept("node2").size(), 0u) << static_cast<int>(form);
    target = target == other ? HostId{0} : other;
  }
}

TEST_F(SystemSnapshotTest, APointThatCannotBeTakenLeavesNothing) {
  const double before = used();
  fails_once("ensure_snapshot_taken");
  ASSERT_TRUE(create());
  pass(Duration{10'000});
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(points().size(), 0u);
  EXPECT_EQ(used(), before);
  EXPECT_NE(vm(id_).user_attributes.get("ERROR").find("not today"), std::string::npos);
}

TEST_F(SystemSnapshotTest, WhatFailsToGoBackOrToGoIsStillThere) {
  ASSERT_TRUE(create());
  guest_writes(id_, 3, 31);
  fails_once("ensure_snapshot_reverted");
  ASSERT_TRUE(revert(0));
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(blocks(), (sim::Blocks{{0, 7}, {3, 31}}));
  fails_once("ensure_snapshot_deleted");
  ASSERT_TRUE(remove(0));
  EXPECT_EQ(shown(id_), "RUNNING");
  ASSERT_EQ(points().size(), 1u);
  EXPECT_EQ(points()[0].work, compute::SystemSnapshotWork::kNone);
  ASSERT_TRUE(remove(0));
  EXPECT_EQ(points().size(), 0u);
}

TEST_F(SystemSnapshotTest, APointThatTheHostHasLostIsForgottenAtTheFirstRevert) {
  ASSERT_TRUE(create());
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_snapshot_reverted",
                  .error = {Errc::kNotFound, "no such restore point", "simulated"}});
  ASSERT_TRUE(revert(0));
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(points().size(), 0u);
}

TEST_F(SystemSnapshotTest, ARequestThatItsOwnerGivesUpLeavesNothing) {
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_snapshot_taken",
                  .times = sim::kAlways,
                  .error = {Errc::kUnavailable, "busy", "simulated"}});
  ASSERT_TRUE(create());
  EXPECT_EQ(shown(id_), "HOTPLUG_SNAPSHOT");
  ASSERT_TRUE(recover(id_, Recover::kFailure));
  pass(Duration{60'000});
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(points().size(), 0u);
}

TEST_F(SystemSnapshotTest, AVmDeletedMeanwhileLeavesNothing) {
  world().inject({.kind = sim::FaultKind::kLostAnswer,
                  .verb = "ensure_snapshot_taken",
                  .times = sim::kAlways});
  ASSERT_TRUE(create());
  ASSERT_TRUE(recover(id_, Recover::kDelete));
  pass(Duration{120'000});
  EXPECT_EQ(shown(id_), "DONE");
  EXPECT_EQ(points().size(), 0u);
  EXPECT_EQ(used(), 0);
}

TEST_F(SystemSnapshotTest, WhatCannotBeIsRefusedBeforeAnythingChanges) {
  EXPECT_FALSE(revert(0)) << "there is none";
  EXPECT_FALSE(remove(0));
  ASSERT_TRUE(create());
  const auto grown = change([&](db::Txn& txn) {
    return daemon().vms.resize_disk(txn, UserId{0}, id_, DiskId{0}, 200);
  });
  ASSERT_FALSE(grown);
  EXPECT_NE(grown.error().message.find("delete system snapshot 0 first"), std::string::npos);
  EXPECT_FALSE(change([&](db::Txn& txn) {
    return daemon().vms.detach_disk(txn, UserId{0}, id_, DiskId{0});
  }));
  EXPECT_FALSE(run<std::int64_t>([&](db::Txn& txn) {
    return daemon().vms.create_disk_snapshot(txn, UserId{0}, id_, DiskId{0}, "p");
  }));
  EXPECT_EQ(shown(id_), "RUNNING");
  act(id_, Action::kPoweroff);
  const auto off = create();
  ASSERT_FALSE(off);
  EXPECT_EQ(off.error().code, Errc::kWrongState);
  EXPECT_EQ(points().size(), 0u);
}

TEST_F(SystemSnapshotTest, ADriverThatCannotDoItIsNamedAndTheVmRunsOn) {
  class Poor final : public hypervisor_driver::SimHypervisor {
   public:
    using SimHypervisor::SimHypervisor;
    bool supports(hypervisor_driver::Operation operation) const override {
      return operation != hypervisor_driver::Operation::kSystemSnapshot;
    }
  };
  Poor poor(world());
  auto* rich = std::exchange(daemon().drivers.hypervisors["dummy"], &poor);
  const auto refused = create();
  daemon().drivers.hypervisors["dummy"] = rich;
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  EXPECT_NE(refused.error().message.find("not supported by the hypervisor driver"),
            std::string::npos);
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(points().size(), 0u);
}

TEST_F(SystemSnapshotTest, AnImageInTheMakingAndAPointDoNotMeetOnOneDisk) {
  const auto armed = take(id_, snapshots::Kind::kDeferred, "later");
  ASSERT_TRUE(create()) << "what only waits for a stop does not mind";
  guest_writes(id_, 3, 31);
  const auto hot = take(id_, snapshots::Kind::kHot, "now");
  pass(Duration{60'000});
  EXPECT_EQ(snapshot(hot.id).phase, snapshots::Phase::kReady);
  ASSERT_TRUE(revert(0));
  EXPECT_NE(snapshot(armed.id).reason.find("system snapshot 0"), std::string::npos);
  EXPECT_EQ(blocks(), (sim::Blocks{{0, 7}, {3, 30}}));
  EXPECT_EQ(blocks_of(hot.image), (sim::Blocks{{0, 7}, {3, 31}}));
}

TEST_F(SystemSnapshotTest, APointIsRefusedWhileASnapshotIsBeingTaken) {
  world().inject({.kind = sim::FaultKind::kError,
                  .verb = "ensure_pinned",
                  .times = sim::kAlways,
                  .error = {Errc::kUnavailable, "busy", "simulated"}});
  const auto hot = take(id_, snapshots::Kind::kHot, "now");
  const auto refused = create();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(fmt::format("snapshot {} needs it", hot.id)),
            std::string::npos)
      << refused.error().message;
}

TEST_F(SystemSnapshotTest, APowerCutBehindAnyTaskLeavesRowsAndHostOfOneMind) {
  bool is_idle = false;
  for (int cut = 0; cut < 60 && !is_idle; ++cut) {
    daemon().store.run<std::int64_t>(
        [&](db::Txn& txn) {
          return daemon().vms.create_system_snapshot(txn, UserId{0}, id_, "point");
        },
        [](Result<std::int64_t>) {});
    for (int task = 0; task < cut && !is_idle; ++task) is_idle = !lanes().run_one();
    kill();
    pass(Duration{60'000});
    EXPECT_EQ(shown(id_), "RUNNING") << cut;
    EXPECT_EQ(kept().size(), points().size()) << cut;
    EXPECT_EQ(open_jobs().size(), 0u) << cut;
    if (!points().empty()) {
      ASSERT_TRUE(remove(points().back().id));
    }
  }
  EXPECT_TRUE(is_idle) << "it never came to an end";
}

}  // namespace
}  // namespace neph
