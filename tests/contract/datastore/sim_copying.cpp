#include <gmock/gmock.h>

#include <stdexcept>

#include "drivers/datastore/sim/sim_datastore.h"
#include "tests/contract/datastore/driver_contract.h"

namespace neph::datastore_driver {
namespace {

using sim::FaultKind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kBlocks = 8;

class SimCopying : public testing::Test {
 protected:
  SimCopying() {
    sim::Blocks blocks;
    for (std::int64_t block = 0; block < kBlocks; ++block)
      blocks[2 * block] = static_cast<sim::Stamp>(block) + 1;
    world_.put_image("/a/source", Format::kQcow2, Bytes::megabytes(2), blocks);
  }
  Result<CopyProof> copy(Progress& progress, std::optional<Bytes> rate_max = std::nullopt) {
    return driver_.ensure_copied({"/a/source", Format::kQcow2}, {"/b/image", Format::kRaw},
                                 rate_max, progress);
  }

  VirtualClock clock_;
  sim::SimWorld world_{clock_, {.copy_chunk = sim::kBlockSize}};
  SimDatastore driver_{world_};
  NoProgress no_progress_;
};

TEST_F(SimCopying, EqualContentHasEqualChecksums) {
  const auto first = copy(no_progress_);
  ASSERT_TRUE(driver_.ensure_published("/b/image", "/b/first"));
  const auto second = copy(no_progress_);
  EXPECT_EQ(first->sha256, second->sha256);
  world_.put_image("/a/source", Format::kQcow2, Bytes::megabytes(2), {{0, 99}});
  EXPECT_NE(copy(no_progress_)->sha256, first->sha256);
}

TEST_F(SimCopying, TakesTheTimeOfItsRate) {
  const Instant before = clock_.now();
  ASSERT_TRUE(copy(no_progress_, Bytes{sim::kBlockSize.value}));
  EXPECT_EQ(clock_.now() - before, Duration{1000 * kBlocks});
}

TEST_F(SimCopying, AStalledCopyEndsWhenItIsCancelled) {
  class Impatient final : public Progress {
   public:
    void report(Bytes done, Bytes) override {
      furthest = std::max(furthest, done);
      ++reports;
    }
    [[nodiscard]] bool is_cancelled() const override { return reports > 20; }
    Bytes furthest;
    int reports = 0;
  } progress;
  world_.inject({.kind = FaultKind::kCopyStalls, .at = Bytes{3 * sim::kBlockSize.value}});
  EXPECT_EQ(copy(progress).error().code, Errc::kConflict);
  EXPECT_EQ(progress.furthest, Bytes{3 * sim::kBlockSize.value});
  EXPECT_FALSE(world_.find_file("/b/image"));
}

TEST_F(SimCopying, AStalledCopyThatNobodyCancelsEndsAtTheLimit) {
  world_.inject({.kind = FaultKind::kCopyStalls});
  EXPECT_EQ(copy(no_progress_).error().code, Errc::kStalled);
  EXPECT_TRUE(copy(no_progress_));
}

TEST_F(SimCopying, ACopyMayFailInTheMiddle) {
  world_.inject({.kind = FaultKind::kCopyFails,
                 .subject = "/a/source",
                 .at = Bytes{100'000},
                 .error = {Errc::kUnavailable, "the network went away", {}}});
  RecordingProgress progress;
  EXPECT_EQ(copy(progress).error().message, "the network went away");
  EXPECT_EQ(progress.reports().back().done, sim::kBlockSize);
  EXPECT_FALSE(world_.find_file("/b/image"));
}

TEST_F(SimCopying, AFullDiskIsExhausted) {
  world_.set_space("/b", Bytes{5 * sim::kBlockSize.value});
  EXPECT_EQ(copy(no_progress_).error().code, Errc::kExhausted);
  EXPECT_EQ(driver_.inspect_usage("/b")->used, Bytes{0});
  world_.set_space("/b", Bytes{kBlocks * sim::kBlockSize.value});
  ASSERT_TRUE(copy(no_progress_));
  EXPECT_EQ(driver_.inspect_usage("/b")->free, Bytes{0});
}

TEST_F(SimCopying, ACopyCutShortLeavesItsBeginningAndIsBegunAgain) {
  class PowerCut final : public Progress {
    void report(Bytes done, Bytes) override {
      if (done.value > 0) throw std::runtime_error("power cut");
    }
    [[nodiscard]] bool is_cancelled() const override { return false; }
  } cut;
  EXPECT_THROW((void)copy(cut), std::runtime_error);
  ASSERT_TRUE(world_.find_file("/b/image"));
  EXPECT_TRUE(world_.find_file("/b/image")->is_unfinished);
  ASSERT_TRUE(copy(no_progress_));
  EXPECT_EQ(*world_.content_of("/b/image"), *world_.content_of("/a/source"));
  ASSERT_TRUE(driver_.ensure_deleted("/a/source"));
  EXPECT_TRUE(world_.violations().empty());
}

TEST_F(SimCopying, DeletingASourceUnderACopyIsAViolation) {
  class Deleter final : public Progress {
   public:
    explicit Deleter(Driver& driver) : driver_(driver) {}
    void report(Bytes, Bytes) override { EXPECT_TRUE(driver_.ensure_deleted("/a/source")); }
    [[nodiscard]] bool is_cancelled() const override { return false; }

   private:
    Driver& driver_;
  } deleter(driver_);
  EXPECT_EQ(copy(deleter).error().code, Errc::kNotFound);
  EXPECT_THAT(world_.violations(), ElementsAre(HasSubstr("deletion of /a/source while")));
  EXPECT_FALSE(world_.find_file("/b/image"));
}

TEST_F(SimCopying, PublishingAnUnfinishedFileIsAViolation) {
  world_.put_file("/b/image", {.is_unfinished = true});
  ASSERT_TRUE(driver_.ensure_published("/b/image", "/b/final"));
  EXPECT_THAT(world_.violations(), Contains(HasSubstr("unfinished")));
}

TEST_F(SimCopying, FoldingUnderAnotherOverlayIsAViolation) {
  for (const std::string top : {"/b/one", "/b/two"})
    ASSERT_TRUE(driver_.ensure_cloned({"/a/source", Format::kQcow2}, {top, Format::kQcow2},
                                      CloneMode::kOverlay, std::nullopt, no_progress_));
  ASSERT_TRUE(driver_.ensure_merged_at_rest({"/b/one", Format::kQcow2},
                                            {"/a/source", Format::kQcow2}, no_progress_));
  EXPECT_THAT(world_.violations(), ElementsAre(HasSubstr("on which /b/two lies too")));
}

TEST_F(SimCopying, AFlawedFileOfAStrangerIsRefusedWithItsFlaw) {
  world_.put_file("/b/evil", {.virtual_size = Bytes{65536}, .flaw = "names a data file"});
  const auto facts = driver_.check_untrusted({"/b/evil", Format::kRaw});
  EXPECT_EQ(facts.error().code, Errc::kInvalid);
  EXPECT_EQ(facts.error().cause, "names a data file");
}

TEST_F(SimCopying, AnIsoKeepsItsFilesToRead) {
  ASSERT_TRUE(driver_.ensure_iso("/b/iso", "CONTEXT", {{"context.sh", "A='1'"}}));
  EXPECT_EQ(world_.find_file("/b/iso")->texts.at("context.sh"), "A='1'");
}

}  // namespace
}  // namespace neph::datastore_driver
