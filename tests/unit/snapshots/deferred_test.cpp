#include "tests/unit/snapshots/bench.h"

namespace neph::snapshots {
namespace {

using compute::LcmState;
using compute::VmState;
using datastore::Grade;
using datastore::GuestEnd;
using datastore::ImageState;

class DeferredSnapshot : public SnapshotBench {};

TEST_F(DeferredSnapshot, IsArmedUntilTheGuestStopsAndSurvivesARestart) {
  const Snapshot made = ask_one(deferred());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kArmed);
  EXPECT_EQ(image(made.image)->state, ImageState::kLocked);
  EXPECT_EQ(image(made.image)->attributes.find_vector("SNAPSHOT")->get("PHASE"), "armed");
  EXPECT_EQ(disk().attributes.get("SAVE_AS"), fmt::format("{}", made.image));
  restart();
  settle(Duration{3'600'000});
  EXPECT_EQ(snapshot(made.id).phase, Phase::kArmed);
  write(1, 11);
  stop_guest();
  settle();
  const Snapshot done = snapshot(made.id);
  EXPECT_EQ(done.phase, Phase::kReady) << done.error;
  EXPECT_EQ(done.grade, Grade::kShutdown);
  EXPECT_EQ(content(done).blocks.at(1), 11u);
  EXPECT_FALSE(disk().attributes.has("SAVE_AS"));
  expect_tidy();
}

TEST_F(DeferredSnapshot, LetsTheGuestStartAtOnceOnceTheLayerIsPinned) {
  for (const auto sharing : {sim::Sharing::kNo, sim::Sharing::kYes}) {
    world_.set_sharing(sharing);
    const Snapshot made = ask_one(deferred(fmt::format("saved{}", static_cast<int>(sharing))));
    write(1, 11);
    world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1});
    stop_guest();
    EXPECT_EQ(hold(made.id)->state, datastore::HoldState::kPinned);
    EXPECT_EQ(snapshot(made.id).pin,
              sharing == sim::Sharing::kYes ? PinKind::kShared : PinKind::kOverlay);
    start_guest();
    write(1, 12);
    settle(Duration{10'000});
    EXPECT_EQ(snapshot(made.id).phase, Phase::kReady) << snapshot(made.id).error;
    EXPECT_EQ(content(made).blocks.at(1), 11u);
    EXPECT_EQ(on_disk().blocks.at(1), 12u);
    expect_tidy();
  }
}

TEST_F(DeferredSnapshot, StaysArmedThroughACrashUntilTheOwnerTakesIt) {
  const Snapshot made = ask_one(deferred());
  const auto too_early = transact<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(service_->capture(txn, made.id));
    return 0;
  });
  ASSERT_FALSE(too_early);
  EXPECT_EQ(too_early.error().code, Errc::kWrongState);
  stop_guest(GuestEnd::kCut);
  settle();
  EXPECT_EQ(snapshot(made.id).phase, Phase::kArmed);
  change([&](db::Txn& txn) { ASSERT_TRUE(service_->capture(txn, made.id)); });
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(made.id).grade, Grade::kCrash);
  expect_tidy();
}

TEST_F(DeferredSnapshot, ThatCapturesCrashedTakesTheDiskAsACrashLeftIt) {
  Request request = deferred();
  request.captures_crashed = true;
  const Snapshot made = ask_one(request);
  stop_guest(GuestEnd::kCut);
  settle();
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(made.id).grade, Grade::kCrash);
  expect_tidy();
}

TEST_F(DeferredSnapshot, OfASavedVmCanBeTakenAsItIs) {
  Request request = deferred();
  request.captures_crashed = true;
  const Snapshot made = ask_one(request);
  NoProgress progress;
  ASSERT_TRUE(hypervisor_.ensure_saved({{HostId{0}, "node1", ""}, kGuest, "uuid-of-guest"},
                                       "/ds/0/0/memory", progress));
  set_stand(VmState::kSuspended);
  EXPECT_EQ(snapshot(made.id).phase, Phase::kArmed);
  change([&](db::Txn& txn) { ASSERT_TRUE(service_->capture(txn, made.id)); });
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(made.id).grade, Grade::kCrash);
}

