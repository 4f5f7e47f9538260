#include "tests/contract/datastore/driver_contract.h"

#include <algorithm>

#include "tests/contract/datastore/expect.h"

namespace neph::datastore_driver {
namespace {

constexpr Bytes kDiskSize = Bytes::megabytes(64);
constexpr std::int64_t kBlock = 65536;

std::string block_of(char letter) { return std::string(kBlock, letter); }

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DatastoreContract);

TEST_P(DatastoreContract, UsageOfADirectoryAddsUp) {
  const auto usage = driver().inspect_usage(store().root());
  ASSERT_TRUE(usage) << usage.error().text();
  EXPECT_GT(usage->total.value, 0);
  EXPECT_LE(usage->used + usage->free, usage->total);
}

TEST_P(DatastoreContract, UsageOfAMissingDirectoryIsNotFound) {
  EXPECT_FAILS(Errc::kNotFound, driver().inspect_usage(path("nowhere")));
}

TEST_P(DatastoreContract, ANewDiskHasItsSizeAndNearlyNoBlocks) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  const auto facts = driver().inspect_file(layer("disk"));
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->virtual_size, kDiskSize);
  EXPECT_LT(facts->stored_size, Bytes::megabytes(1));
  EXPECT_EQ(facts->backing_path, "");
  EXPECT_EQ(store().read_as_guest(layer("disk"), 0, kBlock), std::string(kBlock, '\0'));
}

TEST_P(DatastoreContract, CreatingADiskTwiceKeepsItsContent) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), 0, block_of('a'));
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  EXPECT_EQ(store().read_as_guest(layer("disk"), 0, kBlock), block_of('a'));
}

TEST_P(DatastoreContract, CreatingOverADiskOfAnotherSizeIsRefused) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  EXPECT_FAILS(Errc::kInvalid, driver().ensure_created(layer("disk"), Bytes::megabytes(32)));
  EXPECT_EQ(driver().inspect_file(layer("disk"))->virtual_size, kDiskSize);
}

TEST_P(DatastoreContract, AnEmptyFileIsNoOverlayYet) {
  store().put_file(path("top"), "");
  EXPECT_FAILS(Errc::kNotFound, driver().inspect_file(overlay("top")));
}

TEST_P(DatastoreContract, AMissingFileIsNotFound) {
  EXPECT_FAILS(Errc::kNotFound, driver().inspect_file(layer("nothing")));
  EXPECT_FAILS(Errc::kNotFound, driver().check_untrusted(layer("nothing")));
  EXPECT_FAILS(Errc::kNotFound, driver().checksum(path("nothing"), no_progress_));
}

TEST_P(DatastoreContract, APathThatClimbsOrIsRelativeIsRefused) {
  EXPECT_FAILS(Errc::kInvalid, driver().ensure_created({"disk", GetParam().format}, kDiskSize));
  EXPECT_FAILS(Errc::kInvalid, driver().ensure_created(layer("../disk"), kDiskSize));
  EXPECT_FAILS(Errc::kInvalid, driver().ensure_deleted(path("../disk")));
}

TEST_P(DatastoreContract, AFreshDiskMayBeTakenIn) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  const auto facts = driver().check_untrusted(layer("disk"));
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->virtual_size, kDiskSize);
}

TEST_P(DatastoreContract, AnEmptyFileIsNotTakenIn) {
  store().put_file(path("disk"), "");
  EXPECT_FAILS(Errc::kInvalid, driver().check_untrusted(layer("disk")));
}

TEST_P(DatastoreContract, AnOverlayIsNotTakenIn) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  ASSERT_OK(driver().ensure_cloned(layer("base"), overlay("top"), CloneMode::kOverlay,
                                   std::nullopt, no_progress_));
  EXPECT_FAILS(Errc::kInvalid, driver().check_untrusted(overlay("top")));
}

