#include "base/log.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/proof.h"
#include "compute/internal/vm_jobs.h"
#include "compute/internal/vm_rows.h"
#include "compute/vm_factory.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// Jobs vm.save (suspend, stop), vm.reboot, vm.look and vm.undefine.
namespace neph::compute::internal {
namespace {

using hypervisor_driver::DomainFact;
using hypervisor_driver::Power;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr int kSaveAttempts = 5;

bool is_stop(const Vm& vm) {
  return vm.lcm == LcmState::kSaveStop || vm.lcm == LcmState::kEpilogStop;
}

Next back_to_running(db::Txn& txn, Vm& vm, const Error& error) {
  set_stand(vm, active(LcmState::kRunning));
  put_error(vm, txn.at(), error.text());
  vm.memory_path.clear();
  // Also of a guest that was paused in place, whose disks counted as being at rest.
  vm.rest_grade = datastore::Grade::kNone;
  vm.job = {};
  save_vm(txn, vm);
  // The guest may have stopped by itself while it was to be saved.
  enqueue_look(txn, vm);
  return jobs::failed(error);
}

Next settle_save(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) {
    const bool tries = may_pass(outcome.error()) && job.attempt + 1 < kSaveAttempts;
    if (!tries || job.is_cancel_asked) return back_to_running(txn, *vm, outcome.error());
    return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
  }
  vm->rest_grade = datastore::Grade::kCrash;
  forget_system_snapshots(txn, *vm);
  change_history(txn, vm->id, [&](HistoryRecord& record) {
    record.running_ended = txn.at();
    record.action = is_stop(*vm) ? HistoryAction::kStop : HistoryAction::kSuspend;
    record.by_user = job.owner;
  });
  if (is_stop(*vm)) {
    set_stand(*vm, active(LcmState::kEpilogStop));
    save_vm(txn, *vm);
    return jobs::go("release");
  }
  set_stand(*vm, {VmState::kSuspended, LcmState::kInit});
  vm->job = {};
  save_vm(txn, *vm);
  log::info("vm.suspended", {{"vm", vm->id}});
  return jobs::done();
}

Result<Work> plan_save(db::Txn& txn, const Job& job, const Tools& tools) {
  return plan_saving(txn, job, tools, {back_to_running, settle_save});
}

Next settle_stop(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome && may_pass(outcome.error()) && job.attempt + 1 < kSaveAttempts) {
    return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
  }
  vm->job = {};
  if (!outcome) {
    set_stand(*vm, active(LcmState::kEpilogStopFailure));
    put_error(*vm, txn.at(), outcome.error().text());
    save_vm(txn, *vm);
    return jobs::failed(outcome.error());
  }
  set_stand(*vm, {VmState::kStopped, LcmState::kInit});
  save_vm(txn, *vm);
  change_history(txn, vm->id, [&](HistoryRecord& record) {
    record.epilog_ended = txn.at();
    record.ended = txn.at();
  });
  return jobs::done();
}

Result<Work> plan_stop(db::Txn& txn, const Job& job, const Tools& tools) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto machine = find_host(txn, vm->host);
  // Nothing is left to be undefined there.
  if (machine && machine->lost.is_set()) return jobs::at_once(settle_stop(txn, job, {}));
  auto host = reach(txn, tools, job.vm);
  if (!host) return jobs::at_once(settle_stop(txn, job, tl::unexpected(host.error())));
  return Work{[host = *host, proves = is_proof(job)](Progress&) {
                return proves ? prove_off(host) : host.driver->ensure_undefined(host.domain);
              },
              settle_stop};
}

Result<Work> plan_reboot(db::Txn& txn, const Job& job, const Tools& tools) {
  const Reach host = TRY(reach(txn, tools, job.vm));
  const auto how = job.args.is_yes("HARD") ? hypervisor_driver::Reboot::kHard
                                           : hypervisor_driver::Reboot::kAcpi;
  return Work{[host, how](Progress&) { return host.driver->reboot(host.domain, how); },
              [](db::Txn& settle_txn, const Job& settled, Result<void> outcome) {
                if (outcome) return jobs::done();
                auto vm = find_vm(settle_txn, settled.vm);
                if (vm) {
                  put_error(*vm, settle_txn.at(), outcome.error().text());
                  save_vm(settle_txn, *vm);
                }
                return jobs::failed(outcome.error());
              }};
}

