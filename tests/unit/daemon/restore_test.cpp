#include "daemon/restore.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "daemon/files.h"
#include "db/counters.h"
#include "db/database.h"
#include "db/upkeep.h"
#include "snapshots/snapshot.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

class Restore : public testing::Test {
 protected:
  Restore() {
    std::string pattern = "/tmp/neph-restore-XXXXXX";
    state_ = mkdtemp(pattern.data());
    backup_ = state_ / "backup";
  }
  ~Restore() override { fs::remove_all(state_); }

  /// As a daemon that did something and ended.
  void in_store(const std::function<void(db::Txn&)>& work) {
    const auto database = db::Database::open(store_file(state_));
    ASSERT_TRUE(database);
    const auto done = (*database)->transact_one({1}, [&](db::Txn& txn) -> Result<int> {
      work(txn);
      return 0;
    });
    ASSERT_TRUE(done);
  }
  void make_vms(int count) {
    in_store([&](db::Txn& txn) {
      for (int i = 0; i < count; ++i) std::ignore = db::take_number(txn, "vm");
    });
  }
  void back_up() {
    NoProgress progress;
    const auto made = db::copy_store(store_file(state_), state_ / "part", backup_, progress);
    ASSERT_TRUE(made) << made.error().text();
  }
  Result<RestoreReport> restore() { return restore_store(state_, backup_, {1'700'000'000'000}); }
  std::int64_t next_vm() { return db::inspect_store(store_file(state_))->counters.at("vm"); }

  fs::path state_;
  fs::path backup_;
};

TEST_F(Restore, GoesOnWithTheIdsOfTheStoreThatItReplaces) {
  make_vms(3);
  back_up();
  make_vms(4);
  const auto done = restore();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(done->knows_successor);
  EXPECT_EQ(done->next_vm, 7);
  EXPECT_EQ(next_vm(), 7);
  EXPECT_EQ(db::inspect_store(done->kept)->counters.at("vm"), 7) << "the old one is kept whole";
  EXPECT_FALSE(fs::exists(store_file(state_).string() + "-wal"));
  EXPECT_TRUE(db::Database::open(store_file(state_)));
}

TEST_F(Restore, LeavesAMarginWhereTheStoreIsLost) {
  make_vms(3);
  back_up();
  fs::remove(store_file(state_));
  const auto done = restore();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_FALSE(done->knows_successor);
  EXPECT_TRUE(done->kept.empty());
  EXPECT_EQ(next_vm(), 100'003);
}

TEST_F(Restore, IsNotMisledByANewStoreThatSomebodyStartedMeanwhile) {
  make_vms(3);
  back_up();
  fs::remove(store_file(state_));
  make_vms(5);
  ASSERT_TRUE(restore());
  EXPECT_EQ(next_vm(), 100'003);
}

TEST_F(Restore, ReplacesADamagedStoreAndKeepsItAside) {
  make_vms(3);
  back_up();
  std::ofstream(store_file(state_), std::ios::trunc) << std::string(8192, 'x');
  std::ofstream(store_file(state_).string() + "-wal") << "frames";
  const auto done = restore();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(fs::file_size(done->kept), 8192u);
  EXPECT_TRUE(fs::exists(done->kept.string() + "-wal"));
  EXPECT_FALSE(fs::exists(store_file(state_).string() + "-wal"));
  EXPECT_EQ(next_vm(), 100'003);
}

TEST_F(Restore, KnowsNoMoreWhatSnapshotsShowThatWereBeingMade) {
  using snapshots::Phase;
  using snapshots::PinKind;
  constexpr auto kFrozen = datastore::Grade::kFrozen;
  constexpr auto kUnknown = datastore::Grade::kUnknown;
  struct Row {
    Phase phase;
    PinKind pin;
    std::int64_t captured;
    datastore::Grade grade;
  };
  const auto rows = std::to_array<Row>({
      {Phase::kCopying, PinKind::kOverlay, 7, kUnknown},
      {Phase::kFailed, PinKind::kDisk, 7, kUnknown},
      {Phase::kWaiting, PinKind::kShared, 7, kFrozen},
      {Phase::kCopying, PinKind::kLayer, 7, kFrozen},
      {Phase::kReady, PinKind::kOverlay, 7, kFrozen},
      {Phase::kArmed, PinKind::kNone, 0, kFrozen},
  });
  make_vms(1);
  in_store([&](db::Txn& txn) {
    for (const Row& row : rows)
      snapshots::insert_snapshot(txn, {.owner = UserId{0}, .group = GroupId{0}, .vm = VmId{0},
                                       .disk = DiskId{0}, .image = ImageId{0},
                                       .image_name = "made", .datastore = DatastoreId{1},
                                       .phase = row.phase, .grade = kFrozen,
                                       .captured = {row.captured}, .pin = row.pin});
  });
  back_up();
  ASSERT_TRUE(restore());
  in_store([&](db::Txn& txn) {
    const auto ids = snapshots::list_snapshots(txn);
    ASSERT_EQ(ids.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      EXPECT_EQ(snapshots::find_snapshot(txn, ids[i])->grade, rows[i].grade) << i;
  });
}

TEST_F(Restore, RefusesADamagedBackupAndLeavesTheStoreAlone) {
  make_vms(3);
  back_up();
  make_vms(1);
  fs::resize_file(backup_, fs::file_size(backup_) / 2);
  EXPECT_FALSE(restore());
  EXPECT_EQ(next_vm(), 4);
  std::ofstream(backup_, std::ios::trunc) << "no database";
  EXPECT_EQ(restore().error().code, Errc::kInvalid);
  EXPECT_EQ(next_vm(), 4);
}

}  // namespace
}  // namespace neph::daemon
