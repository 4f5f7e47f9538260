#include "compute/guest_facts.h"
#include "compute/internal/changes.h"
#include "compute/internal/vm_rows.h"
#include "compute/system_snapshot.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// Jobs vm.snapshot_create, vm.snapshot_revert, vm.snapshot_delete: restore points of a running
/// guest, which its hypervisor keeps.
namespace neph::compute::internal {
namespace {

using hypervisor_driver::DomainRef;
using hypervisor_driver::Driver;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr int kRemoveAttempts = 5;

Result<SystemSnapshot> snapshot_of_job(db::Txn& txn, const Job& job) {
  return find_system_snapshot(txn, job.vm, std::stoll(job.args.get("SNAPSHOT")));
}

void settle_row(db::Txn& txn, const Job& job) {
  auto snapshot = snapshot_of_job(txn, job);
  if (!snapshot) return;
  snapshot->work = SystemSnapshotWork::kNone;
  save_system_snapshot(txn, *snapshot);
}

void remove_row(db::Txn& txn, const Job& job, Vm& vm) {
  if (const auto snapshot = snapshot_of_job(txn, job)) delete_system_snapshot(txn, vm, *snapshot);
}

/// An attempt whose answer was lost may have made one all the same.
Next settle_taken(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) return retry_or_undo(txn, job, *vm, outcome.error());
  settle_row(txn, job);
  end_change(txn, *vm);
  return jobs::done();
}

Next settle_undone(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) {
    if (job.attempt + 1 < kRemoveAttempts) {
      return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
    }
    // Nobody knows whether it is there. The row stays, to be deleted by its owner.
    settle_row(txn, job);
    return fail_change(txn, *vm, outcome.error());
  }
  remove_row(txn, job, *vm);
  end_change(txn, *vm);
  return jobs::failed({Errc::kWrongState, "the system snapshot was not taken", {}});
}

Next settle_reverted(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) {
    if (auto again = retry_change(txn, job, *vm, outcome.error())) return *again;
    // The guest was started anew where nobody saw it, and its restore points are gone.
    if (outcome.error().code == Errc::kNotFound) remove_row(txn, job, *vm);
    else settle_row(txn, job);
    return fail_change(txn, *vm, outcome.error());
  }
  settle_row(txn, job);
  end_change(txn, *vm);
  return jobs::done();
}

Next settle_deleted(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) {
    if (auto again = retry_change(txn, job, *vm, outcome.error())) return *again;
    settle_row(txn, job);
    return fail_change(txn, *vm, outcome.error());
  }
  remove_row(txn, job, *vm);
  end_change(txn, *vm);
  return jobs::done();
}

using Verb = Result<void> (Driver::*)(const DomainRef&, const std::string&);
using Settle = Next (*)(db::Txn&, const Job&, Result<void>);

Result<Work> plan_verb(db::Txn& txn, const Job& job, const Tools& tools, Verb verb,
                       Settle settle) {
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto snapshot = snapshot_of_job(txn, job);
  if (!snapshot) return jobs::at_once(settle(txn, job, tl::unexpected(snapshot.error())));
  auto host = reach(txn, tools, vm->id);
  if (!host) return jobs::at_once(settle(txn, job, tl::unexpected(host.error())));
  return Work{[host = *host, verb, name = hypervisor_name(*snapshot)](Progress&) {
                return (host.driver->*verb)(host.domain, name);
              },
              settle};
}

template <Verb verb, Settle settle>
Result<Work> plan_change(db::Txn& txn, const Job& job, const Tools& tools) {
  if (job.is_cancel_asked) {
    return jobs::at_once(settle(txn, job, tl::unexpected(ended_by_recover())));
  }
  return plan_verb(txn, job, tools, verb, settle);
}

/// What has begun to be undone is undone, whoever asks for its end.
Result<Work> plan_take_back(db::Txn& txn, const Job& job, const Tools& tools) {
  return plan_verb(txn, job, tools, &Driver::ensure_snapshot_deleted, &settle_undone);
}

}  // namespace

std::vector<jobs::KindSpec> system_snapshot_kinds(Tools tools) {
  constexpr PlanStep kTake = plan_change<&Driver::ensure_snapshot_taken, &settle_taken>;
  constexpr PlanStep kRevert = plan_change<&Driver::ensure_snapshot_reverted, &settle_reverted>;
  constexpr PlanStep kDelete = plan_change<&Driver::ensure_snapshot_deleted, &settle_deleted>;
  return {{"vm.snapshot_create",
           {change_step("change", tools, kTake), change_step("undo", tools, plan_take_back)}},
          {"vm.snapshot_revert", {change_step("change", tools, kRevert)}},
          {"vm.snapshot_delete", {change_step("change", tools, kDelete)}}};
}

}  // namespace neph::compute::internal