Next settle_saving_look(db::Txn& txn, const Job& job, Result<DomainFact> fact) {
  // A host that cannot be asked now is the watcher's business.
  if (!fact) return jobs::failed(fact.error());
  switch (fact->power) {
    case Power::kRunning: apply_alive(txn, job.vm); break;
    case Power::kPaused: apply_paused(txn, job.vm, ""); break;
    case Power::kOff:
    case Power::kCrashed:
    case Power::kMissing: apply_off(txn, job.vm, fact->reason, txn.at()); break;
  }
  return jobs::done();
}

Result<Work> plan_saving_look(db::Txn& txn, const Job& job, const Tools& tools) {
  const Reach host = TRY(reach(txn, tools, job.vm));
  return jobs::work<DomainFact>(
      [host](Progress&) { return host.driver->inspect_domain(host.domain); }, settle_saving_look);
}

/// The VM has ended, or lives elsewhere, and its host kept a definition: it could not be asked when
/// that was to be removed. A guest that runs is left alone.
Result<Work> plan_undefine(db::Txn& txn, const Job& job, const Tools& tools) {
  const Vm vm = TRY(find_vm(txn, job.vm));
  const Host host = TRY(find_host(txn, job.host));
  const bool has_come_back = vm.state != VmState::kDone && vm.host == job.host;
  if (has_come_back) return jobs::at_once(jobs::cancelled());
  auto* driver = TRY(tools.drivers.hypervisor(host.vm_mad));
  const hypervisor_driver::DomainRef domain{ref_of(host), domain_name(vm.id), vm.uuid};
  return Work{[driver, domain](Progress&) -> Result<void> {
                const auto fact = TRY(driver->inspect_domain(domain));
                const bool is_left_over = fact.power == Power::kOff && fact.uuid == domain.uuid;
                return is_left_over ? driver->ensure_undefined(domain) : Result<void>{};
              },
              [](db::Txn&, const Job&, Result<void> outcome) {
                return outcome ? jobs::done() : jobs::failed(outcome.error());
              }};
}

jobs::StepSpec step(std::string name, Tools tools,
                    Result<Work> (*plan)(db::Txn&, const Job&, const Tools&)) {
  return {std::move(name), jobs::Slot::kHost, Duration{300'000},
          [tools, plan](db::Txn& txn, const Job& job) { return plan(txn, job, tools); }};
}

}  // namespace

Result<Work> plan_saving(db::Txn& txn, const Job& job, const Tools& tools, Saving saving) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (job.is_cancel_asked) return jobs::at_once(saving.give_up(txn, *vm, ended_by_recover()));
  if (auto wait = wait_for_disks(txn, *vm)) return jobs::at_once(std::move(*wait));
  auto host = reach(txn, tools, job.vm);
  if (!host) return jobs::at_once(saving.give_up(txn, *vm, host.error()));
  const auto plan = plan_of(txn, job.vm);
  if (!plan) return jobs::at_once(saving.give_up(txn, *vm, plan.error()));
  vm->memory_path = memory_path_in(plan->directory);
  save_vm(txn, *vm);
  return Work{[host = *host, path = vm->memory_path](Progress& progress) {
                return host.driver->ensure_saved(host.domain, path, progress);
              },
              saving.settle};
}

jobs::KindSpec save_kind(Tools tools) {
  return {"vm.save", {step("save", tools, plan_save), step("release", tools, plan_stop)}};
}

jobs::KindSpec reboot_kind(Tools tools) {
  return {"vm.reboot", {step("reboot", tools, plan_reboot)}};
}

jobs::KindSpec undefine_kind(Tools tools) {
  return {"vm.undefine", {step("undefine", tools, plan_undefine)}};
}

jobs::KindSpec look_kind(Tools tools) {
  return {"vm.look", {step("look", tools, plan_saving_look)}};
}

}  // namespace neph::compute::internal
