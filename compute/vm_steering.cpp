#include "compute/guest_facts.h"
#include "compute/internal/vm_jobs.h"
#include "compute/vm_service.h"
#include "jobs/queue.h"

/// What owners can do about the jobs of their VMs.
namespace neph::compute {
namespace {

using internal::has_open_job;

Error cannot_retry(const Vm& vm, const jobs::Job& job) {
  return {Errc::kWrongState,
          fmt::format("job {} ({}) cannot be tried again: virtual machine [{}] is {} now", job.id,
                      job.kind, vm.id, shown_name(vm.state, vm.lcm)),
          {}};
}

Error cannot_cancel(const jobs::Job& job, std::string_view why) {
  return {Errc::kWrongState,
          fmt::format("job {} ({}) cannot be cancelled: {}", job.id, job.kind, why), {}};
}

/// The stand in which a failed step of the job left the VM: from there it is tried again.
Stand left_by(const jobs::Job& job, const DeployRow& row) {
  return job.step == "prolog" ? row.prolog_failed : row.boot_failed;
}

Action action_of(const HaltRow& row, bool is_hard) {
  switch (row.target) {
    case HaltTarget::kPoweroff: return is_hard ? Action::kPoweroffHard : Action::kPoweroff;
    case HaltTarget::kUndeployed: return is_hard ? Action::kUndeployHard : Action::kUndeploy;
    default: return is_hard ? Action::kTerminateHard : Action::kTerminate;
  }
}

bool has_failed(const Vm& vm) {
  const RecoverRow* row = vm.state == VmState::kActive ? find_recover_row(vm.lcm) : nullptr;
  return row != nullptr && row->is_failure;
}

/// The action that asks for the same once more, from a stand that is no failure.
std::optional<Action> action_again(const jobs::Job& job) {
  if (job.kind == "vm.deploy") return Action::kResume;
  if (job.kind == "vm.save") return job.args.is_yes("STOP") ? Action::kStop : Action::kSuspend;
  if (job.kind != "vm.halt") return std::nullopt;
  const HaltRow* row = find_halt_row(job.args.get("TARGET"));
  // A move is asked for again by whoever still wants it, to whatever host.
  if (row == nullptr || row->target == HaltTarget::kMoved) return std::nullopt;
  if (row->target == HaltTarget::kRecreated) return std::nullopt;
  return action_of(*row, job.args.is_yes("HARD"));
}

Result<JobId> sweep_again(db::Txn& txn, UserId by, const Vm& vm, const jobs::Job& job) {
  jobs::NewJob sweep;
  sweep.kind = job.kind;
  sweep.step = job.step;
  sweep.args = job.args;
  sweep.owner = by;
  sweep.vm = vm.id;
  sweep.host = job.host;
  sweep.datastore = job.datastore;
  return jobs::enqueue(txn, sweep);
}

/// Where the VM is to stand when its job is lost.
Stand abandoned(Stand stand) {
  if (const auto rest = rest_after_change(stand)) return *rest;
  for (const DeployRow& row : deploy_rows()) {
    if (row.prolog != LcmState::kInit && stand == active(row.prolog)) return row.prolog_failed;
    if (stand == active(row.boot)) return row.boot_failed;
  }
  for (const HaltRow& row : halt_rows()) {
    if (row.epilog != LcmState::kInit && stand == active(row.epilog)) return row.epilog_failed;
  }
  if (stand == active(LcmState::kEpilogStop)) return active(LcmState::kEpilogStopFailure);
  // A guest that was to be stopped or saved: the host is asked what became of it.
  return active(LcmState::kUnknown);
}

}  // namespace

Result<JobId> VmService::retry_job(db::Txn& txn, UserId by, const jobs::Job& job) {
  const Vm vm = TRY(find_vm(txn, job.vm));
  if (job.kind == "vm.sweep") return sweep_again(txn, by, vm, job);
  if (has_open_job(txn, vm)) {
    return fail(Errc::kWrongState, "job {} cannot be tried again: job {} works on virtual machine "
                "[{}] now", job.id, vm.job, vm.id);
  }
  if (job.kind == "vm.reboot") {
    const bool is_hard = job.args.is_yes("HARD");
    const Action action = is_hard ? Action::kRebootHard : Action::kReboot;
    if (find_row(action, stand_of(vm)) == nullptr) return tl::unexpected(cannot_retry(vm, job));
    return internal::enqueue_reboot(txn, vm, is_hard, by);
  }
  const DeployRow* row = job.kind == "vm.deploy" ? find_deploy_row(job.args.get("MODE")) : nullptr;
  if (row != nullptr && stand_of(vm) != left_by(job, *row)) {
    return tl::unexpected(cannot_retry(vm, job));
  }
  const auto action = action_again(job);
  const bool recreates = job.kind == "vm.halt" &&
                         job.args.get("TARGET") == halt_row(HaltTarget::kRecreated).name;
  if (has_failed(vm)) {
    CHECK_OK(recover(txn, by, vm.id, Recover::kRetry));
  } else if (recreates) {
    CHECK_OK(recover(txn, by, vm.id, Recover::kRecreate));
  } else if (action && find_row(*action, stand_of(vm)) != nullptr && vm.state != VmState::kDone) {
    CHECK_OK(act(txn, by, vm.id, *action));
  } else {
    return tl::unexpected(cannot_retry(vm, job));
  }
  const Vm now = TRY(find_vm(txn, vm.id));
  return now.job.is_set() ? now.job : job.id;
}

Result<void> VmService::cancel_job(db::Txn& txn, const jobs::Job& job) {
  const auto refuse = [&](std::string_view why) -> Result<void> {
    return tl::unexpected(cannot_cancel(job, why));
  };
  const Vm vm = TRY(find_vm(txn, job.vm));
  const bool is_change = vm.job == job.id && rest_after_change(stand_of(vm)).has_value();
  if (is_change || job.kind == "vm.migrate") return jobs::ask_cancel(txn, job.id);
  if (job.kind == "vm.deploy") return jobs::ask_cancel(txn, job.id);
  if (job.kind == "vm.save" || job.kind == "vm.halt") {
    if (job.args.get("TARGET") == halt_row(HaltTarget::kDeleted).name) {
      return refuse("a deletion goes on until nothing of the VM is left on its host");
    }
    if (job.step == "release") {
      return refuse("the guest is off and what it had on its host is being removed; wait, then "
                    "resume the VM if it still is");
    }
    return jobs::ask_cancel(txn, job.id);
  }
  if (job.kind == "vm.sweep") return refuse("it removes a disk that nobody needs any more");
  return refuse("it asks its host once and is over then");
}

void internal::abandon(db::Txn& txn, const jobs::Job& job, const Error& error) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return;
  const Stand next = abandoned(stand_of(*vm));
  set_stand(*vm, next);
  put_error(*vm, txn.at(), error.text());
  vm->job = {};
  save_vm(txn, *vm);
  if (next == active(LcmState::kUnknown)) enqueue_look(txn, *vm);
}

}  // namespace neph::compute
