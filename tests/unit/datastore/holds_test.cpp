#include "datastore/holds.h"

#include <gtest/gtest.h>

#include "jobs/queue.h"
#include "tests/support/fresh_store.h"

namespace neph::datastore {
namespace {

constexpr Instant kThen{5'000};
constexpr VmId kVm{7};

class Holds : public testing::Test {
 protected:
  void SetUp() override {
    database_ = fresh_store();
  }
  /// Runs work in a transaction and answers what it touched.
  db::ChangeSet run(const std::function<void(db::Txn&)>& work) {
    const auto outcome = database_->transact({1'000}, {[&](db::Txn& txn) -> Result<void> {
                                               work(txn);
                                               return {};
                                             }});
    EXPECT_FALSE(outcome.errors[0].has_value());
    return outcome.changes;
  }
  void place(std::int64_t snapshot, Fires fires, HoldState state = HoldState::kArmed,
             VmId vm = kVm) {
    run([&](db::Txn& txn) {
      place_hold(txn, {.snapshot = SnapshotId{snapshot}, .vm = vm, .disk = DiskId{0},
                       .fires = fires, .state = state});
    });
  }
  Hold hold(std::int64_t snapshot) {
    Hold found;
    run([&](db::Txn& txn) { found = find_hold(txn, SnapshotId{snapshot}).value(); });
    return found;
  }
  JobId waiting_for(const std::string& key) {
    JobId id;
    run([&](db::Txn& txn) {
      id = jobs::enqueue(txn, {.kind = "test", .step = "wait", .wake_key = key});
    });
    return id;
  }
  bool is_woken(JobId id) {
    bool woken = false;
    run([&](db::Txn& txn) {
      woken = jobs::find(txn, id).value().state == jobs::JobState::kQueued;
    });
    return woken;
  }

  std::unique_ptr<db::Database> database_;
};

struct Rule {
  GuestEnd end;
  Fires fires;
  Grade grade;  // kNone: stays armed
};

TEST_F(Holds, FireByTheTableOfRules) {
  using E = GuestEnd;
  using F = Fires;
  using G = Grade;
  constexpr auto kRules = std::to_array<Rule>({
      {E::kOrderly, F::kByItself, G::kShutdown},
      {E::kOrderly, F::kFirstStop, G::kShutdown},
      {E::kOrderly, F::kEnd, G::kNone},
      {E::kUnseen, F::kByItself, G::kUnknown},
      {E::kUnseen, F::kFirstStop, G::kUnknown},
      {E::kUnseen, F::kEnd, G::kNone},
      {E::kCut, F::kByItself, G::kCrash},
      {E::kCut, F::kFirstStop, G::kNone},
      {E::kCut, F::kEnd, G::kNone},
      {E::kFinalOrderly, F::kByItself, G::kShutdown},
      {E::kFinalOrderly, F::kFirstStop, G::kShutdown},
      {E::kFinalOrderly, F::kEnd, G::kShutdown},
      {E::kFinalCut, F::kByItself, G::kCrash},
      {E::kFinalCut, F::kFirstStop, G::kCrash},
      {E::kFinalCut, F::kEnd, G::kCrash},
      {E::kFinalUnseen, F::kByItself, G::kUnknown},
      {E::kFinalUnseen, F::kFirstStop, G::kUnknown},
      {E::kFinalUnseen, F::kEnd, G::kUnknown},
  });
  std::int64_t number = 0;
  for (const Rule& rule : kRules) {
    ++number;
    place(number, rule.fires, HoldState::kArmed, VmId{number});
    run([&](db::Txn& txn) { apply_guest_end(txn, VmId{number}, rule.end, kThen); });
    const Hold after = hold(number);
    const bool has_fired = rule.grade != Grade::kNone;
    EXPECT_EQ(after.state, has_fired ? HoldState::kDue : HoldState::kArmed) << "rule " << number;
    EXPECT_EQ(after.grade, rule.grade) << "rule " << number;
    EXPECT_EQ(after.due_at, has_fired ? kThen : Instant{}) << "rule " << number;
  }
}

TEST_F(Holds, FireOnceAndKeepTheFirstInstant) {
  place(1, Fires::kFirstStop);
  run([](db::Txn& txn) { apply_guest_end(txn, kVm, GuestEnd::kOrderly, kThen); });
  run([](db::Txn& txn) { apply_guest_end(txn, kVm, GuestEnd::kFinalCut, {9'000}); });
  EXPECT_EQ(hold(1).due_at, kThen);
  EXPECT_EQ(hold(1).grade, Grade::kShutdown);
}

TEST_F(Holds, OfOtherVmsAreLeftAlone) {
  place(1, Fires::kFirstStop, HoldState::kArmed, VmId{8});
  run([](db::Txn& txn) { apply_guest_end(txn, kVm, GuestEnd::kFinalCut, kThen); });
  EXPECT_EQ(hold(1).state, HoldState::kArmed);
}

TEST_F(Holds, WakeWhoWaitsForTheInstantAndShowTheChange) {
  place(1, Fires::kFirstStop);
  const JobId waiter = waiting_for(due_key(SnapshotId{1}));
  const auto changes =
      run([](db::Txn& txn) { apply_guest_end(txn, kVm, GuestEnd::kOrderly, kThen); });
  EXPECT_TRUE(is_woken(waiter));
  EXPECT_TRUE(changes.all().contains({ObjectKind::kSnapshot, 1}));
  EXPECT_TRUE(changes.all().contains({ObjectKind::kVm, kVm.value}));
}

TEST_F(Holds, ThatArePinnedWakeABootThatWaits) {
  place(1, Fires::kByItself, HoldState::kDue);
  const JobId boot = waiting_for(pinned_key(kVm));
  run([](db::Txn& txn) { mark_pinned(txn, SnapshotId{1}); });
  EXPECT_TRUE(is_woken(boot));
  EXPECT_EQ(hold(1).state, HoldState::kPinned);
}

TEST_F(Holds, ThatArePinnedDoNotGetALaterInstant) {
  place(1, Fires::kByItself, HoldState::kPinned);
  run([](db::Txn& txn) { mark_due(txn, SnapshotId{1}, kThen, Grade::kCrash); });
  EXPECT_EQ(hold(1).state, HoldState::kPinned);
  EXPECT_EQ(hold(1).grade, Grade::kNone);
}

TEST_F(Holds, ThatAreReleasedLetTheDiskGoAndTheVmBoot) {
  place(1, Fires::kByItself, HoldState::kDue);
  const JobId cleaner = waiting_for(released_key(kVm, DiskId{0}));
  const JobId boot = waiting_for(pinned_key(kVm));
  run([](db::Txn& txn) { release_hold(txn, SnapshotId{1}); });
  EXPECT_TRUE(is_woken(cleaner));
  EXPECT_TRUE(is_woken(boot));
  run([](db::Txn& txn) {
    EXPECT_FALSE(find_hold(txn, SnapshotId{1}).has_value());
    EXPECT_TRUE(list_holds(txn, kVm).empty());
  });
}

TEST_F(Holds, AreListedByDisk) {
  place(1, Fires::kFirstStop);
  run([](db::Txn& txn) {
    place_hold(txn, {.snapshot = SnapshotId{2}, .vm = kVm, .disk = DiskId{1}});
    ASSERT_EQ(list_holds(txn, kVm, DiskId{1}).size(), 1u);
    EXPECT_EQ(list_holds(txn, kVm, DiskId{1})[0].snapshot, SnapshotId{2});
    EXPECT_EQ(list_holds(txn, kVm).size(), 2u);
  });
}

}  // namespace
}  // namespace neph::datastore
