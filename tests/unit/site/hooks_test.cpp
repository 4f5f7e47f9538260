#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "access/users.h"
#include "base/lanes.h"
#include "db/store.h"
#include "events/outbox.h"
#include "jobs/runner.h"
#include "site/hook.h"
#include "tests/support/fresh_store.h"

namespace neph::site {
namespace {

namespace fs = std::filesystem;

/// The part of a daemon that runs hooks. kill() is a power cut: what was not committed is gone.
struct Daemon {
  Daemon(db::Database& database, Lanes& lanes, const HookSettings& settings, Clock& clock)
      : store(database, lanes),
        board(clock),
        runner(store, lanes, board, {}),
        courier(store, lanes, [](db::Txn& txn, const events::Event& event) {
          deliver(txn, [](ObjectKind, std::int64_t id) { return fmt::format("<VM>{}</VM>", id); },
                  event);
        }) {
    runner.add(hook_job(settings, clock));
    runner.start();
    courier.start();
  }
  db::Store store;
  jobs::ProgressBoard board;
  jobs::Runner runner;
  events::Courier courier;
};

class Hooks : public testing::Test {
 protected:
  void SetUp() override {
    std::string made = (fs::temp_directory_path() / "neph-hooks.XXXXXX").string();
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    settings_.directory = made;
    database_ = fresh_store();
    start();
    in_txn([](db::Txn& txn) { return access::bootstrap(txn, {"hash", "hash"}); });
  }
  void TearDown() override {
    lanes_.drop_all();
    fs::remove_all(settings_.directory);
  }
  void start() {
    daemon_ = std::make_unique<Daemon>(*database_, lanes_, settings_, clock_);
  }
  void kill() {
    lanes_.drop_all();
    daemon_.reset();
    start();
  }
  void in_txn(std::function<Result<void>(db::Txn&)> work) {
    daemon_->store.run<void>(std::move(work), [](Result<void> outcome) {
      EXPECT_TRUE(outcome) << outcome.error().text();
    });
  }
  void script(const std::string& text) {
    const fs::path file = settings_.directory / "hook";
    std::ofstream(file) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(file, fs::perms::owner_all);
  }
  Result<HookId> try_make(const std::string& text) {
    const StateNumbers numbers{
        [](std::string_view, std::string_view name) {
          return name == "ACTIVE" ? std::optional(3) : std::nullopt;
        },
        [](std::string_view name) { return name == "RUNNING" ? std::optional(3) : std::nullopt; }};
    return database_->transact_one(clock_.now(), [&](db::Txn& txn) {
      return create_hook(txn, settings_, numbers, *text::Template::parse(text));
    });
  }
  HookId make(const std::string& text) {
    const auto made = try_make("NAME=h COMMAND=hook " + text);
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(HookId{});
  }
  /// A VM appears, or changes, in the rows.
  void vm_is(int state, int lcm_state) {
    in_txn([=](db::Txn& txn) -> Result<void> {
      txn.exec(
          "INSERT INTO vms(id, name, user_id, group_id, permissions, state, lcm_state, uuid, cpu,"
          " vcpus, memory_mb, created_at, template) VALUES (7, 'v', 0, 0, 0, ?1, ?2, '', 1, 1, 1,"
          " 0, '') ON CONFLICT DO UPDATE SET state = ?1, lcm_state = ?2",
          state, lcm_state);
      txn.touch(ObjectKind::kVm, 7);
      return {};
    });
  }
  std::vector<HookExecution> log(HookId hook) {
    std::vector<HookExecution> executions;
    database_->read(clock_.now(), [&](db::Txn& txn) { executions = list_executions(txn, hook); });
    return executions;
  }

