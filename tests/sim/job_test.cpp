#include <algorithm>

#include "jobs/log.h"
#include "jobs/queue.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::Recover;
using jobs::Job;
using jobs::JobState;
using snapshots::Kind;
using snapshots::Phase;

/// What owners can do about jobs, through the whole core.
class JobSteering : public Site {
 protected:
  Job last_job(const std::string& kind) {
    return read<Job>([&](db::Txn& txn) {
      Job last;
      for (auto& job : jobs::list_recent(txn, 100))
        if (job.kind == kind) last = std::move(job);
      return last;
    });
  }
  Job job(JobId id) {
    return read<Job>([&](db::Txn& txn) { return jobs::find(txn, id).value(); });
  }
  /// As neph.job.retry and neph.job.cancel route it.
  Result<JobId> retry(const Job& job) {
    return run<JobId>([&](db::Txn& txn) -> Result<JobId> {
      if (job.kind.starts_with("vm.")) return daemon().vms.retry_job(txn, UserId{0}, job);
      if (job.kind.starts_with("image.")) return daemon().images.retry_job(txn, UserId{0}, job);
      return daemon().snapshots.retry_job(txn, job);
    });
  }
  Result<int> cancel(const Job& job) {
    return run<int>([&](db::Txn& txn) -> Result<int> {
      if (job.kind.starts_with("vm.")) CHECK_OK(daemon().vms.cancel_job(txn, job));
      else if (job.kind.starts_with("image.")) CHECK_OK(daemon().images.cancel_job(txn, job));
      else CHECK_OK(daemon().snapshots.cancel_job(txn, job));
      return 0;
    });
  }
  void fail_for_good(const std::string& verb, int times = 1) {
    world().inject({.kind = sim::FaultKind::kError, .verb = verb, .times = times,
                    .error = {Errc::kInvalid, "no such machine type", "qemu"}});
  }
  void fail_for_now(const std::string& verb) {
    world().inject({.kind = sim::FaultKind::kError, .verb = verb, .times = sim::kAlways});
  }
};

TEST_F(JobSteering, AFailedBootIsTriedAgainFromItsJob) {
  fail_for_good("ensure_started");
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "BOOT_FAILURE");
  const Job failed = last_job("vm.deploy");
  EXPECT_EQ(failed.state, JobState::kFailed);
  const auto now = retry(failed);
  ASSERT_TRUE(now) << now.error().text();
  EXPECT_NE(*now, failed.id);
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(retry(failed).error().code, Errc::kWrongState) << "the VM has gone on";
}

