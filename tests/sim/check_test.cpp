#include <gmock/gmock.h>

#include "check/catalogue.h"
#include "check/check_service.h"
#include "check/findings.h"
#include "check/look.h"
#include "jobs/queue.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using check::CheckService;
using compute::Action;
using testing::HasSubstr;

/// neph.check on the whole core.
class Check : public Site {
 protected:
  void extend(Daemon& daemon) override {
    checks_ = std::make_unique<CheckService>(daemon.drivers, "");
    for (auto& kind : checks_->job_kinds()) daemon.runner.add(std::move(kind));
  }

  std::vector<check::Finding> found() {
    settle();
    pass(Duration{1'000});  // what was written this moment counts as being written
    const auto rows =
        read<check::Catalogue>([](db::Txn& txn) { return check::read_catalogue(txn, {}); });
    NoProgress progress;
    return check::compare(rows, check::look(daemon().drivers, rows, "", progress));
  }
  void expect_clean(std::string_view when) {
    for (const auto& finding : found())
      ADD_FAILURE() << when << ": " << check::name_of(finding.kind) << " " << finding.object << " "
                    << finding.place << ": " << finding.words;
  }
  /// Runs a job to its end.
  jobs::Job run_job(std::function<Result<JobId>(db::Txn&)> start) {
    const auto id = run<JobId>(std::move(start));
    EXPECT_TRUE(id) << id.error().text();
    pass(Duration{1'000});
    return read<jobs::Job>([&](db::Txn& txn) { return jobs::find(txn, *id).value(); });
  }
  std::string report_of(CheckService::Mend mend) {
    pass(Duration{1'000});
    const auto job = run_job([&](db::Txn& txn) -> Result<JobId> {
      return checks_->start(txn, UserId{0}, mend);
    });
    EXPECT_EQ(job.state, jobs::JobState::kDone) << job.error;
    return read<std::string>(
        [&](db::Txn& txn) { return checks_->document(txn, job.id).value_or(""); });
  }
  jobs::Job remove(const std::string& path) {
    return run_job(
        [&](db::Txn& txn) { return checks_->start_removal(txn, UserId{0}, path); });
  }
  void in_rows(std::function<void(db::Txn&)> change) {
    const auto done = run<int>([&](db::Txn& txn) -> Result<int> {
      change(txn);
      return 0;
    });
    ASSERT_TRUE(done) << done.error().text();
  }
  bool is_there(const std::string& path) { return world().find_file(path).has_value(); }

  std::unique_ptr<CheckService> checks_;
};

TEST_F(Check, HasNothingToSayThroughTheLivesOfVmsAndSnapshots) {
  expect_clean("at first");
  const VmId vm = create_vm();
  expect_clean("it runs");
  take(vm, snapshots::Kind::kHot, "hot");
  expect_clean("a hot snapshot is made");
  take(vm, snapshots::Kind::kDeferred, "deferred");
  expect_clean("a deferred one is armed");
  act(vm, Action::kSuspend);
  expect_clean("it is suspended");
  act(vm, Action::kResume);
  guest_shuts_down(vm);
  expect_clean("it is off");
  act(vm, Action::kResume);
  take(vm, snapshots::Kind::kDeferred, "last", datastore::Fires::kEnd);
  act(vm, Action::kTerminateHard);
  expect_clean("it is over");
}

TEST_F(Check, HasNothingToSayOfAFailedSnapshotThatKeepsItsDisk) {
  const VmId vm = create_vm();
  world().inject({.kind = sim::FaultKind::kCopyFails, .times = sim::kAlways,
                  .error = {Errc::kInvalid, "the disk is broken", ""}});
  const auto kept = take(vm, snapshots::Kind::kDeferred, "kept");
  act(vm, Action::kTerminateHard);
  settle();
  ASSERT_EQ(snapshot(kept.id).phase, snapshots::Phase::kFailed);
  expect_clean("the disk is kept");
  world().clear_faults();
}

TEST_F(Check, ReportsAndLeavesAloneWhatNobodyCanProve) {
  const VmId vm = create_vm();
  world().put_image("/ds/0/77/disk.0", datastore_driver::Format::kQcow2, Bytes::megabytes(1), {});
  const std::string report = report_of(CheckService::Mend::kProven);
  EXPECT_THAT(report, HasSubstr("<KIND>orphan-file</KIND>"));
  EXPECT_THAT(report, HasSubstr("<PLACE>/ds/0/77/disk.0</PLACE>"));
  EXPECT_THAT(report, HasSubstr("<FOUND>1</FOUND>"));
  EXPECT_TRUE(is_there("/ds/0/77/disk.0"));
  EXPECT_EQ(shown(vm), "RUNNING");
}

TEST_F(Check, MendsWhatIsProvenAndSaysSo) {
  const VmId vm = create_vm();
  settle();
  in_rows([&](db::Txn& txn) {
    txn.exec("UPDATE quota_usage SET used = used + 5 WHERE metric = 'VMS'");
    txn.exec("INSERT INTO job_claims(resource, job_id) SELECT 'disk/9/9', MIN(id) FROM jobs");
    datastore::place_hold(txn, {.snapshot = SnapshotId{900}, .vm = vm, .disk = DiskId{0}});
  });
  world().put_image("/ds/1/new.part-1", datastore_driver::Format::kQcow2, Bytes::megabytes(1), {});
  const std::string before = report_of(CheckService::Mend::kNothing);
  EXPECT_THAT(before, HasSubstr("<FOUND>5</FOUND>")) << before;
  EXPECT_THAT(before, HasSubstr("<REPAIRED/>"));
  EXPECT_TRUE(is_there("/ds/1/new.part-1"));

  const std::string mended = report_of(CheckService::Mend::kProven);
  EXPECT_THAT(mended, testing::Not(HasSubstr("<REPAIRED/>"))) << mended;
  EXPECT_FALSE(is_there("/ds/1/new.part-1"));
  expect_clean("it is mended");
}

TEST_F(Check, SaysWhichHostItCouldNotLookAt) {
  world().cut_host(host_);
  const std::string report = report_of(CheckService::Mend::kNothing);
  EXPECT_THAT(report, HasSubstr("<PLACE>host " + host_ + "</PLACE>"));
}

TEST_F(Check, KeepsQuietOfWhatChangesWhileItLooks) {
  const VmId vm = create_vm();
  settle();
  pass(Duration{1'000});
  const auto job = run_job([&](db::Txn& txn) -> Result<JobId> {
    const auto id = checks_->start(txn, UserId{0}, CheckService::Mend::kNothing);
    CHECK_OK(daemon().vms.act(txn, UserId{0}, vm, Action::kTerminateHard));
    return id;
  });
  const auto report = read<std::string>(
      [&](db::Txn& txn) { return checks_->document(txn, job.id).value_or(""); });
  EXPECT_THAT(report, HasSubstr("<FOUND>0</FOUND>")) << report;
}

TEST_F(Check, RemovesAnOrphanWhenItIsNamedAndNothingElse) {
  const VmId vm = create_vm();
  world().put_image("/ds/1/orphan", datastore_driver::Format::kQcow2, Bytes::megabytes(1), {});
  EXPECT_EQ(remove(disk(vm).path).state, jobs::JobState::kFailed);
  EXPECT_EQ(remove(kBase).state, jobs::JobState::kFailed);
  EXPECT_TRUE(is_there(kBase));
  world().cut_host(host_);
  EXPECT_EQ(remove("/ds/1/orphan").state, jobs::JobState::kFailed);
  world().restore_host(host_);
  pass(Duration{60'000});
  EXPECT_EQ(remove("/ds/1/orphan").state, jobs::JobState::kDone);
  EXPECT_FALSE(is_there("/ds/1/orphan"));
}

TEST_F(Check, ReportsADomainThatTheCatalogueDoesNotKnowAndRemovesNothingMeanwhile) {
  const VmId vm = create_vm();
  settle();
  world().put_image("/ds/1/orphan", datastore_driver::Format::kQcow2, Bytes::megabytes(1), {});
  // As after the restore of a backup that is older than the VM.
  in_rows([&](db::Txn& txn) {
    txn.exec("DELETE FROM vm_disks WHERE vm_id = ?", vm);
    txn.exec("DELETE FROM vm_history WHERE vm_id = ?", vm);
    txn.exec("DELETE FROM vms WHERE id = ?", vm);
  });
  const std::string report = report_of(CheckService::Mend::kProven);
  EXPECT_THAT(report, HasSubstr("<KIND>domain-without-vm</KIND>"));
  EXPECT_THAT(report, HasSubstr("<KIND>orphan-file</KIND>"));
  EXPECT_TRUE(world().find_domain(compute::domain_name(vm)).has_value());
  const auto refused = remove("/ds/1/orphan");
  EXPECT_EQ(refused.state, jobs::JobState::kFailed);
  EXPECT_THAT(refused.error, HasSubstr("one-" + std::to_string(vm.value)));
}

}  // namespace
}  // namespace neph
