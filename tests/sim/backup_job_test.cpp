#include <fmt/ranges.h>

#include <numeric>

#include "access/users.h"
#include "compute/backups.h"
#include "compute/schedule.h"
#include "datastore/backups.h"
#include "jobs/queue.h"
#include "snapshots/backup_jobs.h"
#include "tests/sim/backup_site.h"

namespace neph {
namespace {

using compute::Action;
using snapshots::BackupJob;
using snapshots::BackupMember;
using snapshots::MemberState;

constexpr Duration kBackupMinute{60'000};

/// Plans that back up several VMs.
class BackupJobs : public BackupSite {
 protected:
  VmId running_vm() {
    const VmId id = create_vm();
    settle();
    EXPECT_EQ(shown(id), "RUNNING");
    return id;
  }
  Result<BackupJobId> try_plan(const std::string& vms, const std::string& more = "") {
    return run<BackupJobId>([&](db::Txn& txn) {
      const auto ask = text::Template::parse(fmt::format(
          "NAME=\"plan {}\"\nBACKUP_VMS=\"{}\"\nDATASTORE_ID={}\n{}", ++plans_, vms, kept_, more));
      return snapshots::create_backup_job(txn, admin_, ask.value());
    });
  }
  BackupJobId plan(const std::vector<VmId>& vms, const std::string& more = "") {
    const auto made = try_plan(fmt::format("{}", fmt::join(vms, ",")), more);
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(BackupJobId{});
  }
  Result<void> update(BackupJobId id, const std::string& text, bool is_append = true) {
    return change([&](db::Txn& txn) {
      return snapshots::update_backup_job(txn, admin_,
                                          {id, text::Template::parse(text).value(), is_append});
    });
  }
  Result<void> start_job(BackupJobId id) {
    return change([&](db::Txn& txn) { return snapshots::start_backup_job(txn, id); });
  }
  Result<void> cancel_job(BackupJobId id) {
    return change([&](db::Txn& txn) { return snapshots::cancel_backup_job(txn, id); });
  }
  Result<void> retry_job(BackupJobId id) {
    return change([&](db::Txn& txn) { return snapshots::retry_backup_job(txn, id); });
  }
  /// To a user of no rights over the VMs.
  UserId give_to_alice(BackupJobId id) {
    const auto alice = run<UserId>([&](db::Txn& txn) {
      auto made = access::create_user(txn, admin_, {.name = "alice", .password_hash = "hash"});
      EXPECT_TRUE(snapshots::chown_backup_job(txn, id, made.value_or(UserId{}), GroupId{}));
      return made;
    });
    EXPECT_TRUE(alice);
    return alice.value_or(UserId{});
  }
  BackupJob job(BackupJobId id) {
    return read<BackupJob>([&](db::Txn& txn) {
      return snapshots::find_backup_job(txn, id).value();
    });
  }
  /// "0 updated, 1 error": its VMs in their order.
  std::string stand(BackupJobId id) {
    constexpr auto kNames = std::to_array<std::string_view>(
        {"named", "idle", "outdated", "backing up", "updated", "error"});
    std::vector<std::string> words;
    for (const BackupMember& member : job(id).members)
      words.push_back(fmt::format("{} {}", member.vm,
                                  kNames.at(static_cast<std::size_t>(member.state))));
    return fmt::format("{}", fmt::join(words, ", "));
  }
  std::size_t backups_of(VmId id) {
    return read<std::size_t>(
        [&](db::Txn& txn) { return datastore::list_backups_of(txn, id).size(); });
  }
  /// The storage refuses what is copied.
  void fail_copies(Errc code, int times = sim::kAlways) {
    world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = times,
                    .error = {code, "ordered", ""}});
  }
  std::string in(Duration time) {
    return fmt::format("{}", (lanes().clock().now() + time).seconds());
  }