TEST_F(JobSteering, AFailedResumeIsTriedAgainFromItsJob) {
  const VmId id = create_vm();
  act(id, Action::kPoweroff);
  fail_for_good("ensure_started");
  act(id, Action::kResume);
  ASSERT_EQ(shown(id), "POWEROFF");
  ASSERT_TRUE(retry(last_job("vm.deploy")));
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(JobSteering, ABootThatIsTriedAgainAndAgainCanBeCancelled) {
  fail_for_now("ensure_started");
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "BOOT");
  ASSERT_TRUE(cancel(last_job("vm.deploy")));
  EXPECT_EQ(shown(id), "BOOT_FAILURE");
  world().clear_faults();
  ASSERT_TRUE(recover(id, Recover::kRetry));
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(JobSteering, APoweroffThatTheGuestIgnoresIsCancelledAndAskedForAgain) {
  const VmId id = create_vm();
  world().guest_ignores_acpi(compute::domain_name(id));
  act(id, Action::kPoweroff);
  ASSERT_TRUE(cancel(last_job("vm.halt")));
  EXPECT_EQ(shown(id), "RUNNING");
  ASSERT_TRUE(retry(last_job("vm.halt")));
  EXPECT_EQ(shown(id), "SHUTDOWN_POWEROFF");
}

TEST_F(JobSteering, ADeletionCannotBeCancelled) {
  const VmId id = create_vm();
  world().cut_host(host_);
  pass(Duration{10'000});
  ASSERT_TRUE(recover(id, Recover::kDelete));
  const auto refused = cancel(last_job("vm.halt"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  EXPECT_NE(refused.error().text().find("deletion goes on"), std::string::npos);
  world().restore_host(host_);
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "DONE");
}

TEST_F(JobSteering, AFailedCloneIsMadeAgainUnderItsId) {
  fail_for_good("ensure_copied");
  const auto copy = run<ImageId>([&](db::Txn& txn) {
    return daemon().images.clone(txn, admin_, base_, "copy", DatastoreId{1});
  });
  ASSERT_TRUE(copy) << copy.error().text();
  ASSERT_EQ(image(*copy)->state, datastore::ImageState::kError);
  const auto now = retry(last_job("image.clone"));
  ASSERT_TRUE(now) << now.error().text();
  EXPECT_EQ(image(*copy)->state, datastore::ImageState::kReady);
  EXPECT_FALSE(image(*copy)->attributes.has("ERROR"));
  EXPECT_EQ(blocks_of(*copy), (sim::Blocks{{0, 7}}));
  EXPECT_FALSE(image(*copy)->cloning.is_set());
}

TEST_F(JobSteering, ACloneWhoseSourceIsGoneIsNotMadeAgain) {
  fail_for_good("ensure_copied");
  const auto copy = run<ImageId>([&](db::Txn& txn) {
    return daemon().images.clone(txn, admin_, base_, "copy", DatastoreId{1});
  });
  ASSERT_TRUE(copy);
  ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().images.remove(txn, base_));
    return 0;
  }));
  const auto refused = retry(last_job("image.clone"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("delete image"), std::string::npos);
}

TEST_F(JobSteering, CancellingTheCopyOfAnImageRemovesTheImage) {
  fail_for_now("ensure_copied");
  const auto copy = run<ImageId>([&](db::Txn& txn) {
    return daemon().images.clone(txn, admin_, base_, "copy", DatastoreId{1});
  });
  ASSERT_TRUE(copy);
  ASSERT_TRUE(cancel(last_job("image.clone")));
  pass(Duration{10'000});
  EXPECT_FALSE(image(*copy));
}

TEST_F(JobSteering, AFailedSnapshotGoesOnFromItsJob) {
  const VmId id = create_vm();
  guest_writes(id, 1, 1);
  fail_for_good("ensure_copied");
  const auto taken = take(id, Kind::kHot, "hot");
  ASSERT_EQ(snapshot(taken.id).phase, Phase::kFailed);
  guest_writes(id, 2, 2);
  ASSERT_TRUE(retry(last_job("snapshot.copy")));
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kReady);
  EXPECT_EQ(blocks_of(taken.image), (sim::Blocks{{0, 7}, {1, 1}})) << "the same instant";
  EXPECT_FALSE(retry(last_job("snapshot.pin"))) << "nothing of it has failed";
}

TEST_F(JobSteering, CancellingThePinOfASnapshotCancelsIt) {
  const VmId id = create_vm();
  const auto taken = take(id, Kind::kDeferred, "later");
  ASSERT_TRUE(cancel(last_job("snapshot.pin")));
  EXPECT_EQ(snapshot(taken.id).phase, Phase::kCancelled);
  EXPECT_FALSE(image(taken.image));
}

TEST_F(JobSteering, AJobWhoseArgumentsAreDamagedLeavesItsVmWhereItCanBeRecovered) {
  fail_for_now("ensure_started");
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "BOOT");
  ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
    txn.exec("UPDATE jobs SET args = 'MODE=[' WHERE state <= 3");
    return 0;
  }));
  world().clear_faults();
  pass(Duration{60'000});
  EXPECT_EQ(shown(id), "BOOT_FAILURE");
  EXPECT_NE(vm(id).user_attributes.get("ERROR").find("damaged"), std::string::npos);
  ASSERT_TRUE(recover(id, Recover::kRetry));
  EXPECT_EQ(shown(id), "RUNNING");
}

TEST_F(JobSteering, TheLogOfADeploymentIsInOrder) {
  const VmId id = create_vm();
  ASSERT_EQ(shown(id), "RUNNING");
  const auto log = read<std::vector<jobs::LogEntry>>(
      [&](db::Txn& txn) { return jobs::list_log(txn, last_job("vm.deploy").id); });
  std::vector<std::string> lines;
  for (const auto& entry : log) lines.push_back(entry.step + " " + entry.text);
  EXPECT_EQ(lines, (std::vector<std::string>{"prolog asked for", "boot begun", "boot done"}));
}

}  // namespace
}  // namespace neph
