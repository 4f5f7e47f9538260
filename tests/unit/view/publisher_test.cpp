#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/users.h"
#include "compute/host.h"
#include "compute/vm.h"
#include "datastore/image.h"
#include "db/store.h"
#include "jobs/queue.h"
#include "tests/support/fresh_store.h"
#include "view/view.h"

namespace neph::view {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A store with cluster 0, a datastore, oneadmin and alice, and a publisher that watches it.
class PublisherTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = fresh_store();
    store_ = std::make_unique<db::Store>(*database_, lanes_);
    publisher_ = std::make_unique<Publisher>(*store_, board_);
    in_txn([this](db::Txn& txn) -> Result<void> {
      CHECK_OK(access::bootstrap(txn, {"hash-of-oneadmin", "hash-of-serveradmin"}));
      compute::bootstrap_clusters(txn);
      txn.exec(
          "INSERT INTO datastores (id, name, user_id, group_id, permissions, type, ds_mad,"
          " tm_mad, base_path) VALUES (1, 'images', 0, 0, 384, 0, 'fs', 'qcow2', '/ds/1')");
      alice_ = TRY(access::create_user(txn, root(), {"alice", "hash-of-alice", "", {}}));
      return {};
    });
    database_->read(now(), [this](db::Txn& txn) { publisher_->load(txn); });
  }
  void in_txn(std::function<Result<void>(db::Txn&)> work) {
    store_->run<void>(std::move(work),
                      [](Result<void> outcome) { EXPECT_TRUE(outcome) << outcome.error().text(); });
    lanes_.run_until_idle();
  }
  Instant now() { return lanes_.clock().now(); }
  std::string full(ObjectKind kind, std::int64_t id) {
    const auto entry = publisher_->current()->find(kind, id);
    return entry ? (*entry)->full : "";
  }
  ImageId add_image(const std::string& name) {
    ImageId id;
    in_txn([&](db::Txn& txn) -> Result<void> {
      datastore::Image image;
      image.name = name;
      image.owner = alice_;
      image.group = GroupId{1};
      image.datastore = DatastoreId{1};
      id = datastore::insert_image(txn, image);
      return {};
    });
    return id;
  }
  JobId add_job() {
    JobId id;
    in_txn([&](db::Txn& txn) -> Result<void> {
      jobs::NewJob job;
      job.kind = "test.copy";
      job.step = "copy";
      job.owner = alice_;
      id = jobs::enqueue(txn, job);
      return {};
    });
    return id;
  }
  static access::Actor root() {
    return {UserId{0}, "oneadmin", GroupId{0}, "oneadmin", {GroupId{0}}, 0177};
  }

  ManualLanes lanes_;
  jobs::ProgressBoard board_{lanes_.clock()};
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<db::Store> store_;
  std::unique_ptr<Publisher> publisher_;
  UserId alice_;
};

TEST_F(PublisherTest, LoadsWhatTheStoreHolds) {
  const auto view = publisher_->current();
  EXPECT_EQ(view->pool(ObjectKind::kUser).size(), 3u);
  EXPECT_EQ(view->users.size(), 3u);
  ASSERT_NE(view->users_by_name.find("alice"), view->users_by_name.end());
  EXPECT_EQ(view->users_by_name.find("alice")->second.id, alice_);
  EXPECT_FALSE(view->acls.empty());
  EXPECT_EQ(view->pool(ObjectKind::kAcl).size(), view->acls.size());
  EXPECT_THAT(full(ObjectKind::kCluster, 0), HasSubstr("<NAME>default</NAME>"));
  EXPECT_THAT(full(ObjectKind::kDatastore, 1), HasSubstr("<NAME>images</NAME>"));
}

TEST_F(PublisherTest, PublishesWhatACommitTouched) {
  const auto before = publisher_->current();
  const auto image = add_image("debian");
  EXPECT_FALSE(before->find(ObjectKind::kImage, image.value));
  EXPECT_THAT(full(ObjectKind::kImage, image.value), HasSubstr("<UNAME>alice</UNAME>"));
  EXPECT_THAT(full(ObjectKind::kDatastore, 1), HasSubstr("<IMAGES><ID>0</ID></IMAGES>"));
}

TEST_F(PublisherTest, ForgetsWhatIsGone) {
  const auto image = add_image("debian");
  in_txn([&](db::Txn& txn) -> Result<void> {
    datastore::delete_image_row(txn, image);
    return {};
  });
  EXPECT_FALSE(publisher_->current()->find(ObjectKind::kImage, image.value));
  EXPECT_THAT(full(ObjectKind::kDatastore, 1), HasSubstr("<IMAGES></IMAGES>"));
}

TEST_F(PublisherTest, KeepsThePictureOfARefusedTransaction) {
  const auto before = publisher_->current();
  store_->run<void>(
      [this](db::Txn& txn) -> Result<void> {
        txn.touch(ObjectKind::kUser, alice_);
        return fail(Errc::kInvalid, "no");
      },
      nullptr);
  lanes_.run_until_idle();
  EXPECT_EQ(publisher_->current(), before);
}

TEST_F(PublisherTest, SharesTheUsersAsLongAsNoneChanges) {
  const auto before = publisher_->current();
  add_image("debian");
  EXPECT_EQ(&publisher_->current()->users.get(), &before->users.get());
  in_txn([this](db::Txn& txn) { return access::set_password_hash(txn, alice_, "another"); });
  const auto after = publisher_->current();
  EXPECT_EQ(after->users.find(alice_)->second.password_hash, "another");
  EXPECT_EQ(after->users_by_name.find("alice")->second.password_hash, "another");
  EXPECT_EQ(before->users.find(alice_)->second.password_hash, "hash-of-alice");
}