  int plans_ = 0;
};

TEST_F(BackupJobs, VmsAreBackedUpOneAfterTheOtherInTheOrderOfTheList) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  const VmId c = running_vm();
  const auto id = plan({c, a, b});
  EXPECT_EQ(stand(id), "2 idle, 0 idle, 1 idle");
  fail_copies(Errc::kUnavailable, 1);
  ASSERT_TRUE(start_job(id));
  EXPECT_EQ(stand(id), "2 backing up, 0 outdated, 1 outdated");
  EXPECT_EQ(shown(c), "BACKUP");
  EXPECT_EQ(shown(a), "RUNNING");
  pass(kBackupMinute * 3);
  EXPECT_EQ(stand(id), "2 updated, 0 updated, 1 updated");
  for (const VmId vm : {a, b, c}) {
    EXPECT_EQ(backups_of(vm), 1u);
    EXPECT_EQ(shown(vm), "RUNNING");
  }
  EXPECT_TRUE(job(id).ended > job(id).started);
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(BackupJobs, AParallelJobBeginsAllAtOnce) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  act(b, Action::kPoweroff);
  const auto id = plan({a, b}, "EXECUTION=parallel");
  fail_copies(Errc::kUnavailable, 2);
  ASSERT_TRUE(start_job(id));
  EXPECT_EQ(stand(id), "0 backing up, 1 backing up");
  EXPECT_EQ(shown(b), "BACKUP_POWEROFF");
  pass(kBackupMinute * 3);
  EXPECT_EQ(stand(id), "0 updated, 1 updated");
  EXPECT_EQ(shown(b), "POWEROFF");
}

TEST_F(BackupJobs, AParallelJobOfManyVmsBeginsThemInLots) {
  std::vector<VmId> vms;
  for (int i = 0; i < 40; ++i) vms.push_back(create_vm("CPU=0.01\nMEMORY=1"));
  pass(kBackupMinute);
  const auto id = plan(vms, "EXECUTION=PARALLEL");
  fail_copies(Errc::kUnavailable, 1);
  ASSERT_TRUE(start_job(id));
  EXPECT_EQ(stand(id).find("outdated"), std::string::npos) << stand(id);
  pass(kBackupMinute * 5);
  EXPECT_EQ(job(id).members.size(), 40u);
  for (const BackupMember& member : job(id).members)
    EXPECT_EQ(member.state, MemberState::kUpdated)
        << "VM " << member.vm.value << ": " << member.error;
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(BackupJobs, OneThatFailsStopsNobodyAndIsTriedAgain) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  const auto id = plan({a, b});
  fail_copies(Errc::kInvalid, 1);
  ASSERT_TRUE(start_job(id));
  pass(kBackupMinute * 3);
  EXPECT_EQ(stand(id), "0 error, 1 updated");
  EXPECT_NE(job(id).members[0].error.find("ordered"), std::string::npos);
  ASSERT_TRUE(retry_job(id));
  pass(kBackupMinute * 3);
  EXPECT_EQ(stand(id), "0 updated, 1 updated");
  EXPECT_EQ(job(id).members[0].error, "");
  EXPECT_EQ(backups_of(a), 1u);
  EXPECT_EQ(backups_of(b), 1u) << "it was not made again";
  ASSERT_TRUE(retry_job(id));
  EXPECT_EQ(open_jobs().size(), 0u) << "nothing is in error";
}

TEST_F(BackupJobs, AVmThatCannotBeBackedUpSaysWhy) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  act(a, Action::kSuspend);
  pass(kBackupMinute);
  const auto id = plan({a, b});
  ASSERT_TRUE(start_job(id));
  pass(kBackupMinute);
  EXPECT_EQ(stand(id), "0 error, 1 updated");
  EXPECT_NE(job(id).members[0].error.find("SUSPENDED"), std::string::npos)
      << job(id).members[0].error;
}

