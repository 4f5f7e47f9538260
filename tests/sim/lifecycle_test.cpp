#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::Recover;
using datastore::Grade;

class LifecycleTest : public Site {};

TEST_F(LifecycleTest, AVmIsPlacedAtOnceAndRuns) {
  const VmId id = create_vm("NAME=web");
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(vm(id).name, "web");
  EXPECT_TRUE(disk(id).is_present);
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(LifecycleTest, AVmThatFitsNowhereSaysWhyAndRunsWhenAHostIsFree) {
  world().add_host(host_, {.cpu_percent = 100});
  pass(Duration{120'000});
  const VmId first = create_vm();
  const VmId second = create_vm();
  EXPECT_EQ(shown(first), "RUNNING");
  EXPECT_EQ(shown(second), "PENDING");
  EXPECT_NE(vm(second).pending_reason.find("CPU"), std::string::npos)
      << vm(second).pending_reason;
  act(first, Action::kTerminateHard);
  EXPECT_EQ(shown(first), "DONE");
  EXPECT_EQ(shown(second), "RUNNING");
  EXPECT_EQ(vm(second).pending_reason, "");
}

TEST_F(LifecycleTest, PowersOffAndComesBackWithWhatTheGuestWrote) {
  const VmId id = create_vm();
  guest_writes(id, 3, 42);
  act(id, Action::kPoweroff);
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(vm(id).rest_grade, Grade::kShutdown);
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
  const auto content = world().guest_content(compute::domain_name(id), "vda");
  ASSERT_TRUE(content);
  EXPECT_EQ(content->blocks, (sim::Blocks{{0, 7}, {3, 42}}));
}

TEST_F(LifecycleTest, AGuestThatSwitchesItselfOffIsPoweroffAtOnce) {
  const VmId id = create_vm();
  guest_shuts_down(id);
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(vm(id).rest_grade, Grade::kShutdown);
  EXPECT_FALSE(vm(id).user_attributes.has("ERROR"));
}

TEST_F(LifecycleTest, ACrashIsPoweroffAndSaysSo) {
  const VmId id = create_vm();
  ASSERT_TRUE(world().qemu_dies(compute::domain_name(id)));
  settle();
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(vm(id).rest_grade, Grade::kCrash);
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("QEMU"), std::string::npos);
}

TEST_F(LifecycleTest, AStopWithoutAnEventIsFoundByTheNextVisit) {
  const VmId id = create_vm();
  ASSERT_TRUE(world().domain_vanishes(compute::domain_name(id)));
  settle();
  EXPECT_EQ(shown(id), "RUNNING");
  pass(Duration{61'000});
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(vm(id).rest_grade, Grade::kUnknown);
}

TEST_F(LifecycleTest, AGuestThatIgnoresThePowerButtonRunsOnAfterTheLimit) {
  const VmId id = create_vm();
  world().guest_ignores_acpi(compute::domain_name(id));
  act(id, Action::kPoweroff);
  EXPECT_EQ(shown(id), "SHUTDOWN_POWEROFF");
  pass(shutdown_limit_ + Duration{6'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("did not switch itself off"),
            std::string::npos);
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(LifecycleTest, AHardActionOvertakesTheSoftOne) {
  const VmId id = create_vm();
  world().guest_ignores_acpi(compute::domain_name(id));
  act(id, Action::kTerminate);
  EXPECT_EQ(shown(id), "SHUTDOWN");
  EXPECT_FALSE(try_act(id, Action::kPoweroff));
  act(id, Action::kTerminateHard);
  EXPECT_EQ(shown(id), "DONE");
}

TEST_F(LifecycleTest, TerminateLeavesNoFileAndNoDomain) {
  const VmId id = create_vm();
  act(id, Action::kTerminate);
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
  EXPECT_FALSE(world().find_domain(compute::domain_name(id)).has_value());
  EXPECT_TRUE(try_act(id, Action::kTerminate));
}

TEST_F(LifecycleTest, SuspendStopAndUndeployComeBack) {
  for (const Action away : {Action::kSuspend, Action::kStop, Action::kUndeploy}) {
    const VmId id = create_vm();
    guest_writes(id, 5, 55);
    act(id, away);
    const std::string expected = away == Action::kSuspend ? "SUSPENDED"
                                 : away == Action::kStop  ? "STOPPED"
                                                          : "UNDEPLOYED";
    EXPECT_EQ(shown(id), expected);
    act(id, Action::kResume);
    EXPECT_EQ(shown(id), "RUNNING") << expected;
    const auto content = world().guest_content(compute::domain_name(id), "vda");
    ASSERT_TRUE(content);
    EXPECT_EQ(content->blocks.at(5), 55u);
    act(id, Action::kTerminateHard);
    EXPECT_EQ(files_of(id), std::vector<std::string>{}) << expected;
  }
}

TEST_F(LifecycleTest, AVmEndsFromEveryStateOfRest) {
  for (const Action away : {Action::kSuspend, Action::kStop, Action::kUndeploy,
                            Action::kPoweroff}) {
    const VmId id = create_vm();
    act(id, away);
    act(id, Action::kTerminate);
    EXPECT_EQ(shown(id), "DONE");
    EXPECT_EQ(files_of(id), std::vector<std::string>{});
  }
}

TEST_F(LifecycleTest, HoldAndReleaseDecideWhenAVmIsPlaced) {
  compute::NewVmAsk ask;
  ask.is_held = true;
  ask.attributes = text::Template::parse("CPU=1\nMEMORY=64").value();
  const auto id =
      run<VmId>([&](db::Txn& txn) { return daemon().vms.allocate(txn, admin_, ask); });
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(shown(*id), "HOLD");
  act(*id, Action::kRelease);
  EXPECT_EQ(shown(*id), "RUNNING");
  const auto refused = try_act(*id, Action::kRelease);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  EXPECT_NE(refused.error().message.find("RUNNING"), std::string::npos);
}

TEST_F(LifecycleTest, VmsOfOneWindowArePendingUntilItEndsAndPlacedTogether) {
  placement_window_ = Duration{100};
  kill();
  settle();
  const VmId first = create_vm();
  pass(Duration{60});
  const VmId second = create_vm();
  pass(Duration{30});
  EXPECT_EQ(shown(first), "PENDING");
  EXPECT_EQ(shown(second), "PENDING");
  pass(Duration{10});
  EXPECT_EQ(shown(first), "RUNNING");
  EXPECT_EQ(shown(second), "RUNNING");
}

TEST_F(LifecycleTest, ADeployOfAVmThatHasJustBeenPlacedThereIsDone) {
  const auto deploy = [&](VmId id, HostId where) {
    return change([&](db::Txn& txn) {
      return daemon().vms.deploy(txn, UserId{0}, {id, where, false, {}});
    });
  };
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "RUNNING");
  const auto elsewhere = deploy(id, HostId{7});
  ASSERT_FALSE(elsewhere);
  EXPECT_NE(elsewhere.error().message.find("placed on host node1"), std::string::npos);
  EXPECT_TRUE(deploy(id, HostId{0}));
  EXPECT_FALSE(deploy(id, HostId{0}));
  const VmId later = create_vm();
  pass(Duration{10'000});
  EXPECT_FALSE(deploy(later, HostId{0}));
}

TEST_F(LifecycleTest, AHostThatIsCutOffMakesItsVmsUnknownUntilItIsBack) {
  const VmId id = create_vm();
  world().cut_host(host_);
  pass(Duration{70'000});
  EXPECT_EQ(shown(id), "UNKNOWN");
  world().restore_host(host_);
  pass(Duration{20'000});
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(LifecycleTest, NothingEndsOnAHostThatCannotBeAsked) {
  const VmId id = create_vm();
  world().cut_host(host_);
  pass(Duration{70'000});
  act(id, Action::kTerminateHard);
  pass(Duration{600'000});
  EXPECT_EQ(shown(id), "SHUTDOWN");
  EXPECT_FALSE(vm(id).wait_reason.empty());
  world().restore_host(host_);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "DONE");
}

TEST_F(LifecycleTest, RecoverFailureEndsAHardHaltOnADeadHost) {
  const VmId id = create_vm();
  world().cut_host(host_);
  pass(Duration{70'000});
  act(id, Action::kPoweroffHard);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "SHUTDOWN_POWEROFF");
  ASSERT_TRUE(recover(id, Recover::kFailure));
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "UNKNOWN");
}

TEST_F(LifecycleTest, ABootNobodyHeardOfIsNotTakenForAGuestThatIsOff) {
  const VmId id = create_vm();
  act(id, Action::kPoweroff);
  world().inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_started",
                  .times = sim::kAlways});
  act(id, Action::kResume);
  pass(Duration{60'000});
  world().clear_faults();
  act(id, Action::kTerminateHard);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
  EXPECT_FALSE(world().find_domain(compute::domain_name(id)).has_value());
}

TEST_F(LifecycleTest, MemoryThatWasSavedIsNotRestoredOverANewerDisk) {
  const VmId id = create_vm();
  act(id, Action::kSuspend);
  world().inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_restored",
                  .times = sim::kAlways});
  act(id, Action::kResume);
  pass(Duration{120'000});
  world().clear_faults();
  EXPECT_EQ(shown(id), "RUNNING");
  guest_writes(id, 4, 44);
  act(id, Action::kPoweroff);
  EXPECT_EQ(vm(id).memory_path, "");
  act(id, Action::kResume);
  EXPECT_EQ(world().guest_content(compute::domain_name(id), "vda")->blocks.at(4), 44u);
}

class RestoredUnheard : public LifecycleTest {
 protected:
  void SetUp() override {
    LifecycleTest::SetUp();
    id_ = create_vm();
    act(id_, Action::kSuspend);
    world().inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_restored"});
    act(id_, Action::kResume);
    guest_writes(id_, 4, 44);
    guest_shuts_down(id_);
  }
  void expect_newer_disk() {
    pass(Duration{60'000});
    EXPECT_EQ(shown(id_), "POWEROFF");
    EXPECT_EQ(vm(id_).memory_path, "");
    EXPECT_EQ(vm(id_).rest_grade, Grade::kShutdown);
    act(id_, Action::kResume);
    EXPECT_EQ(world().guest_content(compute::domain_name(id_), "vda")->blocks.at(4), 44u);
    EXPECT_EQ(world().violations(), std::vector<std::string>{});
  }
  VmId id_;
};

TEST_F(RestoredUnheard, AGuestThatHasEndedSinceIsNotRestoredAgain) { expect_newer_disk(); }

TEST_F(RestoredUnheard, AGuestThatHasEndedSinceIsOffWhenItsBootIsGivenUp) {
  ASSERT_TRUE(recover(id_, Recover::kFailure));
  expect_newer_disk();
}

TEST_F(LifecycleTest, ABootThatFailsCanBeTriedAgain) {
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_started",
                  .error = {Errc::kInvalid, "no such machine type", ""}});
  const VmId id = create_vm();
  EXPECT_EQ(shown(id), "BOOT_FAILURE");
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("no such machine type"),
            std::string::npos);
  ASSERT_TRUE(recover(id, Recover::kRetry));
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(LifecycleTest, RecoverSuccessOfABootIsRefusedUnlessTheGuestRuns) {
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_started",
                  .error = {Errc::kInvalid, "no such machine type", "qemu"}});
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "BOOT_FAILURE");
  ASSERT_TRUE(recover(id, Recover::kSuccess));
  EXPECT_EQ(shown(id), "BOOT_FAILURE");
  const std::string error = vm(id).user_attributes.get("ERROR");
  EXPECT_NE(error.find("is not there, not running"), std::string::npos) << error;
  EXPECT_FALSE(world().find_domain(compute::domain_name(id))) << "nothing was started";
}

TEST_F(LifecycleTest, RecoverSuccessOfABootTakesAGuestThatRuns) {
  world().inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_started",
                  .error = {Errc::kInvalid, "the answer was garbled", "libvirt"}});
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "BOOT_FAILURE");
  ASSERT_TRUE(recover(id, Recover::kSuccess));
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(LifecycleTest, RecoverSuccessOfAPrologNamesTheFileThatIsMissing) {
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_cloned",
                  .error = {Errc::kInvalid, "not a qcow2 file", "qemu-img"}});
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "PROLOG_FAILURE");
  ASSERT_TRUE(recover(id, Recover::kSuccess));
  EXPECT_EQ(shown(id), "PROLOG_FAILURE");
  const std::string error = vm(id).user_attributes.get("ERROR");
  EXPECT_NE(error.find(disk(id).path), std::string::npos) << error;
  ASSERT_TRUE(recover(id, Recover::kRetry));
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(LifecycleTest, RecoverSuccessOfAnEpilogNamesTheFileThatIsStillThere) {
  const VmId id = create_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_deleted",
                  .error = {Errc::kInvalid, "read-only file system", "rm"}});
  act(id, Action::kTerminateHard);
  ASSERT_EQ(shown(id), "EPILOG_FAILURE");
  ASSERT_TRUE(recover(id, Recover::kSuccess));
  EXPECT_EQ(shown(id), "EPILOG_FAILURE");
  const std::string error = vm(id).user_attributes.get("ERROR");
  EXPECT_NE(error.find("is still there"), std::string::npos) << error;
  ASSERT_TRUE(recover(id, Recover::kRetry));
  EXPECT_EQ(shown(id), "DONE");
}

TEST_F(LifecycleTest, AFailedVmCanBeDeleted) {
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_cloned",
                  .error = {Errc::kInvalid, "bad header", ""}});
  const VmId id = create_vm();
  EXPECT_EQ(shown(id), "PROLOG_FAILURE");
  ASSERT_TRUE(recover(id, Recover::kDelete));
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
}

TEST_F(LifecycleTest, ABusyHostIsTriedAgainByItself) {
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_started", .times = 2});
  const VmId id = create_vm();
  EXPECT_EQ(shown(id), "BOOT");
  pass(Duration{10'000});
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(LifecycleTest, AnAdministratorChoosesTheHostOfAVmThatWasStoppedOrUndeployed) {
  for (const Action away : {Action::kStop, Action::kUndeploy}) {
    const VmId id = create_vm();
    act(id, away);
    const auto back = run<VmId>([&](db::Txn& txn) -> Result<VmId> {
      CHECK_OK(daemon().vms.deploy(txn, UserId{0}, {.vm = id, .host = HostId{0}}));
      return id;
    });
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(shown(id), "RUNNING");
  }
}

TEST_F(LifecycleTest, TerminateEndsAVmThatIsStillBeingStarted) {
  for (const char* verb : {"ensure_cloned", "ensure_started"}) {
    world().inject({.kind = sim::FaultKind::kError, .verb = verb, .times = sim::kAlways});
    const VmId id = create_vm();
    ASSERT_EQ(shown(id), verb == std::string("ensure_cloned") ? "PROLOG" : "BOOT");
    act(id, Action::kTerminate);
    world().clear_faults();
    pass(Duration{60'000});
    EXPECT_EQ(shown(id), "DONE");
    EXPECT_EQ(files_of(id), std::vector<std::string>{});
    EXPECT_FALSE(world().guest_content(compute::domain_name(id), "vda"));
  }
}

TEST_F(LifecycleTest, RecoverDeleteEndsARunningVm) {
  const VmId id = create_vm();
  ASSERT_TRUE(recover(id, Recover::kDelete));
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
  EXPECT_FALSE(recover(id, Recover::kDelete));
}

TEST_F(LifecycleTest, ARestartFindsItsVmsAndGoesOn) {
  const VmId id = create_vm();
  kill();
  EXPECT_EQ(shown(id), "RUNNING");
  act(id, Action::kPoweroff);
  EXPECT_EQ(shown(id), "POWEROFF");
}

TEST_F(LifecycleTest, AGuestThatStoppedWhileTheDaemonWasDownIsFound) {
  const VmId id = create_vm();
  const auto down = world().guest_shuts_down(compute::domain_name(id));
  ASSERT_TRUE(down);
  kill();
  EXPECT_EQ(shown(id), "POWEROFF");
}

TEST_F(LifecycleTest, EveryStepOfAVmsLifeSurvivesAPowerCut) {
  // The daemon is cut after each task in turn, from the request to the end of the VM.
  for (int cut = 0; cut < 60; ++cut) {
    compute::NewVmAsk ask;
    ask.attributes = text::Template::parse(
                         fmt::format("CPU=0.1\nMEMORY=64\nDISK=[IMAGE_ID=\"{}\"]", base_))
                         .value();
    std::optional<Result<VmId>> made;
    daemon().store.run<VmId>([&](db::Txn& txn) { return daemon().vms.allocate(txn, admin_, ask); },
                             [&](Result<VmId> id) { made = id; });
    for (int task = 0; task < cut; ++task) lanes().run_one();
    kill();
    pass(Duration{120'000});
    if (!made) continue;
    ASSERT_TRUE(*made) << made->error().text();
    EXPECT_EQ(shown(**made), "RUNNING") << "cut after task " << cut;

    daemon().store.run([&](db::Txn& txn) {
      return daemon().vms.act(txn, UserId{0}, **made, Action::kTerminate);
    });
    for (int task = 0; task < cut; ++task) lanes().run_one();
    kill();
    pass(Duration{120'000});
    if (shown(**made) == "RUNNING") act(**made, Action::kTerminate);
    EXPECT_EQ(shown(**made), "DONE") << "cut after task " << cut;
    EXPECT_EQ(files_of(**made), std::vector<std::string>{});
  }
}

TEST_F(LifecycleTest, AGuestWhoseBootsWereNotHeardOfIsFoundRunning) {
  world().inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_started", .times = 9});
  const VmId id = create_vm();
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(LifecycleTest, APausedGuestThatEndsIsPoweroff) {
  const VmId id = create_vm();
  ASSERT_TRUE(world().guest_pauses(compute::domain_name(id)));
  pass(Duration{5'000});
  ASSERT_EQ(shown(id), "SUSPENDED");
  ASSERT_TRUE(world().qemu_dies(compute::domain_name(id)));
  pass(Duration{5'000});
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(vm(id).rest_grade, Grade::kCrash);
  act(id, Action::kResume);
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(LifecycleTest, APausedGuestIsGoneBeforeItsDisksAreReleased) {
  const VmId id = create_vm();
  ASSERT_TRUE(world().guest_pauses(compute::domain_name(id)));
  pass(Duration{5'000});
  ASSERT_EQ(shown(id), "SUSPENDED");
  world().cut_host(host_);
  act(id, compute::Action::kTerminate);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "SHUTDOWN");
  EXPECT_EQ(files_of(id).size(), 1u);
  world().restore_host(host_);
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_TRUE(world().list_domains().empty());
}

}  // namespace
}  // namespace neph
