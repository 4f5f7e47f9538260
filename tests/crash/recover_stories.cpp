#include "jobs/queue.h"
#include "tests/crash/story.h"

/// one.vm.recover in the middle of jobs, and neph.job.cancel and neph.job.retry.
namespace neph::crash {
namespace {

using compute::Action;
using compute::Recover;
using datastore::ImageState;
using snapshots::Kind;
using Form = compute::VmService::MigrateForm;

Step always_fails(std::string_view verb) { return meets(failing(verb, sim::kAlways)); }
Step is_refused(std::string_view verb, int times = sim::kAlways) {
  return meets(failing(verb, times, Errc::kInvalid));
}

Step ignores_acpi() {
  return does([](Stage& stage) {
    stage.world().guest_ignores_acpi(compute::domain_name(stage.vm_id));
  });
}

/// A VM that is being deployed, in the middle of it.
std::vector<Step> deploying(std::vector<Step> then) {
  std::vector<Step> steps{soon(creates("")), soon(finds(), Duration{1})};
  steps.insert(steps.end(), then.begin(), then.end());
  return steps;
}

// Jobs, as neph.job.* routes them by their kind.

Result<void> cancel_job(Stage& stage, db::Txn& txn, const jobs::Job& job) {
  if (job.kind.starts_with("vm.")) return stage.daemon().vms.cancel_job(txn, job);
  if (job.kind.starts_with("image.")) return stage.daemon().images.cancel_job(txn, job);
  return stage.daemon().snapshots.cancel_job(txn, job);
}

Result<JobId> retry_job(Stage& stage, db::Txn& txn, const jobs::Job& job) {
  if (job.kind.starts_with("vm."))
    return stage.daemon().vms.retry_job(txn, UserId{0}, job);
  if (job.kind.starts_with("image."))
    return stage.daemon().images.retry_job(txn, UserId{0}, job);
  return stage.daemon().snapshots.retry_job(txn, job);
}

/// Whoever comes too late for that lets it be.
Step cancels_job(std::string kind) {
  return asks([kind = std::move(kind)](Stage& stage, db::Txn& txn) -> Result<void> {
    const jobs::Job job = Stage::last_job(txn, kind);
    if (!job.id.is_set()) return fail(Errc::kNotFound, "there is no job {}", kind);
    return jobs::is_over(job.state) ? Result<void>{} : cancel_job(stage, txn, job);
  });
}
Step retries_job(std::string kind) {
  return asks([kind = std::move(kind)](Stage& stage, db::Txn& txn) -> Result<void> {
    const jobs::Job job = Stage::last_job(txn, kind);
    if (!job.id.is_set()) return fail(Errc::kNotFound, "there is no job {}", kind);
    if (job.state != jobs::JobState::kFailed) return {};
    TRY(retry_job(stage, txn, job));
    return {};
  });
}

std::vector<Check> saved_and_gone() {
  return {snapshot_is("ready"), vm_is("DONE"), vm_has_no_files()};
}

std::vector<Story> going_on_stories() {
  const auto runs = vm_is("RUNNING");
  return {
      {"recover failure ends a boot, recover retry goes on", {always_fails("ensure_started")},
       deploying({recovers(Recover::kFailure), storage_heals(), recovers(Recover::kRetry)}),
       {runs}},
      {"recover failure ends a prolog, recover retry goes on", {always_fails("ensure_cloned")},
       deploying({recovers(Recover::kFailure), storage_heals(), recovers(Recover::kRetry)}),
       {runs}},
      {"recover success of a boot under way", {meets(failing("ensure_started", 2))},
       deploying({recovers(Recover::kSuccess)}), {runs}},
      {"recover retry of a boot under way", {meets(failing("ensure_started", 2))},
       deploying({recovers(Recover::kRetry)}), {runs}},
      {"recover success of a failed boot is refused, recover retry goes on",
       {is_refused("ensure_started", 1)},
       {creates(""), finds(), recovers(Recover::kSuccess), sees(vm_is("BOOT_FAILURE")),
        recovers(Recover::kRetry)},
       {runs}, {runs}},
      {"recover success of a prolog that has done its work",
       {meets({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_cloned", .times = 1,
               .error = {Errc::kInvalid, "ordered", ""}})},
       {creates(""), finds(), recovers(Recover::kSuccess)}, {runs}},
      {"recover failure ends a suspend", {a_vm(), always_fails("ensure_saved")},
       {soon(acts(Action::kSuspend)), recovers(Recover::kFailure)}, {runs}},
      {"recover failure ends a poweroff", {a_vm(), ignores_acpi()},
       {soon(acts(Action::kPoweroff)), recovers(Recover::kFailure)}, {runs}},
      {"recover failure ends a move", {a_second_host(), a_vm(), always_fails("ensure_migrated")},
       {soon(moves(Form::kLive), Duration{500}), recovers(Recover::kFailure)},
       {runs, disk_is_as_written()}},
      {"recover failure ends an attachment", {a_vm(), always_fails("ensure_disk_attached")},
       {soon(attaches_disk()), recovers(Recover::kFailure)}, {runs}},
      {"recover retry of a failed epilog with a retained disk",
       {a_vm(), is_refused("ensure_deleted", 1), always_fails("ensure_copied")},
       {snaps(Kind::kDeferred), acts(Action::kTerminate), recovers(Recover::kRetry),
        storage_heals(), retries()},
       saved_and_gone(), saved_and_gone()},
      {"recover success of a failed epilog with a retained disk is refused first",
       {a_vm(2), is_refused("ensure_deleted", 1), is_refused("ensure_copied")},
       {snaps(Kind::kDeferred), acts(Action::kTerminate), recovers(Recover::kSuccess),
        sees(vm_is("EPILOG_FAILURE")), recovers(Recover::kRetry), storage_heals(), retries()},
       saved_and_gone(), saved_and_gone()},
  };
}

std::vector<Story> deleting_stories() {
  const std::vector<Check> gone{vm_is("DONE"), vm_has_no_files()};
  const std::vector<Check> saved = saved_and_gone();
  const Step deferred = snaps(Kind::kDeferred);
  const Step deletes = recovers(Recover::kDelete);
  return {
      {"a VM is deleted while it boots", {always_fails("ensure_started")}, deploying({deletes}),
       gone},
      {"a VM is deleted while its disks are made", {always_fails("ensure_cloned")},
       deploying({deletes}), gone},
      {"a VM is deleted while it moves",
       {a_second_host(), a_vm(), always_fails("ensure_migrated")},
       {soon(moves(Form::kLive), Duration{500}), deletes}, gone},
      {"a VM is deleted while a disk is attached", {a_vm(), always_fails("ensure_disk_attached")},
       {soon(attaches_disk()), deletes}, gone},
      {"a VM with an armed snapshot is deleted while it is suspended",
       {a_vm(), always_fails("ensure_saved")}, {deferred, soon(acts(Action::kSuspend)), deletes},
       saved},
      {"a VM with an armed snapshot is deleted while it shuts down", {a_vm(), ignores_acpi()},
       {deferred, soon(acts(Action::kPoweroff)), deletes}, saved},
      {"a VM is deleted whose disk has been refused, and kept",
       {a_vm(), is_refused("ensure_copied")},
       {snaps(Kind::kHot), deletes, storage_heals(), retries()}, saved},
      {"a VM is deleted while its disk is copied", {a_vm(), meets(failing("ensure_copied", 3))},
       {soon(snaps(Kind::kHot)), deletes}, saved},
  };
}

std::vector<Story> recreating_stories() {
  const auto runs = vm_is("RUNNING");
  const Step recreates = recovers(Recover::kRecreate);
  return {
      {"a VM starts over", {a_vm()}, {recreates}, {runs}},
      {"a VM starts over whose disk is not removed at once",
       {a_vm(), is_refused("ensure_deleted", 1)}, {recreates, recreates}, {runs}},
      {"a VM with an armed snapshot starts over", {a_vm()}, {snaps(Kind::kDeferred), recreates},
       {snapshot_is("ready"), runs}},
      {"a VM starts over while its disk is copied", {a_vm(), meets(failing("ensure_copied", 3))},
       {soon(snaps(Kind::kHot)), recreates}, {snapshot_is("ready"), runs}},
      {"a VM waits for a refused snapshot until it starts over",
       {a_vm(), is_refused("ensure_copied")},
       {snaps(Kind::kHot), recreates, sees(vm_is("CLEANUP_RESUBMIT")), storage_heals(), retries()},
       {snapshot_is("ready"), runs}},
  };
}

std::vector<Story> cancelling_stories() {
  const auto runs = vm_is("RUNNING");
  return {
      {"a boot's job is cancelled and tried again", {always_fails("ensure_started")},
       deploying({cancels_job("vm.deploy"), storage_heals(), retries_job("vm.deploy")}), {runs}},
      {"a suspend's job is cancelled", {a_vm(), always_fails("ensure_saved")},
       {soon(acts(Action::kSuspend)), cancels_job("vm.save")}, {runs}},
      {"a poweroff's job is cancelled", {a_vm(), ignores_acpi()},
       {soon(acts(Action::kPoweroff)), cancels_job("vm.halt")}, {runs}},
      {"a move's job is cancelled", {a_second_host(), a_vm(), always_fails("ensure_migrated")},
       {soon(moves(Form::kLive), Duration{500}), cancels_job("vm.migrate")},
       {runs, disk_is_as_written()}},
      {"a copy's job is cancelled", {a_vm(), always_fails("ensure_copied")},
       {soon(snaps(Kind::kHot)), cancels_job("snapshot.copy")},
       {snapshot_is("cancelled"), image_is_gone("taken"), runs}, {snapshot_is("failed"), runs}},
      {"an armed snapshot's job is cancelled", {a_vm()},
       {snaps(Kind::kDeferred), cancels_job("snapshot.pin")},
       {snapshot_is("cancelled"), image_is_gone("taken"), runs}},
      {"a clone's job is cancelled", {always_fails("ensure_copied")},
       {soon(clones()), cancels_job("image.clone")}, {image_is_gone("made")}},
  };
}

std::vector<Story> retrying_stories() {
  return {
      {"a failed boot's job is tried again", {is_refused("ensure_started", 1)},
       {creates(""), finds(), retries_job("vm.deploy")}, {vm_is("RUNNING")}},
      {"a failed suspend's job is tried again", {a_vm(), is_refused("ensure_saved", 1)},
       {acts(Action::kSuspend), retries_job("vm.save")}, {vm_is("SUSPENDED")}},
      {"a failed copy's job is tried again", {a_vm(), is_refused("ensure_copied")},
       {snaps(Kind::kHot), writes(0, 3, 33), storage_heals(), retries_job("snapshot.copy")},
       {snapshot_is("ready"), vm_is("RUNNING")}},
      {"a failed clone's job is tried again", {is_refused("ensure_copied", 1)},
       {clones(), retries_job("image.clone")}, {image_is("made", ImageState::kReady)}},
      {"a failed deletion's job is tried again", {clones(), is_refused("ensure_deleted", 1)},
       {removes(), retries_job("image.delete")}, {image_is_gone("made")}},
  };
}

}  // namespace

std::vector<Story> recover_stories() {
  std::vector<Story> all;
  for (auto* some : {&going_on_stories, &deleting_stories, &recreating_stories,
                     &cancelling_stories, &retrying_stories})
    for (Story& one : some()) all.push_back(std::move(one));
  return all;
}

}  // namespace neph::crash
