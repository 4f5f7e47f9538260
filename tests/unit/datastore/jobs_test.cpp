#include "tests/unit/datastore/bench.h"

namespace neph::datastore {
namespace {

using datastore_driver::Format;
using sim::Fault;
using sim::FaultKind;
using ImageJobs = ImageBench;

TEST_F(ImageJobs, RefuseAFileThatNamesAnotherAndLeaveNothing) {
  const std::string path = put_source("evil.qcow2");
  auto file = world_.find_file(path).value();
  file.flaw = "it names /etc/shadow as its backing file";
  world_.put_file(path, file);
  const auto id = allocate(fmt::format("NAME=evil\nPATH=\"{}\"", path));
  ASSERT_TRUE(id) << id.error().text();
  const Image failed = image(*id);
  EXPECT_EQ(failed.state, ImageState::kError);
  EXPECT_NE(failed.attributes.get("ERROR").find("/etc/shadow"), std::string::npos);
  EXPECT_TRUE(failed.source.empty());
  EXPECT_EQ(stored_files(), std::vector<std::string>{});

  const auto enabled =
      transact([&](db::Txn& txn) { return service_->set_enabled(txn, *id, true); });
  ASSERT_FALSE(enabled);
  EXPECT_EQ(enabled.error().code, Errc::kWrongState);
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, *id); }));
  EXPECT_FALSE(is_there(*id));
}

TEST_F(ImageJobs, TryAgainWhatFailedInPassing) {
  world_.inject({.kind = FaultKind::kError, .verb = "ensure_copied", .times = 2});
  const auto id = allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_source("a.qcow2")));
  ASSERT_TRUE(id);
  EXPECT_EQ(image(*id).state, ImageState::kLocked);
  EXPECT_EQ(open_job(*id).state, jobs::JobState::kWaiting);
  lanes_.advance(Duration{60'000});
  EXPECT_EQ(image(*id).state, ImageState::kReady);
}

TEST_F(ImageJobs, GiveUpAfterAWhileAndRemoveWhatTheyBegan) {
  world_.inject({.kind = FaultKind::kError, .verb = "ensure_published", .times = sim::kAlways});
  const auto id = allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_source("a.qcow2")));
  ASSERT_TRUE(id);
  for (int pause = 0; pause < 10; ++pause) lanes_.advance(Duration{600'000});
  EXPECT_EQ(image(*id).state, ImageState::kError);
  EXPECT_EQ(stored_files(), std::vector<std::string>{});
}

TEST_F(ImageJobs, WaitForSpaceWithTheFiguresAndGoOn) {
  world_.set_space("/ds/1", Bytes{65536});
  const auto id = allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_source("a.qcow2")));
  ASSERT_TRUE(id);
  const jobs::Job waiting = open_job(*id);
  EXPECT_EQ(waiting.state, jobs::JobState::kWaiting);
  EXPECT_NE(waiting.reason.find("waiting for space: needs 1 MB, 0 MB free"), std::string::npos)
      << waiting.reason;
  lanes_.advance(Duration{3'600'000});
  EXPECT_EQ(image(*id).state, ImageState::kLocked) << "it never gives up on space";
  world_.set_space("/ds/1", Bytes::megabytes(100));
  lanes_.advance(Duration{60'000});
  EXPECT_EQ(image(*id).state, ImageState::kReady);
}

TEST_F(ImageJobs, StopWhenTheImageIsDeletedAndRemoveItThen) {
  world_.set_space("/ds/1", Bytes{65536});
  const auto id = allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_source("a.qcow2")));
  ASSERT_TRUE(id);
  const JobId job_id = open_job(*id).id;
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, *id); }));
  EXPECT_FALSE(is_there(*id));
  EXPECT_EQ(job(job_id).state, jobs::JobState::kCancelled);
  EXPECT_EQ(stored_files(), std::vector<std::string>{});
}

TEST_F(ImageJobs, CancelledAfterThePublishedFileRemoveThatToo) {
  const std::string path = put_source("a.qcow2");
  world_.inject({.kind = FaultKind::kLostAnswer, .verb = "ensure_published"});
  const auto id = allocate(fmt::format("NAME=a\nPATH=\"{}\"", path));
  ASSERT_TRUE(id);
  EXPECT_EQ(stored_files().size(), 1u);
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, *id); }));
  EXPECT_FALSE(is_there(*id));
  EXPECT_EQ(stored_files(), std::vector<std::string>{});
}

/// Deletes an image at a moment at which its copy is under way and does not hear of it any more.
class DeletingDuringACopy : public ImageBench {
 protected:
  ImageId delete_during_copy() {
    const std::string path = put_source("a.qcow2");
    ImageId id;
    store_->run([&](db::Txn& txn) -> Result<void> {
      const auto ask = TRY(text::Template::parse(fmt::format("NAME=a\nPATH=\"{}\"", path)));
      id = TRY(service_->allocate(txn, alice_, ask, DatastoreId{1}));
      return {};
    });
    const auto is_copying = [&] {
      if (!id.is_set() || !is_there(id) || image(id).state != ImageState::kLocked) return false;
      const jobs::Job job = open_job(id);
      return job.step == "copy" && job.state == jobs::JobState::kRunning;
    };
    while (!is_copying() && lanes_.run_one()) {
    }
    EXPECT_TRUE(is_copying());
    EXPECT_TRUE(database_->transact_one(lanes_.clock().now(), [&](db::Txn& txn) {
      return service_->remove(txn, id);
    }));
    EXPECT_EQ(image(id).state, ImageState::kDelete);
    lanes_.run_until_idle();
    return id;
  }
};