TEST_P(DatastoreContract, AFileOfTheOtherFormatIsNotTakenIn) {
  const Format other = GetParam().format == Format::kRaw ? Format::kQcow2 : Format::kRaw;
  ASSERT_OK(driver().ensure_created({path("disk"), other}, kDiskSize));
  EXPECT_FAILS(Errc::kInvalid, driver().check_untrusted(layer("disk")));
}

TEST_P(DatastoreContract, AnOverlayShowsItsBaseAndKeepsItUnchanged) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  store().write_as_guest(layer("base"), 0, block_of('a'));
  ASSERT_OK(driver().ensure_cloned(layer("base"), overlay("top"), CloneMode::kOverlay,
                                   std::nullopt, no_progress_));
  EXPECT_EQ(store().read_as_guest(overlay("top"), 0, kBlock), block_of('a'));
  EXPECT_EQ(driver().inspect_file(overlay("top"))->backing_path, path("base"));
  store().write_as_guest(overlay("top"), 0, block_of('b'));
  EXPECT_EQ(store().read_as_guest(layer("base"), 0, kBlock), block_of('a'));
}

TEST_P(DatastoreContract, CloningAgainKeepsWhatTheGuestWrote) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  const auto clone_overlay = [&] {
    return driver().ensure_cloned(layer("base"), overlay("top"), CloneMode::kOverlay,
                                  std::nullopt, no_progress_);
  };
  const auto clone_copy = [&] {
    return driver().ensure_cloned(layer("base"), layer("copy"), CloneMode::kCopy, std::nullopt,
                                  no_progress_);
  };
  ASSERT_OK(clone_overlay());
  ASSERT_OK(clone_copy());
  store().write_as_guest(overlay("top"), kBlock, block_of('t'));
  store().write_as_guest(layer("copy"), kBlock, block_of('c'));
  ASSERT_OK(clone_overlay());
  ASSERT_OK(clone_copy());
  EXPECT_EQ(store().read_as_guest(overlay("top"), kBlock, kBlock), block_of('t'));
  EXPECT_EQ(store().read_as_guest(layer("copy"), kBlock, kBlock), block_of('c'));
}

TEST_P(DatastoreContract, ACopiedCloneStandsAlone) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  store().write_as_guest(layer("base"), 0, block_of('a'));
  ASSERT_OK(driver().ensure_cloned(layer("base"), layer("copy"), CloneMode::kCopy, std::nullopt,
                                   no_progress_));
  ASSERT_OK(driver().ensure_deleted(path("base")));
  EXPECT_EQ(store().read_as_guest(layer("copy"), 0, kBlock), block_of('a'));
  EXPECT_LT(driver().inspect_file(layer("copy"))->stored_size, Bytes::megabytes(2));
}

TEST_P(DatastoreContract, ACloneMayBeLargerThanItsSource) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  store().write_as_guest(layer("base"), 0, block_of('a'));
  const Bytes larger = Bytes::megabytes(96);
  ASSERT_OK(driver().ensure_cloned(layer("base"), overlay("top"), CloneMode::kOverlay, larger,
                                   no_progress_));
  ASSERT_OK(driver().ensure_cloned(layer("base"), layer("copy"), CloneMode::kCopy, larger,
                                   no_progress_));
  EXPECT_EQ(driver().inspect_file(overlay("top"))->virtual_size, larger);
  EXPECT_EQ(driver().inspect_file(layer("copy"))->virtual_size, larger);
  EXPECT_EQ(store().read_as_guest(layer("copy"), 0, kBlock), block_of('a'));
  EXPECT_EQ(driver().inspect_file(layer("base"))->virtual_size, kDiskSize);
}

TEST_P(DatastoreContract, ACloneIsNeverSmallerThanItsSource) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  EXPECT_FAILS(Errc::kInvalid,
               driver().ensure_cloned(layer("base"), layer("copy"), CloneMode::kCopy,
                                      Bytes::megabytes(1), no_progress_));
  EXPECT_FALSE(store().is_there(path("copy")));
}

