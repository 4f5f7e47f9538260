#include "base/log.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/moves.h"
#include "compute/internal/placing.h"
#include "compute/internal/vm_rows.h"
#include "compute/vm_factory.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// Job vm.migrate: a running guest moves to another host, live or through its memory.
namespace neph::compute::internal {
namespace {

using hypervisor_driver::DomainRef;
using hypervisor_driver::Power;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr int kMoveAttempts = 3;

/// The VM runs on where it was.
Next stay(db::Txn& txn, Vm& vm, const Error& error) {
  const auto host = find_host(txn, vm.host);
  set_stand(vm, active(LcmState::kRunning));
  put_error(vm, txn.at(), error.text());
  vm.memory_path.clear();
  vm.rest_grade = datastore::Grade::kNone;
  vm.job = {};
  save_vm(txn, vm);
  log::warn("vm.migrate_failed", {{"vm", vm.id}, {"error", error.text()}});
  if (host && host->lost.is_set()) apply_host_lost(txn, vm.id, host->name);
  else enqueue_look(txn, vm);
  return jobs::failed(error);
}

// Live.

/// Where the guest runs after an attempt, or after none.
struct Whereabouts {
  bool is_there = false;
  std::optional<Error> error;  ///< of the attempt
};

struct Way {
  hypervisor_driver::Driver* driver = nullptr;
  DomainRef from;
  hypervisor_driver::HostRef to;
  bool is_looking = false;  ///< moves nothing any more
  bool is_to_lost = false;  ///< declared to run nothing

  /// Whatever an attempt answers, the guest runs on one of the two.
  Result<Whereabouts> operator()(Progress& progress) const {
    Whereabouts found;
    if (!is_looking) {
      const auto moved = driver->ensure_migrated(from, to, progress);
      if (moved) return Whereabouts{true, {}};
      found.error = moved.error();
    }
    if (is_to_lost) return found;
    const auto fact = TRY(driver->inspect_domain({to, from.name, from.uuid}));
    found.is_there = fact.power == Power::kRunning || fact.power == Power::kPaused;
    return found;
  }
};

/// It is there, whoever the VM belongs to by now: what follows is to be done there.
Result<void> record_arrival(db::Txn& txn, const Job& job) {
  Vm vm = TRY(find_vm(txn, job.vm));
  if (vm.host != job.host || vm.state == VmState::kDone) return {};
  CHECK_OK(change_host(txn, vm, {target_host(job), HistoryAction::kLiveMigrate, job.owner}));
  forget_system_snapshots(txn, vm);
  change_history(txn, vm.id, [&](HistoryRecord& record) { record.running_started = txn.at(); });
  save_vm(txn, vm);
  return {};
}

Next settle_move(db::Txn& txn, const Job& job, Result<Whereabouts> found) {
  if (!found) return jobs::again(jobs::pause_after(job.attempt), found.error().text());
  if (found->is_there) {
    if (const auto arrived = record_arrival(txn, job); !arrived) {
      return jobs::again(jobs::pause_after(job.attempt), arrived.error().text());
    }
  }
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!found->is_there) {
    const Error error = found->error.value_or(ended_by_recover());
    const bool tries = found->error && may_pass(error) && job.attempt + 1 < kMoveAttempts;
    if (!tries || job.is_cancel_asked) return stay(txn, *vm, error);
    vm->wait_reason = error.text();
    save_vm(txn, *vm);
    return jobs::again(jobs::pause_after(job.attempt), error.text());
  }
  set_stand(*vm, active(LcmState::kRunning));
  vm->rest_grade = datastore::Grade::kNone;
  vm->job = {};
  save_vm(txn, *vm);
  // What it did on the way was not followed.
  enqueue_look(txn, *vm);
  log::info("vm.migrated", {{"vm", vm->id}, {"host", vm->host}});
  return jobs::done();
}

Result<Work> plan_move(db::Txn& txn, const Job& job, const Tools& tools) {
  const Vm vm = TRY(find_vm(txn, job.vm));
  const Host from = TRY(find_host(txn, job.host));
  const auto to = find_host(txn, target_host(job));
  Way way;
  way.driver = TRY(tools.drivers.hypervisor(from.vm_mad));
  way.from = {ref_of(from), domain_name(vm.id), vm.uuid};
  if (to) way.to = ref_of(*to);
  way.is_to_lost = !to || to->lost.is_set();
  // Nothing is begun any more; only an earlier attempt may have come there.
  way.is_looking = vm.job != job.id || job.is_cancel_asked || way.is_to_lost || from.lost.is_set();
  return jobs::work<Whereabouts>(way, settle_move);
}

// Through its memory.

Next settle_saved(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) {
    const bool tries = may_pass(outcome.error()) && job.attempt + 1 < kMoveAttempts;
    if (!tries || job.is_cancel_asked) return stay(txn, *vm, outcome.error());
    return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
  }
  vm->rest_grade = datastore::Grade::kCrash;
  forget_system_snapshots(txn, *vm);
  set_stand(*vm, {VmState::kSuspended, LcmState::kInit});
  vm->job = {};
  change_history(txn, vm->id, [&](HistoryRecord& record) { record.running_ended = txn.at(); });
  return start_there(txn, *vm, deploy_row(DeployMode::kMigrated),
                     {target_host(job), HistoryAction::kMigrate, job.owner});
}

