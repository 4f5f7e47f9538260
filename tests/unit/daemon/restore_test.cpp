#include "daemon/restore.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "daemon/files.h"
#include "db/counters.h"
#include "db/database.h"
#include "db/upkeep.h"

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

  /// As a daemon that made some VMs and ended.
  void make_vms(int count) {
    const auto database = db::Database::open(store_file(state_));
    ASSERT_TRUE(database);
    const auto made = (*database)->transact_one({1}, [&](db::Txn& txn) -> Result<int> {
      for (int i = 0; i < count; ++i) std::ignore = db::take_number(txn, "vm");
      return 0;
    });
    ASSERT_TRUE(made);
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
