#include "tests/unit/snapshots/bench.h"

namespace neph::snapshots {
namespace {

using compute::LcmState;
using compute::VmState;

class Cancelling : public SnapshotBench {
 protected:
  void expect_cancelled(const Snapshot& made) {
    EXPECT_EQ(snapshot(made.id).phase, Phase::kCancelled) << snapshot(made.id).reason;
    EXPECT_FALSE(image(made.image));
    expect_tidy();
  }
};

TEST_F(Cancelling, AnArmedOneIsOverAtOnce) {
  const Snapshot made = ask_one(deferred());
  ASSERT_TRUE(cancel(made.id));
  expect_cancelled(made);
  EXPECT_FALSE(disk().attributes.has("SAVE_AS"));
}

TEST_F(Cancelling, OneThatWaitsForTheGuestIsOverAtOnce) {
  set_stand(VmState::kActive, LcmState::kBoot);
  const Snapshot made = ask_one(hot());
  ASSERT_TRUE(cancel(made.id));
  expect_cancelled(made);
}

TEST_F(Cancelling, WhileItsPinIsTriedAgainTakesBackWhatWasMade) {
  world_.inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_pinned"});
  const Snapshot made = ask_one(hot());
  ASSERT_EQ(files_like(".snap-").size(), 1u);
  write(1, 15);
  ASSERT_TRUE(cancel(made.id));
  settle(Duration{10'000});
  EXPECT_EQ(on_disk().blocks.at(1), 15u);
  expect_cancelled(made);
}

TEST_F(Cancelling, WhileItWaitsForSpaceFoldsTheLayerBack) {
  world_.set_space("/ds/1", Bytes{sim::kBlockSize.value + 1});
  const Snapshot made = ask_one(hot());
  write(1, 16);
  ASSERT_TRUE(cancel(made.id));
  settle();
  EXPECT_EQ(on_disk().blocks.at(1), 16u);
  expect_cancelled(made);
}

TEST_F(Cancelling, InTheMidstOfACopyStopsTheWorkerFirst) {
  Phase seen = Phase::kArmed;
  const auto is_copying = [&] { return snapshot(SnapshotId{1}).phase == Phase::kCopying; };
  world_clock_.at_sleep(is_copying, [&] {
    ASSERT_TRUE(cancel(SnapshotId{1}));
    seen = snapshot(SnapshotId{1}).phase;
    EXPECT_EQ(files_like(".snap-").size(), 1u) << "the worker still reads below it";
  });
  const Snapshot made = ask_one(hot());
  settle();
  EXPECT_EQ(seen, Phase::kCancelling);
  expect_cancelled(made);
}

TEST_F(Cancelling, WhileTheGuestIsBeingFrozenTakesThePinBackAfterwards) {
  Phase seen = Phase::kArmed;
  const auto is_pinning = [&] { return snapshot(SnapshotId{1}).pin == PinKind::kOverlay; };
  world_clock_.at_sleep(is_pinning, [&] {
    ASSERT_TRUE(cancel(SnapshotId{1}));
    seen = snapshot(SnapshotId{1}).phase;
  });
  const Snapshot made = ask_one(hot());
  write(1, 17);
  settle();
  EXPECT_EQ(seen, Phase::kCancelling);
  EXPECT_EQ(on_disk().blocks.at(1), 17u);
  expect_cancelled(made);
}

TEST_F(Cancelling, AFailedOneFoldsTheLayerBack) {
  world_.inject({.kind = sim::FaultKind::kCopyFails,
                 .verb = "ensure_copied",
                 .error = {Errc::kInvalid, "I/O error", "EIO"}});
  const Snapshot made = ask_one(hot());
  ASSERT_EQ(snapshot(made.id).phase, Phase::kFailed);
  ASSERT_TRUE(cancel(made.id));
  settle();
  expect_cancelled(made);
}

TEST_F(Cancelling, AReadyOneIsRefused) {
  const Snapshot made = ask_one(hot());
  const auto refused = cancel(made.id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
}

TEST_F(Cancelling, OneOfASetLeavesTheOtherAlone) {
  Request request = deferred("both");
  request.disks = {DiskId{0}, DiskId{1}};
  const auto made = ask(request);
  ASSERT_TRUE(made);
  ASSERT_TRUE(cancel(made->front().id));
  EXPECT_EQ(snapshot(made->front().id).phase, Phase::kCancelled);
  stop_guest();
  EXPECT_EQ(snapshot(made->back().id).phase, Phase::kReady);
  expect_tidy();
}

TEST_F(Cancelling, TheImageIsTheSameAsCancellingItsSnapshot) {
  const Snapshot made = ask_one(deferred());
  change([&](db::Txn& txn) { ASSERT_TRUE(service_->cancel_by_image(txn, made.image)); });
  expect_cancelled(made);
  change([&](db::Txn& txn) {
    EXPECT_EQ(service_->cancel_by_image(txn, base_).error().code, Errc::kNotFound);
  });
}

TEST_F(Cancelling, AtRestRemovesTheSharedFile) {
  world_.set_sharing(sim::Sharing::kYes);
  world_.set_space("/ds/1", Bytes{sim::kBlockSize.value + 1});
  stop_guest();
  const Snapshot made = ask_one(hot());
  ASSERT_EQ(files_like(".pin-").size(), 1u);
  ASSERT_TRUE(cancel(made.id));
  settle();
  expect_cancelled(made);
}

/// Power cuts before and after every effect on the world; then a new daemon goes on.
class PowerCut : public SnapshotBench {
 protected:
  static constexpr int kActsMax = 12;

  void settle_after_restart() {
    restart();
    settle(Duration{60'000});
    settle(Duration{600'000});
  }
};

class PowerCutHot : public PowerCut,
                    public testing::WithParamInterface<std::tuple<int, CutLanes::Side>> {};

TEST_P(PowerCutHot, EndsReadyAtTheInstantWithNothingLeftBehind) {
  const auto [act, side] = GetParam();
  write(1, 11);
  const auto before = on_disk();
  lanes_->cut_at(act, side);
  ask(hot());
  const auto layers = files_like(".snap-");
  settle(Duration{5'000});
  const bool was_pinned = !files_like(".snap-").empty() || !layers.empty();
  if (was_pinned) write(1, 12);
  settle_after_restart();
  const Snapshot done = snapshot(SnapshotId{1});
  EXPECT_EQ(done.phase, Phase::kReady) << done.reason << done.error;
  EXPECT_EQ(content(done), before);
  expect_tidy();
}

INSTANTIATE_TEST_SUITE_P(EveryAct, PowerCutHot,
                         testing::Combine(testing::Range(1, 6),
                                          testing::Values(CutLanes::Side::kBefore,
                                                          CutLanes::Side::kAfter)));

class PowerCutAtRest
    : public PowerCut,
      public testing::WithParamInterface<std::tuple<int, CutLanes::Side, sim::Sharing>> {};

TEST_P(PowerCutAtRest, EndsReadyWithNothingLeftBehind) {
  const auto [act, side, sharing] = GetParam();
  world_.set_sharing(sharing);
  write(1, 11);
  const auto before = on_disk();
  ask_one(deferred());
  lanes_->cut_at(lanes_->acts() + act, side);
  stop_guest();
  settle_after_restart();
  const Snapshot done = snapshot(SnapshotId{1});
  EXPECT_EQ(done.phase, Phase::kReady) << done.reason << done.error;
  EXPECT_EQ(content(done), before);
  EXPECT_EQ(on_disk(), before);
  expect_tidy();
}

INSTANTIATE_TEST_SUITE_P(EveryAct, PowerCutAtRest,
                         testing::Combine(testing::Range(1, 6),
                                          testing::Values(CutLanes::Side::kBefore,
                                                          CutLanes::Side::kAfter),
                                          testing::Values(sim::Sharing::kNo, sim::Sharing::kYes)));

class PowerCutCancel : public PowerCut,
                       public testing::WithParamInterface<std::tuple<int, CutLanes::Side>> {};

TEST_P(PowerCutCancel, EndsCancelledWithNothingLeftBehind) {
  const auto [act, side] = GetParam();
  world_.set_space("/ds/1", Bytes{sim::kBlockSize.value + 1});
  const Snapshot made = ask_one(hot());
  lanes_->cut_at(lanes_->acts() + act, side);
  ASSERT_TRUE(cancel(made.id));
  settle_after_restart();
  EXPECT_EQ(snapshot(made.id).phase, Phase::kCancelled) << snapshot(made.id).reason;
  EXPECT_FALSE(image(made.image));
  expect_tidy();
}

INSTANTIATE_TEST_SUITE_P(EveryAct, PowerCutCancel,
                         testing::Combine(testing::Range(1, 4),
                                          testing::Values(CutLanes::Side::kBefore,
                                                          CutLanes::Side::kAfter)));

}  // namespace
}  // namespace neph::snapshots