TEST_F(DeletingDuringACopy, RemovesWhatTheCopyStillMade) {
  EXPECT_FALSE(is_there(delete_during_copy()));
  EXPECT_EQ(stored_files(), std::vector<std::string>{});
}

TEST_F(DeletingDuringACopy, DoesNotTryAgainWhatFailed) {
  world_.inject({.kind = FaultKind::kError, .verb = "ensure_copied", .times = sim::kAlways});
  EXPECT_FALSE(is_there(delete_during_copy()));
  EXPECT_EQ(stored_files(), std::vector<std::string>{});
}

TEST_F(ImageJobs, CloneIntoAFileOfItsOwn) {
  const ImageId source = make_ready("base");
  ImageId copy;
  world_.inject({.kind = FaultKind::kError, .verb = "ensure_copied"});
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    copy = TRY(service_->clone(txn, alice_, source, "copy", DatastoreId{}));
    return {};
  }));
  EXPECT_EQ(image(copy).cloning, source);
  EXPECT_EQ(shown(source), ImageState::kClone);
  const auto refused = transact([&](db::Txn& txn) { return service_->remove(txn, source); });
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(fmt::format("images {}", copy)), std::string::npos);

  lanes_.advance(Duration{60'000});
  EXPECT_EQ(image(copy).state, ImageState::kReady);
  EXPECT_FALSE(image(copy).cloning.is_set());
  EXPECT_EQ(shown(source), ImageState::kReady);
  EXPECT_NE(image(copy).source, image(source).source);
  EXPECT_EQ(world_.content_of(image(copy).source).value(),
            world_.content_of(image(source).source).value());
}

TEST_F(ImageJobs, DeleteTheFileAndThenTheRow) {
  const ImageId id = make_ready("gone");
  ASSERT_EQ(stored_files().size(), 1u);
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, id); }));
  EXPECT_FALSE(is_there(id));
  EXPECT_EQ(stored_files(), std::vector<std::string>{});
}

TEST_F(ImageJobs, KeepTheRowOfAFileThatCannotBeDeleted) {
  const ImageId id = make_ready("stuck");
  world_.inject({.kind = FaultKind::kError, .verb = "ensure_deleted", .times = sim::kAlways,
                 .error = {Errc::kInternal, "the disk is read-only", ""}});
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, id); }));
  EXPECT_EQ(image(id).state, ImageState::kError);
  EXPECT_NE(image(id).attributes.get("ERROR").find("read-only"), std::string::npos);
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->set_enabled(txn, id, true); }))
      << "its content is whole";
  EXPECT_EQ(image(id).state, ImageState::kReady);
}

class Verifying : public ImageBench {
 protected:
  std::string verify(ImageId id) {
    JobId started;
    const auto asked = transact([&](db::Txn& txn) -> Result<void> {
      started = TRY(service_->verify(txn, alice_, id));
      return {};
    });
    EXPECT_TRUE(asked) << asked.error().text();
    return job(started).result;
  }
  void change_content(ImageId id) {
    world_.put_image(image(id).source, image(id).format, Bytes::megabytes(10), {{1, 99}});
  }
  void set_modified_by(ImageId id, VmId vm) {
    ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
      Image changed = TRY(find_image(txn, id));
      changed.modified_by = vm;
      save_image(txn, changed);
      return {};
    }));
  }
};

TEST_F(Verifying, SaysIntactForWhatHasNotChanged) {
  EXPECT_EQ(verify(make_ready("a")), "intact");
}

TEST_F(Verifying, SaysCorruptWithBothSumsForWhatHas) {
  const ImageId id = make_ready("a");
  change_content(id);
  const std::string result = verify(id);
  EXPECT_TRUE(result.starts_with("corrupt: ")) << result;
  EXPECT_NE(result.find(image(id).sha256), std::string::npos);
}

TEST_F(Verifying, NamesTheVmThatChangedAPersistentImage) {
  const ImageId id = make_ready("a");
  change_content(id);
  set_modified_by(id, VmId{4});
  EXPECT_EQ(verify(id), "modified since by VM 4");
}

TEST_F(Verifying, RecordsASumThatWasNotKnown) {
  const auto id = allocate("NAME=data\nTYPE=DATABLOCK\nSIZE=8");
  ASSERT_TRUE(id);
  ASSERT_TRUE(image(*id).sha256.empty());
  EXPECT_EQ(verify(*id), "intact (checksum recorded now)");
  EXPECT_FALSE(image(*id).sha256.empty());
  EXPECT_EQ(verify(*id), "intact");
}

TEST_F(Verifying, RefusesAnImageThatAGuestIsWritingTo) {
  const ImageId id = make_ready("a");
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->set_persistent(txn, id, true); }));
  use_by_vm(4, id);
  const auto refused = transact([&](db::Txn& txn) -> Result<void> {
    TRY(service_->verify(txn, alice_, id));
    return {};
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
}

}  // namespace
}  // namespace neph::datastore
