#include "db/store.h"

#include <gtest/gtest.h>

#include <optional>

namespace neph::db {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Database::open(":memory:");
    ASSERT_TRUE(opened) << opened.error().text();
    database_ = std::move(*opened);
    auto made = database_->transact_one({1000}, [](Txn& txn) -> Result<void> {
      txn.exec("CREATE TABLE things(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)");
      return {};
    });
    ASSERT_TRUE(made);
  }

  std::int64_t count() {
    std::int64_t rows = 0;
    database_->read({}, [&](Txn& txn) {
      rows = *txn.value<std::int64_t>("SELECT COUNT(*) FROM things");
    });
    return rows;
  }

  std::unique_ptr<Database> database_;
};

TEST_F(StoreTest, APieceThatFailsIsRolledBackAlone) {
  const auto outcome = database_->transact(
      {1}, {[](Txn& txn) -> Result<void> {
              txn.exec("INSERT INTO things(name) VALUES (?)", "kept");
              txn.touch(ObjectKind::kVm, 1);
              return {};
            },
            [](Txn& txn) -> Result<void> {
              txn.exec("INSERT INTO things(name) VALUES (?)", "dropped");
              txn.touch(ObjectKind::kVm, 2);
              return fail(Errc::kDenied, "no");
            }});
  EXPECT_FALSE(outcome.errors[0]);
  ASSERT_TRUE(outcome.errors[1]);
  EXPECT_EQ(outcome.errors[1]->code, Errc::kDenied);
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(outcome.changes.all().size(), 1u);
}

TEST_F(StoreTest, ABrokenConstraintIsAConflictAndUndoesItsPiece) {
  const auto answer = database_->transact_one({1}, [](Txn& txn) -> Result<int> {
    txn.exec("INSERT INTO things(name) VALUES (?)", "twice");
    txn.exec("INSERT INTO things(name) VALUES (?)", "twice");
    return 1;
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::kConflict);
  EXPECT_EQ(count(), 0);
}

TEST_F(StoreTest, ReadsBackWhatItBound) {
  database_->read({}, [](Txn& txn) {
    auto cursor = txn.query("SELECT ?, ?, ?, ?, ?", VmId{7}, VmId{}, "text", 1.5,
                            std::optional<std::int64_t>{});
    ASSERT_TRUE(cursor.next());
    EXPECT_EQ(cursor.get<VmId>(0), VmId{7});
    EXPECT_FALSE(cursor.get<VmId>(1).is_set());
    EXPECT_EQ(cursor.get<std::string>(2), "text");
    EXPECT_EQ(cursor.get<double>(3), 1.5);
    EXPECT_EQ(cursor.get<std::optional<std::int64_t>>(4), std::nullopt);
    EXPECT_FALSE(cursor.next());
  });
}

TEST_F(StoreTest, TheSameStatementMayNest) {
  database_->read({}, [](Txn& txn) {
    constexpr std::string_view kSql = "SELECT 1 UNION SELECT 2";
    auto outer = txn.query(kSql);
    ASSERT_TRUE(outer.next());
    auto inner = txn.query(kSql);
    ASSERT_TRUE(inner.next());
    ASSERT_TRUE(inner.next());
    EXPECT_TRUE(outer.next());
  });
}

TEST_F(StoreTest, WhatQueuesUpSharesOneCommitAndAnswersComeAfterTheObservers) {
  ManualLanes lanes;
  Store store(*database_, lanes);
  std::string order;
  store.observe([&](Txn& txn, const ChangeSet& changes) {
    order += 'o';
    EXPECT_EQ(changes.all().size(), 2u);
    EXPECT_EQ(*txn.value<std::int64_t>("SELECT COUNT(*) FROM things"), 2);
  });
  for (int i = 0; i < 2; ++i)
    store.run<int>(
        [i](Txn& txn) -> Result<int> {
          txn.exec("INSERT INTO things(name) VALUES (?)", fmt::format("thing {}", i));
          txn.touch(ObjectKind::kVm, i);
          return i;
        },
        [&order, i](Result<int> answer) {
          ASSERT_TRUE(answer);
          EXPECT_EQ(*answer, i);
          order += static_cast<char>('0' + i);
        });
  lanes.run_until_idle();
  EXPECT_EQ(order, "o01");
}

TEST_F(StoreTest, ARefusalReachesItsCallerOnly) {
  ManualLanes lanes;
  Store store(*database_, lanes);
  std::optional<Errc> refused;
  std::optional<int> accepted;
  store.run<int>([](Txn&) -> Result<int> { return fail(Errc::kNotFound, "nothing there"); },
                 [&](Result<int> answer) { refused = answer.error().code; });
  store.run<int>([](Txn&) -> Result<int> { return 5; },
                 [&](Result<int> answer) { accepted = *answer; });
  lanes.run_until_idle();
  EXPECT_EQ(refused, Errc::kNotFound);
  EXPECT_EQ(accepted, 5);
}

TEST_F(StoreTest, AnObserverThatCannotReadSilencesNobody) {
  ManualLanes lanes;
  Store store(*database_, lanes);
  int told = 0;
  store.observe([](Txn& txn, const ChangeSet&) { txn.exec("SELECT * FROM no_such_table"); });
  store.observe([&](Txn&, const ChangeSet&) { ++told; });
  bool is_answered = false;
  store.run<int>(
      [](Txn& txn) -> Result<int> {
        txn.touch(ObjectKind::kVm, 1);
        return 1;
      },
      [&](const Result<int>& answer) { is_answered = answer.has_value(); });
  lanes.run_until_idle();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(is_answered);
}

}  // namespace
}  // namespace neph::db
