#include <gmock/gmock.h>

#include "tests/contract/hypervisor/sim_bench.h"

namespace neph::hypervisor_driver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = GuestEvent::Kind;

class SimGuests : public SimBench {};

TEST_F(SimGuests, AnUnknownHostHasTheCapacityOfADummyHost) {
  const auto fact = hypervisor_.inspect_host(host_);
  ASSERT_TRUE(fact);
  EXPECT_EQ(fact->cpu_percent_total, 6400);
  EXPECT_EQ(fact->memory_total.value / 1024, 268435456);
  EXPECT_EQ(fact->memory_free, fact->memory_total);
}

TEST_F(SimGuests, RunningGuestsTakeMemoryOfTheHost) {
  start("one-1");
  const auto fact = hypervisor_.inspect_host(host_);
  EXPECT_EQ(fact->memory_total - fact->memory_free, Bytes::megabytes(64));
}

TEST_F(SimGuests, AMissingDiskIsNotFound) {
  const auto fact = hypervisor_.ensure_started(host_, spec("one-1", "/images/nothing"));
  ASSERT_FALSE(fact);
  EXPECT_EQ(fact.error().code, Errc::kNotFound);
}

TEST_F(SimGuests, ADiskOfAnotherFormatIsRefused) {
  auto wrong = spec("one-1");
  wrong.disks[0].format = "raw";
  EXPECT_EQ(hypervisor_.ensure_started(host_, wrong).error().code, Errc::kInvalid);
}

TEST_F(SimGuests, AnObedientGuestShutsDownAfterItsTime) {
  world_.set_conduct("one-1", {.shutdown_takes = Duration{3000}});
  start("one-1");
  ASSERT_TRUE(hypervisor_.ask_shutdown(ref("one-1")));
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->power, Power::kRunning);
  clock_.sleep_for(Duration{3000});
  world_.run_due();
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[1].kind, Kind::kStopped);
  EXPECT_EQ(events_[1].reason, StopReason::kShutdown);
  EXPECT_EQ(events_[1].host, host_.id);
}

TEST_F(SimGuests, AShutdownThatWasAskedForDoesNotHitTheNextRun) {
  world_.set_conduct("one-1", {.shutdown_takes = Duration{3000}});
  start("one-1");
  ASSERT_TRUE(hypervisor_.ask_shutdown(ref("one-1")));
  ASSERT_TRUE(hypervisor_.ensure_destroyed(ref("one-1")));
  start("one-1");
  clock_.sleep_for(Duration{5000});
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->power, Power::kRunning);
}

TEST_F(SimGuests, AStubbornGuestIgnoresThePowerButton) {
  world_.guest_ignores_acpi("one-1");
  start("one-1");
  ASSERT_TRUE(hypervisor_.ask_shutdown(ref("one-1")));
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->power, Power::kRunning);
}

TEST_F(SimGuests, ACrashIsToldWithItsReason) {
  start("one-1");
  ASSERT_TRUE(world_.guest_crashes("one-1"));
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->reason, StopReason::kCrashed);
  EXPECT_EQ(count(Kind::kCrashed), 1);
  EXPECT_EQ(count(Kind::kStopped), 1);
}

TEST_F(SimGuests, SurviveTheLossOfTheConnection) {
  start("one-1");
  world_.cut_host("node1");
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1")).error().code, Errc::kUnavailable);
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 1, 8));
  ASSERT_TRUE(world_.guest_shuts_down("one-1"));
  EXPECT_EQ(count(Kind::kStopped), 0);
  world_.restore_host("node1");
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->reason, StopReason::kShutdown);
  EXPECT_EQ(count(Kind::kHostLost), 1);
  EXPECT_EQ(count(Kind::kHostBack), 1);
}

TEST_F(SimGuests, DoNotSurviveThePowerCutOfTheirHost) {
  start("one-1");
  world_.kill_host("node1");
  world_.restore_host("node1");
  const auto fact = hypervisor_.inspect_domain(ref("one-1"));
  EXPECT_EQ(fact->power, Power::kOff);
  EXPECT_EQ(fact->reason, StopReason::kUnknown);
}