TEST_F(BackupJobs, AVmThatIsAtSomethingElseIsWaitedForWhileOthersGoOn) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  world().set_conduct(compute::domain_name(a), {.shutdown_takes = Duration{50'000}});
  act(a, Action::kPoweroff);
  const auto id = plan({a, b});
  ASSERT_TRUE(start_job(id));
  pass(Duration{5'000});
  EXPECT_EQ(stand(id), "0 outdated, 1 updated");
  pass(kBackupMinute * 2);
  EXPECT_EQ(stand(id), "0 updated, 1 updated");
  EXPECT_EQ(shown(a), "POWEROFF");
}

TEST_F(BackupJobs, PatienceWithAVmBeginsAtItsTurn) {
  const VmId a = running_vm();
  world().set_conduct(compute::domain_name(a), {.shutdown_takes = Duration{50'000}});
  act(a, Action::kPoweroff);
  const auto id = plan({a});
  ASSERT_TRUE(start_job(id));
  ASSERT_TRUE(change([](db::Txn& txn) -> Result<void> {
    txn.exec("UPDATE backup_jobs SET started_at = started_at - 1200");
    return {};
  }));
  pass(kBackupMinute * 2);
  EXPECT_EQ(stand(id), "0 updated") << "others had their turn for twenty minutes";
}

TEST_F(BackupJobs, OneRunAtATime) {
  const auto id = plan({running_vm()});
  fail_copies(Errc::kUnavailable, 1);
  ASSERT_TRUE(start_job(id));
  const auto again = start_job(id);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kWrongState);
  pass(kBackupMinute * 3);
  EXPECT_TRUE(start_job(id));
}

TEST_F(BackupJobs, ACancelTakesBackWhatHasNotBegunAndStopsWhatRuns) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  const auto id = plan({a, b});
  fail_copies(Errc::kUnavailable);
  ASSERT_TRUE(start_job(id));
  ASSERT_TRUE(cancel_job(id));
  EXPECT_EQ(stand(id), "0 error, 1 idle");
  EXPECT_NE(job(id).members[0].error.find("cancelled"), std::string::npos);
  EXPECT_EQ(shown(a), "RUNNING");
  world().clear_faults();
  pass(kBackupMinute * 3);
  EXPECT_EQ(backups_of(a) + backups_of(b), 0u);
  EXPECT_EQ(open_jobs().size(), 0u);
  ASSERT_TRUE(start_job(id));
  pass(kBackupMinute * 3);
  EXPECT_EQ(stand(id), "0 updated, 1 updated");
  EXPECT_TRUE(cancel_job(id)) << "nothing is to be done";
}

TEST_F(BackupJobs, TheRunIsAJobThatCanBeCancelledAsSuch) {
  const auto id = plan({running_vm(), running_vm()});
  fail_copies(Errc::kUnavailable);
  ASSERT_TRUE(start_job(id));
  const JobId run_id = job(id).run;
  ASSERT_TRUE(change([&](db::Txn& txn) {
    return daemon().snapshots.cancel_job(txn, jobs::find(txn, run_id).value());
  }));
  EXPECT_EQ(stand(id), "0 error, 1 idle");
  const auto over = read<jobs::Job>([&](db::Txn& txn) { return jobs::find(txn, run_id).value(); });
  EXPECT_EQ(over.state, jobs::JobState::kCancelled);
}

TEST_F(BackupJobs, VmsThatHaveEndedLeaveIt) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  const VmId c = running_vm();
  const auto id = plan({a, b, c});
  act(b, Action::kTerminateHard);
  pass(kBackupMinute);
  fail_copies(Errc::kUnavailable, 1);
  ASSERT_TRUE(start_job(id));
  EXPECT_EQ(stand(id), "0 backing up, 2 outdated");
  act(c, Action::kTerminateHard);
  pass(kBackupMinute * 3);
  EXPECT_EQ(stand(id), "0 updated");
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(BackupJobs, AVmThatIsDeletedDuringItsBackupStopsNobody) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  const auto id = plan({a, b});
  fail_copies(Errc::kUnavailable);
  ASSERT_TRUE(start_job(id));
  ASSERT_TRUE(recover(a, compute::Recover::kDelete));
  world().clear_faults();
  pass(kBackupMinute * 5);
  EXPECT_EQ(shown(a), "DONE");
  EXPECT_EQ(stand(id), "1 updated");
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(BackupJobs, AControllerThatWasCutOffGoesOnWithTheRun) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  const auto id = plan({a, b});
  fail_copies(Errc::kUnavailable, 2);
  ASSERT_TRUE(start_job(id));
  kill();
  EXPECT_EQ(stand(id), "0 backing up, 1 outdated");
  pass(kBackupMinute * 5);
  EXPECT_EQ(stand(id), "0 updated, 1 updated");
  EXPECT_EQ(backups_of(a), 1u);
  EXPECT_EQ(backups_of(b), 1u);
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(BackupJobs, AScheduleStartsRuns) {
  const VmId a = running_vm();
  const auto id = plan({a}, "SCHED_ACTION=[REPEAT=3,DAYS=1,TIME=" + in(kBackupMinute) + "]");
  pass(kBackupMinute * 5);
  EXPECT_EQ(backups_of(a), 1u);
  EXPECT_EQ(stand(id), "0 updated");
  pass(std::chrono::hours(1));
  EXPECT_EQ(backups_of(a), 2u);
  const auto planned = read<std::vector<compute::ScheduledAction>>(
      [&](db::Txn& txn) { return compute::list_schedule(txn, id); });
  ASSERT_EQ(planned.size(), 1u);
  EXPECT_TRUE(planned[0].done.is_set());
  EXPECT_EQ(planned[0].message, "");
  ASSERT_TRUE(change([&](db::Txn& txn) {
    return compute::delete_schedule(txn, id, planned[0].id);
  }));
  pass(std::chrono::hours(2));
  EXPECT_EQ(backups_of(a), 2u);
}

TEST_F(BackupJobs, AScheduleThatMeetsARunSaysSoAndWaitsForItsNextTime) {
  const VmId a = running_vm();
  const auto id = plan({a}, "SCHED_ACTION=[REPEAT=3,DAYS=1,TIME=" + in(Duration{4'000}) + "]");
  fail_copies(Errc::kUnavailable);
  ASSERT_TRUE(start_job(id));
  pass(Duration{12'000});
  EXPECT_EQ(stand(id), "0 backing up");
  const auto planned = read<compute::ScheduledAction>(
      [&](db::Txn& txn) { return compute::list_schedule(txn, id).at(0); });
  EXPECT_NE(planned.message.find("under way"), std::string::npos) << planned.message;
  EXPECT_FALSE(planned.is_over);
  EXPECT_GT(planned.due, lanes().clock().now());
}

TEST_F(BackupJobs, TheScheduleOfABackupJobIsCheckedWhenItIsMade) {
  const VmId a = running_vm();
  EXPECT_FALSE(try_plan(fmt::format("{}", a), "SCHED_ACTION=[TIME=\"+60\"]"));
  EXPECT_FALSE(try_plan(fmt::format("{}", a), "SCHED_ACTION=[REPEAT=3,DAYS=1]"));
  EXPECT_TRUE(try_plan(fmt::format("{}", a), "SCHED_ACTION=[TIME=60,ACTION=fly,ARGS=away]"))
      << "ACTION and ARGS are not looked at; what was refused holds no VM";
}

TEST_F(BackupJobs, JobsThatFallDueTogetherBeginInTheOrderOfTheirPriority) {
  const std::string at = in(kBackupMinute);
  const auto schedule = fmt::format("SCHED_ACTION=[TIME={}]", at);
  const auto low = plan({running_vm()}, "PRIORITY=10\n" + schedule);
  const auto high = plan({running_vm()}, "PRIORITY=90\n" + schedule);
  pass(kBackupMinute * 2);
  EXPECT_LT(job(high).run, job(low).run);
}

TEST_F(BackupJobs, AVmIsInOneBackupJobAtMost) {
  const VmId a = running_vm();
  const VmId b = running_vm();
  const auto first = plan({a});
  const auto taken = try_plan(fmt::format("{}", a));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::kConflict);
  EXPECT_NE(taken.error().text().find(fmt::format("backup job {}", first)), std::string::npos);
  const auto second = plan({b});
  EXPECT_FALSE(update(second, fmt::format("BACKUP_VMS=\"{},{}\"", a, b)));
  EXPECT_EQ(stand(second), "1 idle") << "all or nothing";
  ASSERT_TRUE(update(first, "BACKUP_VMS=\"\""));
  EXPECT_TRUE(update(second, fmt::format("BACKUP_VMS=\"{},{}\"", a, b)));
  EXPECT_EQ(stand(second), "0 idle, 1 idle");
  ASSERT_TRUE(change([&](db::Txn& txn) { return snapshots::delete_backup_job(txn, second); }));
  EXPECT_TRUE(try_plan(fmt::format("{}, {}, {}", b, a, b)));
}

TEST_F(BackupJobs, APlanWhoseOwnerMayNotManageAVmAnyMoreLosesIt) {
  const VmId a = running_vm();
  const auto id = plan({a});
  give_to_alice(id);
  EXPECT_TRUE(try_plan(fmt::format("{}", a)));
  EXPECT_EQ(stand(id), "");
}

TEST_F(BackupJobs, AVmMayBeNamedBeforeItIsThere) {
  const auto early = try_plan("0,1,7").value();
  const auto rival = try_plan("1").value();
  const VmId a = running_vm();
  const VmId b = running_vm();
  EXPECT_EQ(stand(early), "0 named, 1 named, 7 named");
  ASSERT_TRUE(start_job(rival));
  pass(kBackupMinute);
  EXPECT_EQ(stand(rival), "1 updated");
  ASSERT_TRUE(start_job(early));
  pass(kBackupMinute);
  EXPECT_EQ(stand(early), "0 updated, 1 named") << "there is no VM 7";
  EXPECT_NE(job(early).members[1].error.find(fmt::format("backup job {}", rival)),
            std::string::npos);
  EXPECT_EQ(backups_of(a), 1u);
  EXPECT_EQ(backups_of(b), 1u);
}

TEST_F(BackupJobs, WhatIsDoneIsDoneWithTheRightsOfItsOwner) {
  const VmId a = running_vm();
  const auto id = plan({a});
  const UserId alice = give_to_alice(id);
  ASSERT_TRUE(start_job(id));
  pass(kBackupMinute);
  EXPECT_EQ(stand(id), "0 error");
  EXPECT_NE(job(id).members[0].error.find("MANAGE"), std::string::npos);
  EXPECT_EQ(backups_of(a), 0u);
  const VmId b = running_vm();
  const auto refused = change([&](db::Txn& txn) {
    const auto actor = access::actor_of(access::find_user(txn, alice).value(), GroupId{}, 0177);
    const auto ask = text::Template::parse(fmt::format("BACKUP_VMS=\"{}\"", b)).value();
    return snapshots::update_backup_job(txn, actor, {id, ask, /*is_append=*/true});
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
}

TEST_F(BackupJobs, WhatThePlanSaysCountsInsteadOfTheVmsConfiguration) {
  const VmId a = running_vm();
  const auto id = plan({a}, "KEEP_LAST=2\nFS_FREEZE=none");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(start_job(id));
    pass(kBackupMinute);
  }
  EXPECT_EQ(backups_of(a), 2u);
  const auto config = compute::shown_backup_config(vm(a));
  EXPECT_EQ(config.get("KEEP_LAST"), "2");
  EXPECT_EQ(config.get("FS_FREEZE"), "NONE");
}

TEST_F(BackupJobs, APlanThatCannotBeMadeIsRefused) {
  const VmId a = running_vm();
  const auto of_a = fmt::format("{}", a);
  for (const char* wrong : {"MODE=increment", "FS_FREEZE=HARD", "EXECUTION=SOMEHOW",
                            "KEEP_LAST=many", "PRIORITY=100", "DISK_IDS=\"0,x\""})
    EXPECT_FALSE(try_plan(of_a, wrong)) << wrong;
  EXPECT_FALSE(try_plan(of_a, "KEEP_LAST=[A=1]"));
  EXPECT_FALSE(try_plan("1,two"));
  std::vector<int> many(4'097);
  std::iota(many.begin(), many.end(), 0);
  EXPECT_FALSE(try_plan(fmt::format("{}", fmt::join(many, ","))));
  const auto id = plan({a}, "NOTE=x");
  EXPECT_FALSE(update(id, "MODE=INCREMENT"));
  EXPECT_FALSE(update(id, "DATASTORE_ID=kept"));
  ASSERT_TRUE(update(id, "NAME=other\nPRIORITY=3\nERROR=mine\nKEEP_LAST=1"));
  EXPECT_EQ(job(id).priority, 50) << "there are calls for these";
  EXPECT_EQ(job(id).name, fmt::format("plan {}", plans_));
  EXPECT_EQ(job(id).attributes.get("KEEP_LAST"), "1");
  ASSERT_TRUE(update(id, "KEEP_LAST=\"\""));
  EXPECT_FALSE(job(id).attributes.has("KEEP_LAST"));
  EXPECT_EQ(job(id).attributes.get("NOTE"), "x");
  EXPECT_FALSE(job(id).attributes.has("ERROR"));
  EXPECT_EQ(stand(id), "0 idle");
  ASSERT_TRUE(update(id, "KEEP_LAST=3", /*is_append=*/false));
  EXPECT_EQ(stand(id), "") << "the whole plan was replaced";
}

TEST_F(BackupJobs, NamesAreUniquePerOwner) {
  const auto first = plan({});
  const auto second = plan({});
  const auto rename = [&](const std::string& name) {
    return change([&](db::Txn& txn) { return snapshots::rename_backup_job(txn, second, name); });
  };
  const auto taken = rename(job(first).name);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::kConflict);
  EXPECT_TRUE(rename(job(second).name)) << "its own name";
  EXPECT_TRUE(rename("nightly"));
  EXPECT_FALSE(rename(""));
}

TEST_F(BackupJobs, ABackupThatIsBeingMadeIsMadeToItsEndWithoutThePlan) {
  const VmId a = running_vm();
  const auto id = plan({a});
  fail_copies(Errc::kUnavailable, 1);
  ASSERT_TRUE(start_job(id));
  ASSERT_TRUE(change([&](db::Txn& txn) { return snapshots::delete_backup_job(txn, id); }));
  pass(kBackupMinute * 3);
  EXPECT_EQ(shown(a), "RUNNING");
  EXPECT_EQ(backups_of(a), 1u);
  EXPECT_EQ(open_jobs().size(), 0u);
}

}  // namespace
}  // namespace neph
