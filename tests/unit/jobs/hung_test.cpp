#include <gtest/gtest.h>

#include "base/lanes.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"
#include "jobs/runner.h"
#include "tests/support/fresh_store.h"

/// Slots: who gets them, and who loses them. Steps act when a test lets them, so that some hang.
namespace neph::jobs {
namespace {

/// Tasks of the drivers lane stay here until the test runs them.
struct HeldLane final : Lane {
  void post(Task task) override { tasks.push_back(std::move(task)); }
  [[nodiscard]] std::size_t backlog() const override { return tasks.size(); }
  std::deque<Task> tasks;
};

class HeldLanes final : public Lanes {
 public:
  Lane& store() override { return manual.store(); }
  Lane& readers() override { return manual.readers(); }
  Lane& passwords() override { return manual.passwords(); }
  Lane& drivers() override { return held; }
  Timers& timers() override { return manual.timers(); }
  Clock& clock() override { return manual.clock(); }
  ManualLanes manual;
  HeldLane held;
};

class Slots : public ::testing::Test {
 protected:
  void begin(Runner::Limits limits) {
    database_ = fresh_store();
    board_ = std::make_unique<ProgressBoard>(lanes_.clock());
    store_ = std::make_unique<db::Store>(*database_, lanes_);
    runner_ = std::make_unique<Runner>(*store_, lanes_, *board_, limits);
    const auto plan = [this](db::Txn&, const Job& job) -> Result<Work> {
      return Work{[this, id = job.id](Progress&) -> Result<void> {
                    acted_.push_back(id);
                    return {};
                  },
                  [](db::Txn&, const Job&, const Result<void>&) { return done(); }};
    };
    StepSpec copy;
    copy.name = "copy";
    copy.slot = Slot::kCopy;
    copy.plan = plan;
    StepSpec call;
    call.name = "call";
    call.slot = Slot::kHost;
    call.plan = plan;
    StepSpec pin;
    pin.name = "pin";
    pin.plan = plan;
    runner_->add({"work", {copy, call, pin}});
    runner_->start();
    lanes_.manual.run_until_idle();
  }

  struct Ask {
    std::string step;
    int user = 0;
    int place = 1;
  };
  std::vector<JobId> enqueue_all(const std::vector<Ask>& asks) {
    std::vector<JobId> ids;
    store_->run([&](db::Txn& txn) -> Result<void> {
      for (const Ask& ask : asks) {
        NewJob fresh;
        fresh.kind = "work";
        fresh.step = ask.step;
        fresh.owner = UserId{ask.user};
        fresh.host = HostId{ask.place};
        fresh.datastore = DatastoreId{ask.place};
        ids.push_back(enqueue(txn, fresh));
      }
      return {};
    });
    lanes_.manual.run_until_idle();
    return ids;
  }
  /// A driver thread takes the n-th task, and what follows from it happens.
  void run_task(std::size_t n = 0) {
    ASSERT_LT(n, lanes_.held.tasks.size());
    const Task task = std::move(lanes_.held.tasks.at(n));
    lanes_.held.tasks.erase(lanes_.held.tasks.begin() + static_cast<std::ptrdiff_t>(n));
    task();
    lanes_.manual.run_until_idle();
  }
  std::size_t hanging() { return lanes_.held.tasks.size(); }
  Job job(JobId id) {
    Job found;
    database_->read(lanes_.clock().now(), [&](db::Txn& txn) { found = find(txn, id).value(); });
    return found;
  }