TEST_P(DatastoreContract, CloningFromNothingIsNotFoundAndLeavesNothing) {
  for (const CloneMode mode : {CloneMode::kOverlay, CloneMode::kCopy}) {
    const Layer target = mode == CloneMode::kOverlay ? overlay("new") : layer("new");
    EXPECT_FAILS(Errc::kNotFound, driver().ensure_cloned(layer("base"), target, mode,
                                                         std::nullopt, no_progress_));
  }
  EXPECT_TRUE(driver().list_files(store().root())->empty());
}

TEST_P(DatastoreContract, ACancelledCloneLeavesNothing) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  store().write_as_guest(layer("base"), 0, block_of('a'));
  RecordingProgress cancelled(RecordingProgress::Cancel::kAtOnce);
  EXPECT_FAILS(Errc::kConflict,
               driver().ensure_cloned(layer("base"), layer("copy"), CloneMode::kCopy,
                                      std::nullopt, cancelled));
  EXPECT_EQ(driver().list_files(store().root())->size(), 1U);
}

TEST_P(DatastoreContract, ACopyFlattensTheWholeChain) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  store().write_as_guest(layer("base"), 0, block_of('a') + block_of('a') + block_of('a'));
  ASSERT_OK(driver().ensure_cloned(layer("base"), overlay("middle"), CloneMode::kOverlay,
                                   std::nullopt, no_progress_));
  store().write_as_guest(overlay("middle"), kBlock, block_of('b') + block_of('b'));
  ASSERT_OK(driver().ensure_cloned(overlay("middle"), overlay("top"), CloneMode::kOverlay,
                                   std::nullopt, no_progress_));
  store().write_as_guest(overlay("top"), 2 * kBlock, block_of('c'));

  const auto proof =
      driver().ensure_copied(overlay("top"), layer("image"), std::nullopt, no_progress_);
  ASSERT_TRUE(proof) << proof.error().text();
  EXPECT_EQ(proof->virtual_size, kDiskSize);
  const auto facts = driver().inspect_file(layer("image"));
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->backing_path, "");
  EXPECT_EQ(facts->virtual_size, kDiskSize);
  EXPECT_EQ(facts->stored_size, proof->stored_size);
  EXPECT_EQ(store().read_as_guest(layer("image"), 0, 4 * kBlock),
            block_of('a') + block_of('b') + block_of('c') + std::string(kBlock, '\0'));
}

TEST_P(DatastoreContract, ACopyOfOneLayerIsEqualSparseAndProven) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), 0, block_of('a'));
  store().write_as_guest(layer("disk"), kDiskSize.value - kBlock, block_of('z'));
  const auto proof =
      driver().ensure_copied(layer("disk"), layer("image"), std::nullopt, no_progress_);
  ASSERT_TRUE(proof) << proof.error().text();
  EXPECT_LT(proof->stored_size, Bytes::megabytes(4));
  EXPECT_EQ(store().read_as_guest(layer("image"), 0, 2 * kBlock),
            block_of('a') + std::string(kBlock, '\0'));
  EXPECT_EQ(store().read_as_guest(layer("image"), kDiskSize.value - kBlock, kBlock),
            block_of('z'));
  const auto checksum = driver().checksum(path("image"), no_progress_);
  ASSERT_TRUE(checksum) << checksum.error().text();
  EXPECT_TRUE(is_sha256(*checksum)) << *checksum;
  EXPECT_EQ(proof->sha256, proof->is_shared ? "" : *checksum);
}

TEST_P(DatastoreContract, ACopyIsNotTouchedByWhatTheSourceDoesLater) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), 0, block_of('a'));
  ASSERT_OK(driver().ensure_copied(layer("disk"), layer("image"), std::nullopt, no_progress_));
  store().write_as_guest(layer("disk"), 0, block_of('b'));
  EXPECT_EQ(store().read_as_guest(layer("image"), 0, kBlock), block_of('a'));
}

