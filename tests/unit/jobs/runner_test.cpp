#include "jobs/runner.h"

#include <gtest/gtest.h>

#include "base/lanes.h"
#include "jobs/log.h"
#include "jobs/queue.h"
#include "tests/support/fresh_store.h"

namespace neph::jobs {
namespace {

/// A store in memory, lanes by hand, and a kind "work" whose steps tests fill in.
class RunnerTest : public ::testing::Test {
 protected:
  using Plan = std::function<Result<Work>(db::Txn&, const Job&)>;

  void SetUp() override {
    database_ = fresh_store();
    restart();
  }

  void restart(Runner::Limits limits = {}) {
    runner_.reset();
    store_.reset();
    lanes_ = std::make_unique<ManualLanes>();
    board_ = std::make_unique<ProgressBoard>(lanes_->clock());
    store_ = std::make_unique<db::Store>(*database_, *lanes_);
    runner_ = std::make_unique<Runner>(*store_, *lanes_, *board_, limits);
  }

  static StepSpec step(std::string name, Plan plan, Slot slot = Slot::kNone) {
    StepSpec spec;
    spec.name = std::move(name);
    spec.slot = slot;
    spec.plan = std::move(plan);
    return spec;
  }
  static Plan acting(std::function<Result<void>(Progress&)> act, Next next) {
    return [act, next](db::Txn&, const Job&) -> Result<Work> {
      return Work{act, [next](db::Txn&, const Job&, Result<void> outcome) {
                    return outcome ? next : failed(outcome.error());
                  }};
    };
  }
  void begin(std::vector<StepSpec> steps) {
    runner_->add({"work", std::move(steps)});
    runner_->start();
    lanes_->run_until_idle();
  }

  JobId enqueue_one(std::string_view first, std::function<void(NewJob&)> adjust = {}) {
    NewJob fresh;
    fresh.kind = "work";
    fresh.step = first;
    if (adjust) adjust(fresh);
    JobId id;
    transact([&](db::Txn& txn) { id = enqueue(txn, fresh); });
    return id;
  }
  void transact(std::function<void(db::Txn&)> work) {
    store_->run([work](db::Txn& txn) -> Result<void> {
      work(txn);
      return {};
    });
    lanes_->run_until_idle();
  }
  Job job(JobId id) {
    Job found;
    database_->read(lanes_->clock().now(), [&](db::Txn& txn) { found = find(txn, id).value(); });
    return found;
  }

  /// "step: text", a line each.
  std::string story(JobId id) {
    std::string lines;
    database_->read(lanes_->clock().now(), [&](db::Txn& txn) {
      for (const auto& entry : list_log(txn, id)) {
        lines += entry.step + ": " + entry.text;
        if (entry.times > 1) lines += fmt::format(" x{}", entry.times);
        lines += "\n";
      }
    });
    return lines;
  }

