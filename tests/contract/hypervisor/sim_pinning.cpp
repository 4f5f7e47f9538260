#include <gmock/gmock.h>

#include "tests/contract/hypervisor/sim_bench.h"

namespace neph::hypervisor_driver {
namespace {

using datastore_driver::Format;
using sim::FaultKind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A guest that writes at every report, so that a copy runs beside a live disk.
class BusyGuest final : public Progress {
 public:
  explicit BusyGuest(sim::SimWorld& world) : world_(world) {}
  void report(Bytes, Bytes) override {
    EXPECT_TRUE(world_.guest_writes("one-1", "vda", 1, ++stamp_));
  }
  [[nodiscard]] bool is_cancelled() const override { return false; }

 private:
  sim::SimWorld& world_;
  sim::Stamp stamp_ = 1000;
};

class SimPinning : public SimBench {
 protected:
  SimPinning()
      : SimBench({.freeze = Duration{40},
                  .copy_chunk = sim::kBlockSize,
                  .evidence = sim::Evidence::kContents}) {}
  [[nodiscard]] bool is_frozen() const { return world_.find_domain("one-1")->is_frozen; }
};

TEST_F(SimPinning, AnImageOfABusyGuestShowsThePinnedInstantExactly) {
  start("one-1");
  for (std::int64_t block = 0; block < 5; ++block)
    ASSERT_TRUE(world_.guest_writes("one-1", "vda", block, 100 + block));
  const auto before = world_.guest_content("one-1", "vda");
  ASSERT_TRUE(hypervisor_.ensure_pinned(ref("one-1"), pin_request()));
  BusyGuest guest(world_);
  const datastore_driver::Layer image{"/images/new", Format::kRaw};
  ASSERT_TRUE(datastore_.ensure_copied({kBase, Format::kQcow2}, image, std::nullopt, guest));
  EXPECT_EQ(*world_.content_of("/images/new"), *before);
  EXPECT_EQ(*world_.content_when_pinned(kOverlay), *before);
  EXPECT_NE(*world_.guest_content("one-1", "vda"), *before);
  EXPECT_THAT(world_.violations(), IsEmpty());
}

TEST_F(SimPinning, ACopyOfALiveDiskIsTornAndAViolation) {
  start("one-1");
  for (std::int64_t block = 0; block < 3; ++block)
    ASSERT_TRUE(world_.guest_writes("one-1", "vda", block, 100 + block));
  const auto before = world_.guest_content("one-1", "vda");
  BusyGuest guest(world_);
  ASSERT_TRUE(datastore_.ensure_copied({kBase, Format::kQcow2}, {"/images/new", Format::kRaw},
                                       std::nullopt, guest));
  EXPECT_NE(*world_.content_of("/images/new"), *before);
  EXPECT_THAT(world_.violations(), ElementsAre(HasSubstr("copy of /images/base while")));
}

TEST_F(SimPinning, UnpinningKeepsWhatTheGuestWroteMeanwhile) {
  start("one-1");
  ASSERT_TRUE(hypervisor_.ensure_pinned(ref("one-1"), pin_request()));
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 0, 0));
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 4, 9));
  BusyGuest guest(world_);
  ASSERT_TRUE(hypervisor_.ensure_unpinned(ref("one-1"), {"vda", kOverlay}, kBase, guest));
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 5, 10));
  const auto content = world_.content_of(kBase);
  EXPECT_FALSE(content->blocks.contains(0));
  EXPECT_EQ(content->blocks.at(4), 9U);
  EXPECT_EQ(content->blocks.at(5), 10U);
  EXPECT_FALSE(world_.find_file(kOverlay));
  EXPECT_THAT(world_.violations(), IsEmpty());
}

TEST_F(SimPinning, FoldingALayerThatIsBeingCopiedIsAViolation) {
  class Folder final : public Progress {
   public:
    explicit Folder(std::function<void()> fold) : fold_(std::move(fold)) {}
    void report(Bytes, Bytes) override { fold_(); }
    [[nodiscard]] bool is_cancelled() const override { return false; }

   private:
    std::function<void()> fold_;
  };
  start("one-1");
  ASSERT_TRUE(hypervisor_.ensure_pinned(ref("one-1"), pin_request()));
  Folder folder([this] {
    EXPECT_TRUE(hypervisor_.ensure_unpinned(ref("one-1"), {"vda", kOverlay}, kBase, no_progress_));
  });
  ASSERT_TRUE(datastore_.ensure_copied({kBase, Format::kQcow2}, {"/images/new", Format::kRaw},
                                       std::nullopt, folder));
  EXPECT_THAT(world_.violations(), Contains(HasSubstr("was folded while")));
}

TEST_F(SimPinning, AFreezeIsProven) {
  start("one-1");
  const auto proof = hypervisor_.ensure_pinned(ref("one-1"), pin_request(Quiesce::kRequire));
  ASSERT_TRUE(proof);
  EXPECT_TRUE(proof->is_frozen);
  EXPECT_EQ(proof->frozen_filesystems, 1);
  EXPECT_EQ(proof->captured, clock_.now());
  EXPECT_FALSE(is_frozen());
}