TEST_P(DatastoreContract, ACopyMayChangeTheFormat) {
  const Format other = GetParam().format == Format::kRaw ? Format::kQcow2 : Format::kRaw;
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), kBlock, block_of('a'));
  const Layer image{path("image"), other};
  ASSERT_OK(driver().ensure_copied(layer("disk"), image, std::nullopt, no_progress_));
  EXPECT_EQ(driver().inspect_file(image)->virtual_size, kDiskSize);
  EXPECT_EQ(store().read_as_guest(image, 0, 2 * kBlock),
            std::string(kBlock, '\0') + block_of('a'));
}

TEST_P(DatastoreContract, ACopyBeginsAnUnfinishedTargetAgain) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), 0, block_of('a'));
  store().put_file(path("image"), "half a file, left by a power cut");
  ASSERT_OK(driver().ensure_copied(layer("disk"), layer("image"), std::nullopt, no_progress_));
  ASSERT_OK(driver().ensure_copied(layer("disk"), layer("image"), std::nullopt, no_progress_));
  EXPECT_EQ(store().read_as_guest(layer("image"), 0, kBlock), block_of('a'));
}

TEST_P(DatastoreContract, CopyProgressOnlyGrowsAndEndsAtItsTotal) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), 0, block_of('a'));
  RecordingProgress progress;
  ASSERT_OK(driver().ensure_copied(layer("disk"), layer("image"), std::nullopt, progress));
  ASSERT_FALSE(progress.reports().empty());
  EXPECT_TRUE(std::is_sorted(progress.reports().begin(), progress.reports().end(),
                             [](const auto& a, const auto& b) { return a.done < b.done; }));
  EXPECT_EQ(progress.reports().back().done, progress.reports().back().total);
}

TEST_P(DatastoreContract, ACancelledCopyLeavesNothing) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), 0, block_of('a'));
  for (const auto when :
       {RecordingProgress::Cancel::kAtOnce, RecordingProgress::Cancel::kAfterFirstReport}) {
    RecordingProgress cancelled(when);
    EXPECT_FAILS(Errc::kConflict, driver().ensure_copied(layer("disk"), layer("image"),
                                                         std::nullopt, cancelled));
    EXPECT_EQ(driver().list_files(store().root())->size(), 1U);
  }
}

TEST_P(DatastoreContract, CopyingFromNothingIsNotFoundAndLeavesNothing) {
  EXPECT_FAILS(Errc::kNotFound, driver().ensure_copied(layer("disk"), layer("image"),
                                                       std::nullopt, no_progress_));
  EXPECT_FALSE(store().is_there(path("image")));
}

TEST_P(DatastoreContract, PublishingGivesTheFinalNameAndMayBeRepeated) {
  store().put_file(path("image.part"), "content");
  ASSERT_OK(driver().ensure_published(path("image.part"), path("image")));
  EXPECT_FALSE(store().is_there(path("image.part")));
  EXPECT_TRUE(store().is_there(path("image")));
  ASSERT_OK(driver().ensure_published(path("image.part"), path("image")));
  EXPECT_TRUE(store().is_there(path("image")));
}

TEST_P(DatastoreContract, PublishingNothingIsNotFound) {
  EXPECT_FAILS(Errc::kNotFound, driver().ensure_published(path("image.part"), path("image")));
}

TEST_P(DatastoreContract, AMergedOverlayIsInItsBaseAndGone) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  store().write_as_guest(layer("base"), 0, block_of('a') + block_of('a'));
  ASSERT_OK(driver().ensure_cloned(layer("base"), overlay("top"), CloneMode::kOverlay,
                                   std::nullopt, no_progress_));
  store().write_as_guest(overlay("top"), kBlock, block_of('b'));
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK(driver().ensure_merged_at_rest(overlay("top"), layer("base"), no_progress_));
    EXPECT_FALSE(store().is_there(path("top")));
    EXPECT_EQ(store().read_as_guest(layer("base"), 0, 2 * kBlock),
              block_of('a') + block_of('b'));
  }
}

