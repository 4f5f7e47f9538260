#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::HistoryAction;
using compute::Recover;
using Form = compute::VmService::MigrateForm;

class MigrateTest : public Site {
 protected:
  void SetUp() override {
    Site::SetUp();
    world().add_host("node2", {});
    other_ = run<HostId>([&](db::Txn& txn) {
               return daemon().hosts.allocate(txn, "node2", "dummy", "dummy", ClusterId{0});
             }).value();
    pass(Duration{60'000});
    id_ = create_vm();
    pass(Duration{5'000});
    // Wherever it was placed, the other one is where it goes.
    first_ = vm(id_).host;
    if (first_ == other_) other_ = HostId{0};
    guest_writes(id_, 3, 30);
  }
  Result<void> migrate(Form form, DatastoreId datastore = {}) {
    const auto done = run<int>([&](db::Txn& txn) -> Result<int> {
      compute::VmService::MigrateAsk ask{id_, other_, form, {}, datastore};
      CHECK_OK(daemon().vms.migrate(txn, UserId{0}, ask));
      return 0;
    });
    if (!done) return tl::unexpected(done.error());
    return {};
  }
  std::vector<compute::HistoryRecord> history() {
    return read<std::vector<compute::HistoryRecord>>(
        [&](db::Txn& txn) { return compute::list_history(txn, id_); });
  }
  /// On how many hosts the guest has a domain that runs.
  int guests() {
    int count = 0;
    for (const auto* host : {"node1", "node2"}) {
      const auto domain = world().find_domain({compute::domain_name(id_), host});
      if (domain && domain->is_active()) ++count;
    }
    return count;
  }
  sim::Blocks blocks() {
    return world().content_of(compute::live_path(disk(id_)))->blocks;
  }

  HostId first_, other_;
  VmId id_;
};

TEST_F(MigrateTest, ARunningVmGoesOnElsewhereInEveryForm) {
  struct Case {
    Form form;
    HistoryAction action;
  };
  for (const auto& [form, action] : {Case{Form::kLive, HistoryAction::kLiveMigrate},
                                     {Form::kSave, HistoryAction::kMigrate},
                                     {Form::kPoweroff, HistoryAction::kPoweroffMigrate},
                                     {Form::kPoweroffHard, HistoryAction::kPoweroffHardMigrate}}) {
    const auto asked = migrate(form);
    ASSERT_TRUE(asked) << asked.error().text();
    pass(Duration{60'000});
    EXPECT_EQ(shown(id_), "RUNNING") << static_cast<int>(form);
    EXPECT_EQ(vm(id_).host, other_);
    EXPECT_EQ(guests(), 1);
    EXPECT_EQ(blocks(), (sim::Blocks{{0, 7}, {3, 30}}));
    const auto records = history();
    ASSERT_GE(records.size(), 2u);
    const auto& left = records[records.size() - 2];
    EXPECT_EQ(left.action, action);
    EXPECT_TRUE(left.ended.is_set() && left.running_ended.is_set());
    EXPECT_TRUE(records.back().running_started.is_set());
    EXPECT_FALSE(records.back().ended.is_set());
    EXPECT_EQ(open_jobs().size(), 0u);
    std::swap(first_, other_);
  }
  EXPECT_EQ(history().size(), 5u);
}

TEST_F(MigrateTest, AVmThatIsOffOnlyChangesItsPlace) {
  act(id_, Action::kPoweroff);
  ASSERT_TRUE(migrate(Form::kSave));
  EXPECT_EQ(shown(id_), "POWEROFF");
  EXPECT_EQ(vm(id_).host, other_);
  act(id_, Action::kResume);
  pass(Duration{10'000});
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(guests(), 1);
  act(id_, Action::kSuspend);
  pass(Duration{10'000});
  std::swap(first_, other_);
  ASSERT_TRUE(migrate(Form::kSave));
  EXPECT_EQ(shown(id_), "SUSPENDED");
  act(id_, Action::kResume);
  pass(Duration{10'000});
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(vm(id_).host, other_);
  EXPECT_EQ(guests(), 1);
}

TEST_F(MigrateTest, AMoveThatFailsLeavesTheVmWhereItWas) {
  for (const auto* verb : {"ensure_migrated", "ensure_saved"}) {
    world().inject({.kind = sim::FaultKind::kError,
                    .verb = verb,
                    .error = {Errc::kInvalid, "not today", "simulated"}});
    ASSERT_TRUE(migrate(std::string_view(verb) == "ensure_saved" ? Form::kSave : Form::kLive));
    pass(Duration{30'000});
    EXPECT_EQ(shown(id_), "RUNNING");
    EXPECT_EQ(vm(id_).host, first_);
    EXPECT_EQ(guests(), 1);
    EXPECT_EQ(history().size(), 1u);
    EXPECT_NE(vm(id_).user_attributes.get("ERROR").find("not today"), std::string::npos);
  }
}

TEST_F(MigrateTest, AMoveWhoseAnswerWasLostIsFoundOut) {
  world().inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_migrated"});
  ASSERT_TRUE(migrate(Form::kLive));
  pass(Duration{60'000});
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(vm(id_).host, other_);
  EXPECT_EQ(guests(), 1);
}

TEST_F(MigrateTest, AVmDeletedOnItsWayLeavesNoGuestBehind) {
  world().inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_migrated",
                  .times = sim::kAlways});
  ASSERT_TRUE(migrate(Form::kLive));
  ASSERT_TRUE(recover(id_, Recover::kDelete));
  pass(Duration{120'000});
  EXPECT_EQ(shown(id_), "DONE");
  EXPECT_EQ(guests(), 0);
  EXPECT_EQ(files_of(id_), std::vector<std::string>{});
}

TEST_F(MigrateTest, WhatCannotBeIsRefusedBeforeAnythingChanges) {
  EXPECT_FALSE(migrate(Form::kLive, DatastoreId{77})) << "files do not move";
  std::swap(first_, other_);
  EXPECT_FALSE(migrate(Form::kLive)) << "it is there already";
  std::swap(first_, other_);
  world().cut_host(other_ == HostId{0} ? "node1" : "node2");
  pass(Duration{120'000});
  EXPECT_FALSE(migrate(Form::kSave)) << "nobody answers there";
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(history().size(), 1u);
}

TEST_F(MigrateTest, AnArmedSnapshotGoesAlongAndAStopFiresIt) {
  const auto saved = take(id_, snapshots::Kind::kDeferred, "later");
  for (const Form form : {Form::kLive, Form::kSave}) {
    ASSERT_TRUE(migrate(form));
    pass(Duration{60'000});
    EXPECT_EQ(shown(id_), "RUNNING");
    EXPECT_EQ(snapshot(saved.id).phase, snapshots::Phase::kArmed);
    std::swap(first_, other_);
  }
  ASSERT_TRUE(migrate(Form::kPoweroff));
  pass(Duration{120'000});
  EXPECT_EQ(shown(id_), "RUNNING");
  EXPECT_EQ(snapshot(saved.id).phase, snapshots::Phase::kReady);
  EXPECT_EQ(blocks_of(saved.image), (sim::Blocks{{0, 7}, {3, 30}}));
}

TEST_F(MigrateTest, APowerCutBehindAnyTaskEndsWithOneGuestOnTheHostOfItsRow) {
  for (const Form form : {Form::kLive, Form::kSave, Form::kPoweroffHard}) {
    bool is_idle = false;
    for (int cut = 0; cut < 60 && !is_idle; ++cut) {
      daemon().store.run([&](db::Txn& txn) -> Result<void> {
        compute::VmService::MigrateAsk ask{id_, other_, form, {}, {}};
        return daemon().vms.migrate(txn, UserId{0}, ask);
      });
      for (int task = 0; task < cut && !is_idle; ++task) is_idle = !lanes().run_one();
      kill();
      pass(Duration{120'000});
      EXPECT_EQ(shown(id_), "RUNNING") << static_cast<int>(form) << " " << cut;
      EXPECT_EQ(guests(), 1) << static_cast<int>(form) << " " << cut;
      const std::string at = vm(id_).host == HostId{0} ? "node1" : "node2";
      const auto domain = world().find_domain({compute::domain_name(id_), at});
      EXPECT_TRUE(domain && domain->is_active()) << static_cast<int>(form) << " " << cut;
      EXPECT_EQ(open_jobs().size(), 0u) << static_cast<int>(form) << " " << cut;
      if (vm(id_).host == other_) std::swap(first_, other_);
    }
    EXPECT_TRUE(is_idle) << "it never came to an end";
  }
}

}  // namespace
}  // namespace neph