TEST_F(SimPinning, AFreezeThatHangsEndsAtTheDeadlineAndLeavesTheGuestThawed) {
  start("one-1");
  world_.inject({.kind = FaultKind::kFreezeHangs});
  const Instant before = clock_.now();
  const auto proof = hypervisor_.ensure_pinned(ref("one-1"), pin_request());
  ASSERT_TRUE(proof);
  EXPECT_FALSE(proof->is_frozen);
  EXPECT_THAT(proof->why_not_frozen, HasSubstr("did not answer"));
  EXPECT_GE(clock_.now() - before, Duration{5000});
  EXPECT_FALSE(is_frozen());
}

TEST_F(SimPinning, AHangingAgentIsNoFreeze) {
  world_.set_agent("one-1", sim::Agent::kHanging);
  start("one-1");
  EXPECT_FALSE(*hypervisor_.has_agent(ref("one-1")));
  const auto refused = hypervisor_.ensure_pinned(ref("one-1"), pin_request(Quiesce::kRequire));
  EXPECT_EQ(refused.error().code, Errc::kInvalid);
  EXPECT_FALSE(world_.find_file(kOverlay));
}

TEST_F(SimPinning, AThawThatFailsOnceIsTriedAgain) {
  start("one-1");
  world_.inject({.kind = FaultKind::kThawFails});
  const auto proof = hypervisor_.ensure_pinned(ref("one-1"), pin_request());
  ASSERT_TRUE(proof);
  EXPECT_TRUE(proof->is_frozen);
  EXPECT_GE(proof->frozen_for, Duration{100});
  EXPECT_FALSE(is_frozen());
}

TEST_F(SimPinning, AThawThatFailsForLongIsMadeGoodByTheNextCall) {
  start("one-1");
  world_.inject({.kind = FaultKind::kThawFails, .times = sim::kAlways});
  const auto failed = hypervisor_.ensure_pinned(ref("one-1"), pin_request());
  EXPECT_EQ(failed.error().code, Errc::kStalled);
  EXPECT_TRUE(is_frozen());
  const Instant captured = world_.find_file(kOverlay)->created;
  world_.clear_faults();
  const auto proof = hypervisor_.ensure_pinned(ref("one-1"), pin_request());
  ASSERT_TRUE(proof);
  EXPECT_TRUE(proof->is_adopted);
  EXPECT_EQ(proof->captured, captured);
  EXPECT_FALSE(is_frozen());
}

TEST_F(SimPinning, WritesOfAFrozenGuestWaitForTheThaw) {
  start("one-1");
  world_.inject({.kind = FaultKind::kThawFails, .times = sim::kAlways});
  ASSERT_FALSE(hypervisor_.ensure_pinned(ref("one-1"), pin_request()));
  ASSERT_TRUE(world_.guest_writes("one-1", "vda", 3, 30));
  EXPECT_FALSE(world_.guest_content("one-1", "vda")->blocks.contains(3));
  world_.clear_faults();
  ASSERT_TRUE(hypervisor_.ensure_thawed(ref("one-1")));
  EXPECT_EQ(world_.guest_content("one-1", "vda")->blocks.at(3), 30U);
}

TEST_F(SimPinning, AGuestThatStopsBetweenFreezeAndOverlayIsNotPinned) {
  start("one-1");
  ASSERT_TRUE(world_.later(Duration{40}, "one-1", sim::GuestAct::kShutDown));
  const auto proof = hypervisor_.ensure_pinned(ref("one-1"), pin_request());
  EXPECT_EQ(proof.error().code, Errc::kWrongState);
  EXPECT_FALSE(world_.find_file(kOverlay));
}

TEST_F(SimPinning, SeveralDisksSharedOneInstant) {
  world_.put_image("/images/data", Format::kQcow2, Bytes::megabytes(10), {{1, 2}});
  auto two = spec("one-1");
  two.disks.push_back({.path = "/images/data", .format = "qcow2", .target = "vdb"});
  ASSERT_TRUE(hypervisor_.ensure_started(host_, two));
  PinRequest request = pin_request();
  request.disks.push_back({"vdb", "/images/data.job-1"});
  const auto proof = hypervisor_.ensure_pinned(ref("one-1"), request);
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->frozen_filesystems, 2);
  EXPECT_EQ(world_.find_file(kOverlay)->created, world_.find_file("/images/data.job-1")->created);
}

TEST_F(SimPinning, ACancelledFoldLeavesTheOverlayInPlace) {
  class Cancelled final : public Progress {
    void report(Bytes, Bytes) override {}
    [[nodiscard]] bool is_cancelled() const override { return true; }
  } cancelled;
  start("one-1");
  ASSERT_TRUE(hypervisor_.ensure_pinned(ref("one-1"), pin_request()));
  const auto done = hypervisor_.ensure_unpinned(ref("one-1"), {"vda", kOverlay}, kBase, cancelled);
  EXPECT_EQ(done.error().code, Errc::kConflict);
  EXPECT_EQ(world_.find_domain("one-1")->disks[0].path, kOverlay);
}

}  // namespace
}  // namespace neph::hypervisor_driver