TEST_P(DatastoreContract, MergingIntoALayerThatIsNotBelowIsRefused) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  ASSERT_OK(driver().ensure_created(layer("stranger"), kDiskSize));
  ASSERT_OK(driver().ensure_cloned(layer("base"), overlay("top"), CloneMode::kOverlay,
                                   std::nullopt, no_progress_));
  EXPECT_FAILS(Errc::kInvalid,
               driver().ensure_merged_at_rest(overlay("top"), layer("stranger"), no_progress_));
  EXPECT_TRUE(store().is_there(path("top")));
}

TEST_P(DatastoreContract, APinKeepsTheInstantOrNothingIsMade) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), 0, block_of('a'));
  if (!store().can_share_blocks()) {
    EXPECT_FAILS(Errc::kInvalid, driver().ensure_pinned_at_rest(layer("disk"), path("pin")));
    EXPECT_EQ(driver().list_files(store().root())->size(), 1U);
    return;
  }
  ASSERT_OK(driver().ensure_pinned_at_rest(layer("disk"), path("pin")));
  store().write_as_guest(layer("disk"), 0, block_of('b'));
  ASSERT_OK(driver().ensure_pinned_at_rest(layer("disk"), path("pin")));
  EXPECT_EQ(store().read_as_guest(layer("pin"), 0, kBlock), block_of('a'));
}

TEST_P(DatastoreContract, PinningNothingIsNotFound) {
  EXPECT_FAILS(Errc::kNotFound, driver().ensure_pinned_at_rest(layer("disk"), path("pin")));
}

TEST_P(DatastoreContract, AnIsoIsMadeAndReplaced) {
  const std::vector<ContextFile> files{{"context.sh", "NAME='one'\n"}};
  ASSERT_OK(driver().ensure_iso(path("context.iso"), "CONTEXT", files));
  ASSERT_OK(driver().ensure_iso(path("context.iso"), "CONTEXT", files));
  const auto found = driver().list_files(store().root());
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().path, path("context.iso"));
  EXPECT_GT(found->front().stored_size.value, 0);
}

TEST_P(DatastoreContract, DeletingIsRepeatable) {
  store().put_file(path("file"), "content");
  ASSERT_OK(driver().ensure_deleted(path("file")));
  EXPECT_FALSE(store().is_there(path("file")));
  EXPECT_OK(driver().ensure_deleted(path("file")));
  EXPECT_OK(driver().ensure_deleted(path("nowhere/file")));
}

TEST_P(DatastoreContract, DirectoriesComeAndGoRepeatably) {
  ASSERT_OK(driver().ensure_directory(path("vm/7")));
  ASSERT_OK(driver().ensure_directory(path("vm/7")));
  store().put_file(path("vm/7/disk.0"), "content");
  EXPECT_FAILS(Errc::kWrongState, driver().ensure_directory_deleted(path("vm/7")));
  ASSERT_OK(driver().ensure_deleted(path("vm/7/disk.0")));
  ASSERT_OK(driver().ensure_directory_deleted(path("vm/7")));
  EXPECT_OK(driver().ensure_directory_deleted(path("vm/7")));
  EXPECT_FALSE(store().is_there(path("vm/7")));
}

TEST_P(DatastoreContract, ListingFindsEveryFileBelow) {
  ASSERT_OK(driver().ensure_directory(path("vm/7")));
  store().put_file(path("vm/7/disk.0"), "content");
  store().put_file(path("image"), "content");
  const auto found = driver().list_files(store().root());
  ASSERT_TRUE(found) << found.error().text();
  std::vector<std::string> paths;
  for (const FoundFile& file : *found) {
    paths.push_back(file.path);
    EXPECT_TRUE(file.modified.is_set());
  }
  std::sort(paths.begin(), paths.end());
  EXPECT_EQ(paths, (std::vector<std::string>{path("image"), path("vm/7/disk.0")}));
  EXPECT_FAILS(Errc::kNotFound, driver().list_files(path("nowhere")));
}

