#include <gtest/gtest.h>

#include "monitoring/records.h"
#include "tests/support/fresh_store.h"

namespace neph::monitoring {
namespace {

constexpr VmId kVm{7};
constexpr HostId kHost{1};
constexpr Duration kMinute{60'000};

class BoardTest : public testing::Test {
 protected:
  /// A visit a minute after the last one; the guest keeps half a core busy, the host two.
  std::optional<Record> visit(Board& board) {
    clock_.set(clock_.now() + kMinute);
    ++visits_;
    Reading reading{.host = kHost, .at = clock_.now()};
    reading.cpu_time_ns = visits_ * 120'000'000'000;
    reading.cpu_percent_total = 800;
    reading.used_memory_kb = 1000 + visits_;
    reading.free_memory_kb = 5000;
    reading.vms = {{kVm, visits_ * 30'000'000'000, 100 + visits_, Traffic{1, 2, 3, 4, 5, visits_}}};
    return board.add(reading);
  }

  VirtualClock clock_;
  std::int64_t visits_ = 0;
};

TEST_F(BoardTest, CpuIsKnownFromTheSecondVisitOn) {
  Board board(clock_, {});
  visit(board);
  ASSERT_TRUE(board.last(kVm));
  EXPECT_FALSE(board.last(kVm)->cpu_percent);
  EXPECT_FALSE(board.last(kHost)->used_cpu_percent);
  visit(board);
  EXPECT_FLOAT_EQ(*board.last(kVm)->cpu_percent, 50);
  EXPECT_EQ(*board.last(kHost)->used_cpu_percent, 200);
  EXPECT_EQ(board.last(kVm)->memory_kb, 102);
}

TEST_F(BoardTest, AGuestThatWasStartedAgainHasNoNegativeUse) {
  Board board(clock_, {});
  visit(board);
  visit(board);
  visits_ = 0;
  visit(board);
  EXPECT_FALSE(board.last(kVm)->cpu_percent);
  visit(board);
  EXPECT_FLOAT_EQ(*board.last(kVm)->cpu_percent, 50);
}

TEST_F(BoardTest, TheNewestSamplesAreDenseAndTheOldOnesSpaced) {
  Board board(clock_, {});
  for (int i = 0; i < 300; ++i) visit(board);
  const auto samples = board.list(kVm, std::nullopt);
  EXPECT_LE(samples.size(), Board::kNewest + 300 / 10 + 1);
  EXPECT_GE(samples.size(), Board::kNewest + 300 / 10 - 2);
  EXPECT_EQ(samples.back().at - samples[samples.size() - 2].at, kMinute);
  EXPECT_GE(samples[1].at - samples[0].at, Board::kSpacing);
}

TEST_F(BoardTest, NothingIsKeptForLongerThanItsTime) {
  Board board(clock_, {.hosts = kMinute * 30, .vms = kMinute * 60});
  for (int i = 0; i < 600; ++i) visit(board);
  EXPECT_GE(board.list(kVm, std::nullopt).front().at, clock_.now() + -kMinute * 60);
  EXPECT_GE(board.list(kHost, std::nullopt).front().at, clock_.now() + -kMinute * 30);
  EXPECT_EQ(board.list(kVm, kMinute * 3).size(), 3u);
}

TEST_F(BoardTest, WithoutTimeToKeepOnlyTheLastSampleIsThere) {
  Board board(clock_, {Duration{0}, Duration{0}});
  EXPECT_FALSE(visit(board)) << "nothing goes to the store";
  EXPECT_TRUE(board.list(kVm, std::nullopt).empty());
  EXPECT_TRUE(board.last(kVm));
}

TEST_F(BoardTest, AVmThatIsSeenNoMoreIsForgotten) {
  Board board(clock_, {.hosts = kMinute * 60, .vms = kMinute * 60});
  visit(board);
  for (int i = 0; i < 120; ++i) {
    clock_.set(clock_.now() + kMinute);
    board.add({.host = kHost, .at = clock_.now()});
  }
  EXPECT_FALSE(board.last(kVm));
}

TEST_F(BoardTest, WhatIsKeptInTheStoreComesBack) {
  auto database = fresh_store();
  Board board(clock_, {});
  int rows = 0;
  for (int i = 0; i < 55; ++i) {
    const auto record = visit(board);
    if (!record) continue;
    ++rows;
    ASSERT_TRUE(database->transact_one(clock_.now(), [&](db::Txn& txn) -> Result<void> {
      save_record(txn, *record, board.retention());
      return {};
    }));
  }
  EXPECT_EQ(rows, 6) << "one in ten minutes";
  Board after(clock_, {});
  database->read(clock_.now(), [&](db::Txn& txn) { load_records(txn, after); });
  const auto samples = after.list(kVm, std::nullopt);
  ASSERT_EQ(samples.size(), 6u);
  EXPECT_FALSE(samples[0].cpu_percent);
  EXPECT_FLOAT_EQ(*samples[1].cpu_percent, 50);
  EXPECT_EQ(samples[1].memory_kb, 111);
  ASSERT_TRUE(samples[1].traffic);
  EXPECT_EQ(samples[1].traffic->sent_bytes, 11);
  EXPECT_EQ(*after.last(kHost)->used_cpu_percent, 200);
  EXPECT_FALSE(visit(after)) << "its last record is not ten minutes old";
}

TEST_F(BoardTest, OldRowsLeaveTheStore) {
  auto database = fresh_store();
  Board board(clock_, {.hosts = kMinute * 60, .vms = kMinute * 60});
  for (int i = 0; i < 300; ++i) {
    const auto record = visit(board);
    if (!record) continue;
    ASSERT_TRUE(database->transact_one(clock_.now(), [&](db::Txn& txn) -> Result<void> {
      save_record(txn, *record, board.retention());
      return {};
    }));
  }
  database->read(clock_.now(), [](db::Txn& txn) {
    EXPECT_LE(*txn.value<int>("SELECT COUNT(*) FROM monitoring_records"), 7);
  });
}

}  // namespace
}  // namespace neph::monitoring