Result<Work> plan_through_memory(db::Txn& txn, const Job& job, const Tools& tools) {
  return plan_saving(txn, job, tools, {stay, settle_saved});
}

jobs::StepSpec move_step(std::string name, Tools tools,
                         Result<Work> (*plan)(db::Txn&, const Job&, const Tools&)) {
  return {std::move(name), jobs::Slot::kHost, Duration{300'000},
          [tools, plan](db::Txn& txn, const Job& job) { return plan(txn, job, tools); }};
}

}  // namespace

HostId target_host(const Job& job) {
  const std::string text = job.args.get(kTargetHost);
  return text.empty() ? HostId{} : HostId{std::stoll(text)};
}

Result<void> check_ready(const Host& host) {
  if (host.admin != HostAdmin::kOffline && host.is_reachable) return {};
  return fail(Errc::kWrongState, "host {} is {}{}{}", host.name, name_of(state_of(host)),
              host.error.empty() ? "" : ": ", host.error);
}

Result<void> change_host(db::Txn& txn, Vm& vm, const Move& move) {
  const Host to = TRY(find_host(txn, move.to));
  const auto system = TRY(datastore::find_datastore(txn, vm.system_datastore));
  change_history(txn, vm.id, [&](HistoryRecord& record) {
    if (record.running_started.is_set() && !record.running_ended.is_set()) {
      record.running_ended = txn.at();
    }
    record.ended = txn.at();
    record.action = move.action;
    record.by_user = move.by;
  });
  const HostId from = vm.host;
  txn.touch(ObjectKind::kHost, from);
  vm.host = to.id;
  vm.polled = txn.at();
  open_history(txn, vm, to, system, move.by);
  change_history(txn, vm.id, [&](HistoryRecord& record) { record.prolog_ended = txn.at(); });
  enqueue_undefine(txn, vm, from);
  return {};
}

Next start_there(db::Txn& txn, Vm& vm, const DeployRow& row, const Move& move) {
  const auto to = find_host(txn, move.to);
  auto ready = to ? check_ready(*to) : tl::unexpected(to.error());
  if (ready) ready = change_host(txn, vm, move);
  if (!ready) {
    put_error(vm, txn.at(), ready.error().text());
    save_vm(txn, vm);
    return jobs::failed(ready.error());
  }
  set_stand(vm, active(row.boot));
  vm.job = enqueue_deploy(txn, vm, row, "boot", move.by);
  save_vm(txn, vm);
  return jobs::done();
}

jobs::KindSpec migrate_kind(Tools tools) {
  return {"vm.migrate",
          {move_step("move", tools, plan_move), move_step("save", tools, plan_through_memory)}};
}

}  // namespace neph::compute::internal