TEST_F(PublisherTest, ForgetsADeletedUser) {
  in_txn([this](db::Txn& txn) { return access::delete_user(txn, alice_); });
  const auto view = publisher_->current();
  EXPECT_EQ(view->users.size(), 2u);
  EXPECT_EQ(view->users_by_name.find("alice"), view->users_by_name.end());
  EXPECT_FALSE(view->find(ObjectKind::kUser, alice_.value));
}

TEST_F(PublisherTest, ShowsTheProgressOfTheMoment) {
  const auto job = add_job();
  const auto entry = publisher_->current()->find(ObjectKind::kJob, job.value).value();
  EXPECT_THAT(publisher_->with_progress(*entry), HasSubstr("<BYTES_DONE>0</BYTES_DONE>"));
  board_.report(job, Bytes{30}, Bytes{60});
  EXPECT_THAT(publisher_->with_progress(*entry),
              HasSubstr("<BYTES_DONE>30</BYTES_DONE><BYTES_TOTAL>60</BYTES_TOTAL>"));
  board_.erase(job);
  EXPECT_EQ(publisher_->with_progress(*entry), entry->full);
}

/// A VM that has ended on host 0, with a disk that a failed snapshot keeps.
class RetainedDiskTest : public PublisherTest {
 protected:
  void SetUp() override {
    PublisherTest::SetUp();
    in_txn([this](db::Txn& txn) -> Result<void> {
      compute::Host host;
      host.name = "node1";
      host.cluster = ClusterId{0};
      host_ = compute::insert_host(txn, host);
      compute::Vm vm;
      vm.name = "web";
      vm.owner = alice_;
      vm.group = GroupId{1};
      vm.state = compute::VmState::kActive;
      vm.host = host_;
      vm_ = compute::insert_vm(txn, vm);
      compute::save_disk(txn, disk());
      snapshots::Snapshot snapshot;
      snapshot.owner = alice_;
      snapshot.group = GroupId{1};
      snapshot.vm = vm_;
      snapshot.disk = DiskId{0};
      snapshot.image = ImageId{0};
      snapshot.datastore = DatastoreId{1};
      snapshot.phase = snapshots::Phase::kFailed;
      snapshot_ = snapshots::insert_snapshot(txn, snapshot);
      return {};
    });
  }
  compute::VmDisk disk() const {
    compute::VmDisk made;
    made.vm = vm_;
    made.id = DiskId{0};
    return made;
  }
  void end_vm() {
    in_txn([this](db::Txn& txn) -> Result<void> {
      auto vm = TRY(compute::find_vm(txn, vm_));
      vm.state = compute::VmState::kDone;
      compute::save_vm(txn, vm);
      auto kept = disk();
      kept.is_retained = true;
      compute::save_disk(txn, kept);
      return {};
    });
  }
  HostId host_;
  VmId vm_;
  SnapshotId snapshot_;
};

TEST_F(RetainedDiskTest, IsShownByItsHostAndItsSnapshot) {
  EXPECT_THAT(full(ObjectKind::kHost, host_.value), Not(HasSubstr("RETAINED_DISK")));
  end_vm();
  EXPECT_THAT(full(ObjectKind::kHost, host_.value), HasSubstr("<RETAINED_DISK>"));
  EXPECT_THAT(full(ObjectKind::kSnapshot, snapshot_.value), HasSubstr("<RETAINED>1</RETAINED>"));
  EXPECT_EQ(publisher_->current()->find(ObjectKind::kVm, vm_.value).value()->state, 6);
}

TEST_F(RetainedDiskTest, IsShownNoMoreOnceItIsGone) {
  end_vm();
  in_txn([this](db::Txn& txn) -> Result<void> {
    compute::save_disk(txn, disk());
    return {};
  });
  EXPECT_THAT(full(ObjectKind::kHost, host_.value), Not(HasSubstr("RETAINED_DISK")));
  EXPECT_THAT(full(ObjectKind::kSnapshot, snapshot_.value), HasSubstr("<RETAINED>0</RETAINED>"));
}

TEST_F(RetainedDiskTest, ItsSnapshotIsTheOwnersToSee) {
  const auto see = [this](std::int64_t user) {
    const access::Actor actor{UserId{user}, "", GroupId{1}, "users", {GroupId{1}}, 0177};
    return select(*publisher_->current(), ObjectKind::kSnapshot, actor, {}).value().size();
  };
  EXPECT_EQ(see(alice_.value), 1u);
  EXPECT_EQ(see(77), 0u);
}

TEST_F(PublisherTest, KeepsOpenJobsAndTheLastOfTheOthers) {
  const auto open = add_job();
  in_txn([this](db::Txn& txn) -> Result<void> {
    for (int i = 0; i < 2 * kJobsShown; ++i) {
      jobs::NewJob ask;
      ask.kind = "test.copy";
      ask.step = "copy";
      ask.owner = alice_;
      const auto job = TRY(jobs::find(txn, jobs::enqueue(txn, ask)));
      jobs::apply(txn, job, jobs::done());
    }
    return {};
  });
  const auto view = publisher_->current();
  EXPECT_EQ(view->pool(ObjectKind::kJob).size(), static_cast<std::size_t>(kJobsShown));
  EXPECT_TRUE(view->find(ObjectKind::kJob, open.value));
  EXPECT_TRUE(view->find(ObjectKind::kJob, open.value + 2 * kJobsShown));
  EXPECT_FALSE(view->find(ObjectKind::kJob, open.value + 1));
  database_->read(now(), [this](db::Txn& txn) { publisher_->load(txn); });
  EXPECT_TRUE(publisher_->current()->find(ObjectKind::kJob, open.value));
  EXPECT_FALSE(publisher_->current()->find(ObjectKind::kJob, open.value + 1));
}

}  // namespace
}  // namespace neph::view