  std::unique_ptr<db::Database> database_;
  std::unique_ptr<ManualLanes> lanes_;
  std::unique_ptr<ProgressBoard> board_;
  std::unique_ptr<db::Store> store_;
  std::unique_ptr<Runner> runner_;
};

const Result<void> kOk;

TEST_F(RunnerTest, RunsItsStepsInOrderAndKeepsTheResult) {
  std::string trace;
  begin({step("one", acting([&](Progress&) { trace += "one "; return kOk; }, go("two"))),
         step("two", acting([&](Progress&) { trace += "two"; return kOk; }, done("fine")))});
  const JobId id = enqueue_one("one");
  EXPECT_EQ(trace, "one two");
  EXPECT_EQ(job(id).state, JobState::kDone);
  EXPECT_EQ(job(id).result, "fine");
}

/// A job that waits for half a minute, and somebody who sets the machine's clock.
class ClockThatIsSet : public RunnerTest {
 protected:
  void SetUp() override {
    RunnerTest::SetUp();
    begin({step("wait", acting([this](Progress&) { ++runs_; return kOk; },
                               again(Duration{30'000}, "later"))),
           step("other", acting([](Progress&) { return kOk; }, done()))});
    enqueue_one("wait");
    ASSERT_EQ(runs_, 1);
  }
  void set_clock(Duration by) {
    static_cast<VirtualClock&>(lanes_->clock()).step_wall_clock(by);
    enqueue_one("other");
  }
  int runs_ = 0;
};

TEST_F(ClockThatIsSet, BackMakesNobodyWaitLonger) {
  set_clock(Duration{-7'200'000});
  EXPECT_EQ(runs_, 1);
  lanes_->advance(Duration{31'000});
  EXPECT_EQ(runs_, 2);
}

TEST_F(ClockThatIsSet, ForwardEndsNoPause) {
  set_clock(Duration{7'200'000});
  EXPECT_EQ(runs_, 1);
  lanes_->advance(Duration{31'000});
  EXPECT_EQ(runs_, 2);
}

TEST_F(ClockThatIsSet, MovesTheInstantsThatArgumentsNameAlong) {
  const JobId id = enqueue_one("wait", [](NewJob& fresh) {
    fresh.args.set("DEADLINE_MS", "7300000");
    fresh.args.set("COUNT", "3");
    fresh.args.set("WORD_MS", "soon");
  });
  set_clock(Duration{-7'200'000});
  EXPECT_EQ(job(id).args.get("DEADLINE_MS"), "100000");
  EXPECT_EQ(job(id).args.get("COUNT"), "3");
  EXPECT_EQ(job(id).args.get("WORD_MS"), "soon");
}

TEST_F(ClockThatIsSet, BackWhileNothingRanEndsTheLongestPauseWithinAMinute) {
  const Instant then = lanes_->clock().now() + Duration{-7'200'000};
  restart();
  static_cast<VirtualClock&>(lanes_->clock()).set(then);
  begin({step("wait", acting([this](Progress&) { ++runs_; return kOk; }, done())),
         step("other", acting([](Progress&) { return kOk; }, done()))});
  lanes_->advance(Duration{61'000});
  EXPECT_EQ(runs_, 2);
}

TEST_F(RunnerTest, FailsWithTheWordsOfTheStep) {
  begin({step("one", acting([](Progress&) -> Result<void> {
                return fail_because(Errc::kInvalid, "tool said no", "cannot do it");
              }, done()))});
  const JobId id = enqueue_one("one");
  EXPECT_EQ(job(id).state, JobState::kFailed);
  EXPECT_EQ(job(id).error, "cannot do it (tool said no)");
}

TEST_F(RunnerTest, APlanThatFailsFailsTheJob) {
  begin({step("one", [](db::Txn&, const Job&) -> Result<Work> {
    return fail(Errc::kNotFound, "no such disk");
  })});
  EXPECT_EQ(job(enqueue_one("one")).error, "no such disk");
}

TEST_F(RunnerTest, AnUnknownStepFailsInsteadOfStayingForEver) {
  begin({step("one", acting([](Progress&) { return kOk; }, done()))});
  EXPECT_EQ(job(enqueue_one("gone")).state, JobState::kFailed);
}

TEST_F(RunnerTest, TriesAgainAfterAWhileAndCountsAttempts) {
  int runs = 0;
  begin({step("one", [&](db::Txn&, const Job& job) -> Result<Work> {
    ++runs;
    return at_once(job.attempt < 2 ? again(Duration{500}, "busy") : done());
  })});
  const JobId id = enqueue_one("one");
  EXPECT_EQ(job(id).state, JobState::kWaiting);
  EXPECT_EQ(job(id).reason, "busy");
  EXPECT_EQ(runs, 1);
  lanes_->advance(Duration{499});
  EXPECT_EQ(runs, 1);
  lanes_->advance(Duration{1});
  EXPECT_EQ(runs, 2);
  lanes_->advance(Duration{500});
  EXPECT_EQ(job(id).state, JobState::kDone);
}

TEST_F(RunnerTest, WaitsForAKeyUntilItIsWoken) {
  bool has_come = false;
  begin({step("one", [&](db::Txn&, const Job&) -> Result<Work> {
    return at_once(has_come ? done() : wait_for("door/1", Duration{60'000}, "the door is shut"));
  })});
  const JobId id = enqueue_one("one");
  EXPECT_EQ(job(id).wake_key, "door/1");
  has_come = true;
  transact([](db::Txn& txn) { wake(txn, "door/2"); });
  EXPECT_EQ(job(id).state, JobState::kWaiting);
  transact([](db::Txn& txn) { wake(txn, "door/1"); });
  EXPECT_EQ(job(id).state, JobState::kDone);
}

TEST_F(RunnerTest, LooksAgainWhenTheDeadlineOfAWaitHasPassed) {
  int looks = 0;
  begin({step("one", [&](db::Txn&, const Job&) -> Result<Work> {
    return at_once(++looks == 2 ? done("late") : wait_for("never", Duration{3'000}, "waits"));
  })});
  const JobId id = enqueue_one("one");
  lanes_->advance(Duration{3'000});
  EXPECT_EQ(job(id).result, "late");
}

TEST_F(RunnerTest, AJobMayBeginWaiting) {
  begin({step("one", acting([](Progress&) { return kOk; }, done()))});
  const JobId id = enqueue_one("one", [](NewJob& job) { job.wake_key = "go"; });
  lanes_->advance(Duration{86'400'000});
  EXPECT_EQ(job(id).state, JobState::kWaiting);
  transact([](db::Txn& txn) { wake(txn, "go"); });
  EXPECT_EQ(job(id).state, JobState::kDone);
}

TEST_F(RunnerTest, CancelWakesAWaitingJobWithTheFlagSet) {
  begin({step("one", [](db::Txn&, const Job& job) -> Result<Work> {
    if (job.is_cancel_asked) return at_once(cancelled());
    return at_once(wait_for("never", Duration{60'000}, "waits"));
  })});
  const JobId id = enqueue_one("one");
  transact([&](db::Txn& txn) { EXPECT_TRUE(ask_cancel(txn, id)); });
  EXPECT_EQ(job(id).state, JobState::kCancelled);
  transact([&](db::Txn& txn) {
    EXPECT_EQ(ask_cancel(txn, id).error().code, Errc::kWrongState);
  });
}

TEST_F(RunnerTest, CancelReachesAStepThatActs) {
  JobId id;
  bool was_cancelled = false;
  begin({step("one", acting([&](Progress& progress) {
                store_->run([&](db::Txn& txn) -> Result<void> { return ask_cancel(txn, id); });
                // The lane is by hand: what was posted runs after this act, so the flag is read
                // by a second one.
                was_cancelled = progress.is_cancelled();
                return kOk;
              }, go("two"))),
         step("two", [](db::Txn&, const Job& job) -> Result<Work> {
           return at_once(job.is_cancel_asked ? cancelled() : done());
         })});
  NewJob fresh;
  fresh.kind = "work";
  fresh.step = "one";
  transact([&](db::Txn& txn) { id = enqueue(txn, fresh); });
  EXPECT_FALSE(was_cancelled);
  EXPECT_EQ(job(id).state, JobState::kCancelled);
}

TEST_F(RunnerTest, RunsAStepAgainThatAKillInterrupted) {
  int runs = 0;
  begin({step("one", acting([](Progress&) { return kOk; }, done()))});
  const JobId id = enqueue_one("one", [](NewJob& job) { job.wake_key = "held"; });
  transact([&](db::Txn& txn) { mark_running(txn, id); });
  EXPECT_EQ(job(id).state, JobState::kRunning);
  restart();
  begin({step("one", acting([&](Progress&) { ++runs; return kOk; }, done()))});
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(job(id).state, JobState::kDone);
}

TEST_F(RunnerTest, CopiesIntoOneDatastoreTakeTurns) {
  restart({.acts_max = 8, .per_host = 8, .copies_per_datastore = 1});
  int at_once_max = 0;
  begin({step("one", acting([&](Progress&) {
                at_once_max = std::max(at_once_max, runner_->acting());
                return kOk;
              }, done()), Slot::kCopy)});
  std::vector<JobId> ids;
  transact([&](db::Txn& txn) {
    for (int n = 0; n < 5; ++n) {
      NewJob fresh;
      fresh.kind = "work";
      fresh.step = "one";
      fresh.datastore = DatastoreId{1};
      ids.push_back(enqueue(txn, fresh));
    }
  });
  EXPECT_EQ(at_once_max, 1);
  for (const JobId id : ids) EXPECT_EQ(job(id).state, JobState::kDone);
}

TEST_F(RunnerTest, ClaimsExcludeOthersAndEndWithTheJob) {
  begin({step("one", [](db::Txn& txn, const Job& job) -> Result<Work> {
           if (!claim(txn, job, "disk/3/0")) {
             return at_once(wait_for(claim_key("disk/3/0"), Duration{60'000}, "disk is taken"));
           }
           return at_once(job.args.is_yes("KEEP") ? wait_for("end", Duration{60'000}, "keeps it")
                                                  : done());
         })});
  const JobId first = enqueue_one("one", [](NewJob& job) { job.args.set("KEEP", "YES"); });
  const JobId second = enqueue_one("one");
  EXPECT_EQ(job(second).reason, "disk is taken");
  transact([&](db::Txn& txn) {
    EXPECT_EQ(find_claimant(txn, "disk/3/0"), first);
    apply(txn, find(txn, first).value(), done());
  });
  EXPECT_EQ(job(second).state, JobState::kDone);
}

TEST_F(RunnerTest, ShowsProgressWhileAStepActsAndForgetsItAfterwards) {
  std::optional<ProgressBoard::Entry> seen;
  JobId id{1};
  begin({step("one", acting([&](Progress& progress) {
                progress.report(Bytes{0}, Bytes{100});
                lanes_->clock().sleep_for(Duration{1'000});
                progress.report(Bytes{25}, Bytes{100});
                seen = board_->find(id);
                return kOk;
              }, done()))});
  EXPECT_EQ(enqueue_one("one"), id);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->per_second, Bytes{25});
  EXPECT_EQ(seen->seconds_left, 3);
  EXPECT_FALSE(board_->find(id).has_value());
}

TEST_F(RunnerTest, TheLogTellsTheStoryOfAJob) {
  int runs = 0;
  begin({step("one", acting([](Progress&) { return kOk; }, go("two"))),
         step("two", [&](db::Txn&, const Job&) -> Result<Work> {
           if (++runs <= 3) return at_once(again(Duration{500}, "the host is busy"));
           return at_once(failed({Errc::kInvalid, "cannot be", "said the tool"}));
         })});
  const JobId id = enqueue_one("one");
  lanes_->advance(Duration{10'000});
  EXPECT_EQ(story(id),
            "one: asked for\n"
            "two: begun\n"
            "two: tried again: the host is busy x3\n"
            "two: failed: cannot be (said the tool)\n");
}

TEST_F(RunnerTest, ALogKeepsItsBeginningAndItsEndAndNoMore) {
  int runs = 0;
  begin({step("one", [&](db::Txn&, const Job&) -> Result<Work> {
    return at_once(again(Duration{1'000}, fmt::format("look {}", runs++)));
  })});
  const JobId id = enqueue_one("one");
  lanes_->advance(Duration{500'000});
  std::vector<LogEntry> log;
  database_->read(lanes_->clock().now(), [&](db::Txn& txn) { log = list_log(txn, id); });
  EXPECT_EQ(log.size(), 64u);
  EXPECT_EQ(log.front().text, "asked for");
  EXPECT_EQ(log[1].text, "tried again: look 0");
  EXPECT_EQ(log.back().text, fmt::format("tried again: look {}", runs - 1));
}

TEST_F(RunnerTest, TheLogGoesWithItsJob) {
  begin({step("one", acting([](Progress&) { return kOk; }, done()))});
  const JobId id = enqueue_one("one");
  EXPECT_NE(story(id), "");
  transact([&](db::Txn& txn) {
    txn.exec("UPDATE counters SET next = 5000 WHERE name = 'job'");
    prune(txn, Instant{txn.at().ms + 1});
  });
  EXPECT_EQ(story(id), "");
}

TEST_F(RunnerTest, ARestartIsToldInTheLog) {
  begin({step("one", acting([](Progress&) { return kOk; }, done()))});
  const JobId id = enqueue_one("one", [](NewJob& job) { job.wake_key = "held"; });
  transact([&](db::Txn& txn) { mark_running(txn, id); });
  restart();
  begin({step("one", acting([](Progress&) { return kOk; }, done()))});
  EXPECT_NE(story(id).find("one: begun again: the daemon was restarted"), std::string::npos);
}

TEST_F(RunnerTest, DamagedArgumentsFailTheJobAndItsObjectHearsOfIt) {
  std::string heard;
  KindSpec kind{"work", {step("one", acting([](Progress&) { return kOk; }, done()))}};
  kind.abandon = [&](db::Txn&, const Job&, const Error& error) { heard = error.text(); };
  runner_->add(kind);
  runner_->start();
  lanes_->run_until_idle();
  const JobId id = enqueue_one("one", [](NewJob& job) { job.wake_key = "held"; });
  transact([&](db::Txn& txn) {
    txn.exec("UPDATE jobs SET args = 'PATH=[' WHERE id = ?", id);
    wake(txn, "held");
  });
  EXPECT_EQ(job(id).state, JobState::kFailed);
  EXPECT_NE(job(id).error.find("arguments are damaged"), std::string::npos) << job(id).error;
  EXPECT_EQ(heard, job(id).error);
}

}  // namespace
}  // namespace neph::jobs