TEST_F(SimGuests, AHungHostStallsTheCaller) {
  world_.hang_host("node1");
  const Instant before = clock_.now();
  EXPECT_EQ(hypervisor_.list_domains(host_).error().code, Errc::kStalled);
  EXPECT_EQ(clock_.now() - before, world_.config().call_deadline);
}

TEST_F(SimGuests, EventsOfAHostThatNobodyConnectedToAreNotTold) {
  start("one-1");
  hypervisor_.forget(host_.id);
  ASSERT_TRUE(world_.guest_shuts_down("one-1"));
  EXPECT_EQ(count(Kind::kStopped), 0);
}

TEST_F(SimGuests, AListenerMayCallTheDriver) {
  Power seen = Power::kMissing;
  hypervisor_.listen([&](const GuestEvent& event) {
    if (event.kind == Kind::kStopped) seen = hypervisor_.inspect_domain(ref("one-1"))->power;
  });
  start("one-1");
  ASSERT_TRUE(world_.guest_shuts_down("one-1"));
  EXPECT_EQ(seen, Power::kOff);
}

TEST_F(SimGuests, AFullDiskPausesTheGuestUntilThereIsRoom) {
  start("one-1");
  world_.set_space("/images", Bytes{sim::kBlockSize.value});
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 1, 8));
  EXPECT_EQ(count(Kind::kDiskError), 1);
  EXPECT_EQ(hypervisor_.inspect_domain(ref("one-1"))->power, Power::kPaused);
  world_.set_space("/images", Bytes::megabytes(10));
  ASSERT_TRUE(hypervisor_.ensure_unpaused(ref("one-1")));
  EXPECT_EQ(world_.content_of(kBase)->blocks, (sim::Blocks{{0, 7}, {1, 8}}));
}

TEST_F(SimGuests, AMemoryFileBringsOnlyItsOwnGuestBack) {
  start("one-1");
  ASSERT_TRUE(hypervisor_.ensure_saved(ref("one-1"), "/images/memory", no_progress_));
  EXPECT_EQ(world_.find_file("/images/memory")->stored_size(), Bytes::megabytes(64));
  const auto other =
      hypervisor_.ensure_restored(host_, spec("one-2"), "/images/memory", no_progress_);
  EXPECT_EQ(other.error().code, Errc::kInvalid);
  EXPECT_TRUE(hypervisor_.ensure_restored(host_, spec("one-1"), "/images/memory", no_progress_));
}

TEST_F(SimGuests, TwoWritersOfOneFileAreAViolation) {
  start("one-1");
  EXPECT_THAT(world_.violations(), IsEmpty());
  start("one-2");
  EXPECT_THAT(world_.violations(), ElementsAre(HasSubstr("starts on /images/base while")));
}

TEST_F(SimGuests, OneGuestOnTwoHostsIsAViolation) {
  start("one-1");
  world_.cut_host("node1");
  auto diskless = spec("one-1");
  diskless.disks.clear();
  ASSERT_TRUE(hypervisor_.ensure_started({HostId{2}, "node2", ""}, diskless));
  EXPECT_THAT(world_.violations(), ElementsAre(HasSubstr("one-1 starts on node2 while")));
}

TEST_F(SimGuests, OverlaysOnOneQuietImageAreNoViolation) {
  for (const std::string name : {"one-1", "one-2"}) {
    const datastore_driver::Layer disk{"/vms/" + name, datastore_driver::Format::kQcow2};
    ASSERT_TRUE(datastore_.ensure_cloned({kBase, datastore_driver::Format::kQcow2}, disk,
                                         datastore_driver::CloneMode::kOverlay, std::nullopt,
                                         no_progress_));
    ASSERT_TRUE(hypervisor_.ensure_started(host_, spec(name, disk.path)));
  }
  EXPECT_THAT(world_.violations(), IsEmpty());
  start("one-3");
  EXPECT_THAT(world_.violations(), ElementsAre(HasSubstr("start of node1/one-3")));
}

TEST_F(SimGuests, DeletingADiskInUseIsAViolation) {
  start("one-1");
  ASSERT_TRUE(datastore_.ensure_deleted(kBase));
  EXPECT_THAT(world_.violations(), ElementsAre(HasSubstr("deletion of /images/base while")));
}

}  // namespace
}  // namespace neph::hypervisor_driver