  SystemClock clock_;
  ManualLanes lanes_;
  HookSettings settings_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(Hooks, AStateHookRunsWhenThatStateIsReachedAndNoOther) {
  script("echo \"$1\" | base64 -d; echo oops >&2; exit 3");
  const HookId id =
      make("TYPE=state RESOURCE=VM STATE=ACTIVE LCM_STATE=RUNNING ARGUMENTS=\"$TEMPLATE\"");
  vm_is(1, 0);
  vm_is(3, 2);
  lanes_.run_until_idle();
  EXPECT_TRUE(log(id).empty());
  vm_is(3, 3);
  vm_is(3, 3);
  lanes_.run_until_idle();
  const auto executions = log(id);
  ASSERT_EQ(executions.size(), 1u);
  EXPECT_EQ(executions[0].output, "<VM>7</VM>");
  EXPECT_EQ(executions[0].errors, "oops\n");
  EXPECT_EQ(executions[0].code, 3);
}

TEST_F(Hooks, AnApiHookReadsTheCallOnStdin) {
  script("read line; echo \"$line\" | base64 -d");
  const HookId id =
      make("TYPE=api CALL=\"one.vm.allocate\" ARGUMENTS=\"$API\" ARGUMENTS_STDIN=yes");
  in_txn([](db::Txn& txn) -> Result<void> {
    events::record_call(txn, "one.vm.allocate", "<CALL_INFO/>");
    events::record_call(txn, "one.vm.rename", "<OTHER/>");
    txn.touch(ObjectKind::kVm, 1);
    return {};
  });
  lanes_.run_until_idle();
  ASSERT_EQ(log(id).size(), 1u);
  EXPECT_EQ(log(id)[0].output, "<CALL_INFO/>");
}

TEST_F(Hooks, SurviveAPowerCutBehindEveryTask) {
  settings_.log_length = 1000;
  kill();
  script("echo ran");
  const HookId id = make("TYPE=state RESOURCE=VM STATE=ACTIVE");
  int cuts = 0;
  // Each round the event happens anew, and the power goes after one task more.
  for (std::size_t expected = 1;; ++expected) {
    vm_is(1, 0);
    lanes_.run_until_idle();
    const auto before = log(id).size();
    vm_is(3, 3);
    bool is_idle = false;
    for (std::size_t task = 0; task < expected && !is_idle; ++task) is_idle = !lanes_.run_one();
    kill();
    lanes_.run_until_idle();
    bool is_committed = false;
    database_->read(clock_.now(), [&](db::Txn& txn) {
      is_committed = txn.value<int>("SELECT 1 FROM vms WHERE state = 3").has_value();
    });
    EXPECT_EQ(log(id).size(), before + (is_committed ? 1 : 0)) << "cut after " << expected;
    if (is_idle || expected > 40) break;
    ++cuts;
  }
  EXPECT_GT(cuts, 4);
}

TEST_F(Hooks, AnExecutionIsRetriedWithItsArguments) {
  script("echo \"$1\"");
  const HookId id = make("TYPE=state RESOURCE=VM STATE=ACTIVE ARGUMENTS=\"word $TEMPLATE\"");
  vm_is(3, 3);
  lanes_.run_until_idle();
  in_txn([&](db::Txn& txn) { return retry_execution(txn, id, 0); });
  lanes_.run_until_idle();
  const auto executions = log(id);
  ASSERT_EQ(executions.size(), 2u);
  EXPECT_TRUE(executions[0].is_retry);
  EXPECT_EQ(executions[0].arguments, executions[1].arguments);
  EXPECT_EQ(executions[0].output, "word\n");
}

TEST_F(Hooks, TheLogKeepsTheLastOnesAndAnswersByCode) {
  settings_.log_length = 2;
  kill();
  script("exit $(cat \"$(dirname \"$0\")/code\")");
  const HookId id = make("TYPE=state RESOURCE=VM STATE=ACTIVE");
  for (const char* code : {"0", "1", "0"}) {
    std::ofstream(settings_.directory / "code") << code;
    vm_is(1, 0);
    vm_is(3, 3);
    lanes_.run_until_idle();
  }
  EXPECT_EQ(log(id).size(), 2u);
  const auto count = [&](std::int64_t code) {
    std::size_t size = 0;
    database_->read(clock_.now(), [&](db::Txn& txn) {
      size = list_executions(txn, HookLogAsk{.code = code}).size();
    });
    return size;
  };
  EXPECT_EQ(count(0), 2u);
  EXPECT_EQ(count(1), 1u);
  EXPECT_EQ(count(-1), 1u);
}

TEST_F(Hooks, WhatAHookMustNotSayIsRefused) {
  script("true");
  const std::string good = "NAME=h COMMAND=hook TYPE=state RESOURCE=VM STATE=ACTIVE";
  for (const char* bad :
       {"COMMAND=\"/bin/sh\"", "COMMAND=\"../hook\"", "TYPE=timer", "RESOURCE=NET",
        "STATE=NOWHERE", "LCM_STATE=NOWHERE", "REMOTE=YES", "TIMEOUT=0", "TIMEOUT=9999",
        "NAME=\"a/b\"", "TYPE=api"}) {
    text::Template ask = *text::Template::parse(good);
    ask.merge(*text::Template::parse(bad));
    const auto made = try_make(ask.to_text());
    ASSERT_FALSE(made) << bad;
    EXPECT_EQ(made.error().code, Errc::kInvalid) << bad;
  }
  EXPECT_TRUE(try_make(good));
  EXPECT_EQ(try_make(good).error().code, Errc::kConflict);
}

}  // namespace
}  // namespace neph::site