TEST_P(DatastoreContract, AResizedDiskIsLargerAndKeepsItsContent) {
  ASSERT_OK(driver().ensure_created(layer("disk"), kDiskSize));
  store().write_as_guest(layer("disk"), 0, block_of('a'));
  ASSERT_OK(driver().ensure_resized(layer("disk"), Bytes::megabytes(96)));
  ASSERT_OK(driver().ensure_resized(layer("disk"), Bytes::megabytes(80)));
  EXPECT_EQ(driver().inspect_file(layer("disk"))->virtual_size, Bytes::megabytes(96));
  EXPECT_EQ(store().read_as_guest(layer("disk"), 0, kBlock), block_of('a'));
  EXPECT_FAILS(Errc::kNotFound, driver().ensure_resized(layer("nothing"), kDiskSize));
}

TEST_P(DatastoreContract, ARebasedLayerShowsTheSameAndNeedsTheLayerBetweenNoMore) {
  const auto clone = [&](const Layer& below, const Layer& above) {
    return driver().ensure_cloned(below, above, CloneMode::kOverlay, std::nullopt, no_progress_);
  };
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  store().write_as_guest(layer("base"), 0, block_of('a'));
  ASSERT_OK(clone(layer("base"), overlay("middle")));
  store().write_as_guest(overlay("middle"), kBlock, block_of('b'));
  ASSERT_OK(clone(overlay("middle"), overlay("top")));
  store().write_as_guest(overlay("top"), 2 * kBlock, block_of('c'));
  ASSERT_OK(driver().ensure_rebased(overlay("top"), layer("base"), no_progress_));
  ASSERT_OK(driver().ensure_rebased(overlay("top"), layer("base"), no_progress_));
  ASSERT_OK(driver().ensure_deleted(path("middle")));
  EXPECT_EQ(store().read_as_guest(overlay("top"), 0, 3 * kBlock),
            block_of('a') + block_of('b') + block_of('c'));
  EXPECT_EQ(store().read_as_guest(layer("base"), kBlock, kBlock), std::string(kBlock, '\0'));
}

TEST_P(DatastoreContract, ALayerRebasedOnNothingStandsAlone) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  store().write_as_guest(layer("base"), 0, block_of('a'));
  ASSERT_OK(driver().ensure_cloned(layer("base"), overlay("top"), CloneMode::kOverlay,
                                   std::nullopt, no_progress_));
  ASSERT_OK(driver().ensure_rebased(overlay("top"), std::nullopt, no_progress_));
  ASSERT_OK(driver().ensure_rebased(overlay("top"), std::nullopt, no_progress_));
  EXPECT_EQ(driver().inspect_file(overlay("top"))->backing_path, "");
  ASSERT_OK(driver().ensure_deleted(path("base")));
  EXPECT_EQ(store().read_as_guest(overlay("top"), 0, kBlock), block_of('a'));
}

TEST_P(DatastoreContract, ALayerIsNotRebasedOnWhatIsNotBelowIt) {
  ASSERT_OK(driver().ensure_created(layer("base"), kDiskSize));
  ASSERT_OK(driver().ensure_created(layer("other"), kDiskSize));
  ASSERT_OK(driver().ensure_cloned(layer("base"), overlay("top"), CloneMode::kOverlay,
                                   std::nullopt, no_progress_));
  EXPECT_FAILS(Errc::kInvalid,
               driver().ensure_rebased(overlay("top"), layer("other"), no_progress_));
}

}  // namespace neph::datastore_driver