  static constexpr Duration kStall{61'000};
  HeldLanes lanes_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<ProgressBoard> board_;
  std::unique_ptr<db::Store> store_;
  std::unique_ptr<Runner> runner_;
  std::vector<JobId> acted_;
};

TEST_F(Slots, GoToTheUserWhoHasTheFewest) {
  begin({.acts_max = 8, .copies_per_datastore = 2});
  const auto ids = enqueue_all({{"copy", 1}, {"copy", 1}, {"copy", 1}, {"copy", 2}});
  EXPECT_EQ(job(ids[0]).state, JobState::kRunning);
  EXPECT_EQ(job(ids[1]).state, JobState::kQueued);
  EXPECT_EQ(job(ids[3]).state, JobState::kRunning);
}

TEST_F(Slots, GoRoundAmongUsersWhenThereIsOnlyOne) {
  begin({.acts_max = 8, .copies_per_datastore = 1});
  const auto ids = enqueue_all({{"copy", 1}, {"copy", 1}, {"copy", 1}, {"copy", 2}, {"copy", 2}});
  while (hanging() > 0) run_task();
  EXPECT_EQ(acted_, (std::vector<JobId>{ids[0], ids[3], ids[1], ids[4], ids[2]}));
}

TEST_F(Slots, OfAUserGoToHisOldestJob) {
  begin({.acts_max = 8, .copies_per_datastore = 1});
  const auto ids = enqueue_all({{"copy", 1}, {"copy", 1}, {"copy", 1}});
  while (hanging() > 0) run_task();
  EXPECT_EQ(acted_, ids);
}

TEST_F(Slots, AreLostByAStepThatHangsButNotItsOutcome) {
  begin({.acts_max = 8, .copies_per_datastore = 1});
  const auto ids = enqueue_all({{"copy", 1}, {"copy", 2}});
  EXPECT_EQ(hanging(), 1u);
  lanes_.manual.advance(kStall);
  EXPECT_EQ(job(ids[0]).state, JobState::kRunning);
  EXPECT_NE(job(ids[0]).reason.find("nothing has moved"), std::string::npos);
  ASSERT_EQ(hanging(), 2u);
  run_task(1);
  EXPECT_EQ(job(ids[1]).state, JobState::kDone);
  run_task();
  EXPECT_EQ(job(ids[0]).state, JobState::kDone);
}

TEST_F(Slots, OfAPlaceWhereStepsHangStayEmptyUntilOneIsBack) {
  begin({.acts_max = 8, .per_host = 1, .hung_max = 4, .hung_per_place = 2});
  const auto ids = enqueue_all({{"call"}, {"call"}, {"call"}, {"call", 0, 2}});
  EXPECT_EQ(hanging(), 2u) << "one on each host";
  run_task(1);
  EXPECT_EQ(job(ids[3]).state, JobState::kDone);
  lanes_.manual.advance(kStall);
  EXPECT_EQ(hanging(), 2u);
  lanes_.manual.advance(kStall);
  EXPECT_EQ(hanging(), 2u) << "a third one must not hang as well";
  EXPECT_EQ(job(ids[2]).state, JobState::kQueued);
  run_task();
  EXPECT_EQ(hanging(), 2u);
  EXPECT_EQ(job(ids[2]).state, JobState::kRunning);
}

TEST_F(Slots, AreThereForOthersHoweverManyHangWithinTheBound) {
  begin({.acts_max = 1, .per_host = 1, .hung_max = 1, .hung_per_place = 1});
  const auto ids = enqueue_all({{"call", 0, 1}, {"call", 0, 2}, {"call", 0, 3}});
  EXPECT_EQ(hanging(), 1u);
  lanes_.manual.advance(kStall);
  EXPECT_EQ(hanging(), 2u) << "the one that hangs has a thread to spare";
  lanes_.manual.advance(kStall);
  EXPECT_EQ(hanging(), 2u) << "more than that would take threads from others";
  EXPECT_EQ(job(ids[2]).state, JobState::kQueued);
}

TEST_F(Slots, LeaveThreadsToStepsThatTakeNone) {
  begin({.acts_max = 4});
  const auto calls = enqueue_all({{"call", 0, 1}, {"call", 0, 2}, {"call", 0, 3}, {"call", 0, 4}});
  EXPECT_EQ(hanging(), 3u);
  const auto pins = enqueue_all({{"pin"}, {"pin"}});
  EXPECT_EQ(job(pins[0]).state, JobState::kRunning);
  EXPECT_EQ(job(pins[1]).state, JobState::kQueued);
  ASSERT_TRUE(board_->find(calls[3]));
  EXPECT_EQ(board_->find(calls[3])->held_back, "all driver threads are busy");
  while (hanging() > 0) run_task();
  EXPECT_EQ(job(calls[3]).state, JobState::kDone);
  EXPECT_EQ(job(pins[1]).state, JobState::kDone);
}

TEST(BackOff, DoublesUpToItsBound) {
  EXPECT_EQ(pause_after(0), Duration{1'000});
  EXPECT_EQ(pause_after(3), Duration{8'000});
  EXPECT_EQ(pause_after(5), Duration{30'000});
  EXPECT_EQ(pause_after(1'000'000), Duration{30'000});
  EXPECT_EQ(pause_after(2, Duration{5'000}, Duration{300'000}), Duration{20'000});
}

TEST_F(Slots, TellWhatHoldsAQueuedJobBack) {
  Runner::Limits limits;
  limits.copies_per_datastore = 1;
  begin(limits);
  const auto jobs = enqueue_all({{"copy"}, {"copy"}});
  ASSERT_TRUE(board_->find(jobs[1]).has_value());
  EXPECT_EQ(board_->find(jobs[1])->held_back, "datastore 1 is busy: at most 1 copies at a time");
  run_task();
  EXPECT_FALSE(board_->find(jobs[1]).has_value());
}

}  // namespace
}  // namespace neph::jobs