TEST_F(DeferredSnapshot, OfTheEndIgnoresAnEarlierStop) {
  Request request = deferred();
  request.when = datastore::Fires::kEnd;
  const Snapshot made = ask_one(request);
  stop_guest();
  settle();
  EXPECT_EQ(snapshot(made.id).phase, Phase::kArmed);
  start_guest();
  write(1, 13);
  end_vm();
  settle();
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady) << snapshot(made.id).error;
  EXPECT_EQ(content(made).blocks.at(1), 13u);
}

TEST_F(DeferredSnapshot, OutlivesItsVmAsARetainedDiskThatOnlyADiscardGivesUp) {
  world_.inject({.kind = sim::FaultKind::kCopyFails,
                 .verb = "ensure_copied",
                 .error = {Errc::kInvalid, "I/O error", "EIO"}});
  const Snapshot made = ask_one(deferred());
  end_vm();
  settle();
  EXPECT_EQ(snapshot(made.id).phase, Phase::kFailed);
  EXPECT_TRUE(disk().is_retained);
  const auto refused = cancel(made.id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  const auto discard = [&](const std::string& name) {
    return transact<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK(service_->discard(txn, made.id, name));
      return 0;
    });
  };
  EXPECT_EQ(discard("wrong").error().code, Errc::kInvalid);
  ASSERT_TRUE(discard("saved"));
  EXPECT_EQ(snapshot(made.id).phase, Phase::kDiscarded);
  EXPECT_FALSE(image(made.image));
  expect_tidy();
}

TEST_F(DeferredSnapshot, AskedTwiceAnswersTheSameImageAndRefusesAnother) {
  const Snapshot first = ask_one(deferred());
  EXPECT_EQ(ask_one(deferred()).image, first.image);
  const auto refused = ask(deferred("other"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConflict);
  EXPECT_NE(refused.error().message.find("\"saved\""), std::string::npos);
}

TEST_F(DeferredSnapshot, AllowsAHotOneOfTheSameDiskMeanwhile) {
  const Snapshot armed = ask_one(deferred());
  const Snapshot taken = ask_one(hot("now"));
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(armed.id).phase, Phase::kArmed);
  stop_guest();
  EXPECT_EQ(snapshot(armed.id).phase, Phase::kReady);
  expect_tidy();
}

TEST_F(DeferredSnapshot, WaitsForAHotOneOfTheSameDiskAndShowsTheStop) {
  const Snapshot armed = ask_one(deferred());
  world_.inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 2});
  const Snapshot taken = ask_one(hot("now"));
  write(2, 22);
  stop_guest();
  EXPECT_EQ(snapshot(armed.id).phase, Phase::kWaiting);
  EXPECT_NE(snapshot(armed.id).reason.find(fmt::format("snapshot {}", taken.id)),
            std::string::npos);
  EXPECT_FALSE(may_boot());
  settle(Duration{60'000});
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(armed.id).phase, Phase::kReady);
  EXPECT_FALSE(content(taken).blocks.contains(2));
  EXPECT_EQ(content(armed).blocks.at(2), 22u);
  expect_tidy();
}

TEST_F(DeferredSnapshot, StaysArmedWhileTheVmIsSuspendedAndAHotOneIsGradedCrash) {
  const Snapshot armed = ask_one(deferred());
  NoProgress progress;
  ASSERT_TRUE(hypervisor_.ensure_saved({{HostId{0}, "node1", ""}, kGuest, "uuid-of-guest"},
                                       "/ds/0/0/memory", progress));
  set_stand(VmState::kSuspended);
  const Snapshot taken = ask_one(hot("now"));
  EXPECT_EQ(snapshot(armed.id).phase, Phase::kArmed);
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(taken.id).grade, Grade::kCrash);
}

TEST_F(DeferredSnapshot, AtRestFiresAtOnce) {
  stop_guest();
  const Snapshot made = ask_one(deferred());
  EXPECT_EQ(snapshot(made.id).phase, Phase::kReady);
  EXPECT_EQ(snapshot(made.id).grade, Grade::kShutdown);
  expect_tidy();
}

}  // namespace
}  // namespace neph::snapshots
