#include "db/upkeep.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "db/counters.h"
#include "db/database.h"

namespace neph::db {
namespace {

namespace fs = std::filesystem;

class Upkeep : public testing::Test {
 protected:
  Upkeep() {
    std::string pattern = "/tmp/neph-upkeep-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    store_ = folder_ / "nephd.db";
    database_ = std::move(*Database::open(store_));
  }
  ~Upkeep() override { fs::remove_all(folder_); }

  Result<void> copy() {
    NoProgress progress;
    return copy_store(store_, folder_ / "part", target_, progress);
  }
  void add_group(int id) {
    const auto done = database_->transact_one({1}, [&](Txn& txn) -> Result<int> {
      txn.exec("INSERT INTO groups(id, name) VALUES (?, ?)", id, fmt::format("group{}", id));
      return take_number(txn, "vm");
    });
    EXPECT_TRUE(done);
  }
  static std::int64_t groups_in(const fs::path& file) {
    const auto opened = Database::open(file);
    EXPECT_TRUE(opened) << opened.error().text();
    std::int64_t count = -1;
    (*opened)->read({}, [&](Txn& txn) {
      count = *txn.value<std::int64_t>("SELECT COUNT(*) FROM groups");
    });
    return count;
  }

  fs::path folder_;
  fs::path store_;
  fs::path target_ = "";
  std::unique_ptr<Database> database_;
};

TEST_F(Upkeep, ACopyOfAStoreInUseIsOnePrivateFileThatIsWhole) {
  target_ = folder_ / "copy";
  add_group(200);
  const auto copied = copy();
  ASSERT_TRUE(copied) << copied.error().text();
  struct stat facts {};
  ASSERT_EQ(::stat(target_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_FALSE(fs::exists(folder_ / "part"));
  EXPECT_FALSE(fs::exists(target_.string() + "-wal"));
  EXPECT_TRUE(find_faults(target_)->empty());
  EXPECT_EQ(inspect_store(target_)->identity, inspect_store(store_)->identity);
  EXPECT_EQ(inspect_store(target_)->counters.at("vm"), 1);
  EXPECT_EQ(groups_in(target_), 1);
}

TEST_F(Upkeep, ACopyNeverReplacesAFile) {
  target_ = folder_ / "copy";
  std::ofstream(target_) << "mine";
  EXPECT_EQ(copy().error().code, Errc::kConflict);
  EXPECT_EQ(fs::file_size(target_), 4u);
}

/// Writes while the copy is being made, as a daemon does.
class Writing final : public Progress {
 public:
  explicit Writing(std::function<void()> write) : write_(std::move(write)) {}
  void report(Bytes, Bytes) override {
    ++reports_;
    write_();
  }
  [[nodiscard]] bool is_cancelled() const override { return is_enough_; }
  int reports_ = 0;
  bool is_enough_ = false;

 private:
  std::function<void()> write_;
};

TEST_F(Upkeep, ACopyShowsOneInstantAndKeepsNoWriterWaiting) {
  target_ = folder_ / "copy";
  const auto filled = database_->transact_one({1}, [](Txn& txn) -> Result<int> {
    for (int i = 0; i < 40; ++i)
      txn.exec("INSERT INTO groups(id, name, template) VALUES (?, ?, ?)", 200 + i,
               fmt::format("group{}", i), std::string(500'000, 'x'));
    return 0;
  });
  ASSERT_TRUE(filled);
  int next = 1000;
  Writing progress([&] { add_group(next++); });
  const auto copied = copy_store(store_, folder_ / "part", target_, progress);
  ASSERT_TRUE(copied) << copied.error().text();
  EXPECT_GE(progress.reports_, 3) << "it goes in steps";
  EXPECT_EQ(groups_in(target_), 40) << "what was written meanwhile is not in it";
  EXPECT_EQ(groups_in(store_), 40 + progress.reports_);
}

TEST_F(Upkeep, ACancelledCopyLeavesNothing) {
  target_ = folder_ / "copy";
  Writing progress([] {});
  progress.is_enough_ = true;
  EXPECT_EQ(copy_store(store_, folder_ / "part", target_, progress).error().code, Errc::kConflict);
  EXPECT_FALSE(fs::exists(target_));
  EXPECT_FALSE(fs::exists(folder_ / "part"));
}

TEST_F(Upkeep, OnlyStoresOfOursAreTakenForStores) {
  EXPECT_EQ(inspect_store(folder_ / "nothing").error().code, Errc::kNotFound);
  std::ofstream(folder_ / "text") << std::string(8192, 'x');
  EXPECT_EQ(inspect_store(folder_ / "text").error().code, Errc::kInvalid);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ / "other").c_str(), &other), SQLITE_OK);
  sqlite3_exec(other, "CREATE TABLE counters(name, next)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_EQ(inspect_store(folder_ / "other").error().code, Errc::kInvalid);
}

TEST_F(Upkeep, AStoreOfANewerVersionIsRefused) {
  const auto newer = database_->transact_one({1}, [](Txn& txn) -> Result<int> {
    txn.exec(fmt::format("PRAGMA user_version = {}", migrations().size() + 1));
    return 0;
  });
  ASSERT_TRUE(newer);
  const auto facts = inspect_store(store_);
  ASSERT_FALSE(facts);
  EXPECT_NE(facts.error().message.find("newer"), std::string::npos);
}

TEST_F(Upkeep, CountersNeverGoBack) {
  add_group(200);
  add_group(201);
  database_.reset();
  ASSERT_TRUE(raise_counters(store_, {{"vm", 1}, {"image", 40}}));
  EXPECT_EQ(inspect_store(store_)->counters.at("vm"), 2);
  EXPECT_EQ(inspect_store(store_)->counters.at("image"), 40);
}

TEST_F(Upkeep, RowsThatReferToNothingAreFaults) {
  database_.reset();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(store_.c_str(), &raw), SQLITE_OK);
  sqlite3_exec(raw, "INSERT INTO user_groups VALUES (77, 88)", nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  const auto faults = find_faults(store_);
  ASSERT_TRUE(faults);
  EXPECT_FALSE(faults->empty());
}

/// A store as an earlier version made it, with the first migrations alone.
void make_old_store(const fs::path& file, std::size_t migrations_count) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &raw), SQLITE_OK);
  for (std::size_t i = 0; i < migrations_count; ++i) {
    ASSERT_EQ(sqlite3_exec(raw, migrations()[i].second.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << migrations()[i].first << ": " << sqlite3_errmsg(raw);
  }
  sqlite3_exec(raw, fmt::format("PRAGMA user_version = {}", migrations_count).c_str(), nullptr,
               nullptr, nullptr);
  sqlite3_close(raw);
}

TEST_F(Upkeep, AMigratedStoreEqualsAFreshOne) {
  for (std::size_t count = 1; count < migrations().size(); ++count) {
    const fs::path file = folder_ / fmt::format("old{}", count);
    make_old_store(file, count);
    const auto migrated = Database::open(file);
    ASSERT_TRUE(migrated) << migrated.error().text();
    EXPECT_EQ((*migrated)->schema(), database_->schema()) << "from migration " << count;
    EXPECT_TRUE(find_faults(file)->empty());
  }
}

}  // namespace
}  // namespace neph::db
