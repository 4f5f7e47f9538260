#include "access/directory.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/changes.h"
#include "compute/internal/moves.h"
#include "compute/internal/placing.h"
#include "compute/vm_service.h"
#include "jobs/queue.h"
#include "network/leases.h"

/// A VM goes on on another host, as it is asked for. What moves guests: migrate_job.cpp.
namespace neph::compute {
namespace {

using internal::Move;

Result<void> refuse(const Vm& vm) {
  return fail(Errc::kWrongState,
              "Error performing action \"migrate\": This action is not available for state {}",
              shown_name(vm.state, vm.lcm));
}

/// What is read of a disk is read where the VM is; what only waits for its stop goes along.
Result<void> check_disks(db::Txn& txn, VmId vm) {
  for (const VmDisk& disk : list_disks(txn, vm)) {
    CHECK_OK(internal::check_disk_free(txn, disk, internal::Armed::kAllowed, "be moved"));
  }
  return {};
}

Result<void> check_target(db::Txn& txn, const Vm& vm, const Host& from, const Host& to,
                          const VmService::MigrateAsk& ask) {
  if (to.id == from.id) {
    return fail(Errc::kWrongState, "virtual machine [{}] is on host {} already", vm.id, to.name);
  }
  if (ask.system_datastore.is_set() && ask.system_datastore != vm.system_datastore) {
    return fail(Errc::kWrongState,
                "virtual machine [{}] stays in system datastore {}: files are not moved", vm.id,
                vm.system_datastore);
  }
  if (to.vm_mad != from.vm_mad) {
    return fail(Errc::kWrongState, "host {} is one of driver {}, and {} one of {}", to.name,
                to.vm_mad, from.name, from.vm_mad);
  }
  CHECK_OK(internal::check_ready(to));
  CHECK_OK(network::check_cluster(txn, vm.id, to.cluster));
  TRY(internal::choose_datastore(txn, to, vm.system_datastore));
  if (ask.room == VmService::HostRoom::kEnforced) {
    CHECK_OK(internal::check_capacity(txn, to, vm));
  }
  return {};
}

/// Nobody has it open: only its place changes.
bool is_at_rest(const Vm& vm) {
  const bool is_saved = vm.state == VmState::kSuspended && !vm.memory_path.empty();
  return (vm.state == VmState::kPoweroff || is_saved) && !is_in_doubt(vm);
}

}  // namespace

Result<void> VmService::migrate(db::Txn& txn, UserId by, const MigrateAsk& ask) {
  Vm vm = TRY(find_vm(txn, ask.vm));
  const bool is_running = stand_of(vm) == active(LcmState::kRunning);
  if (!is_running && !is_at_rest(vm)) return refuse(vm);
  const Host from = TRY(find_host(txn, vm.host));
  const Host to = TRY(find_host(txn, ask.host));
  CHECK_OK(check_target(txn, vm, from, to, ask));
  CHECK_OK(check_disks(txn, vm.id));
  vm.is_rescheduled = false;
  vm.user_attributes.erase("ERROR");
  if (!is_running) {
    CHECK_OK(internal::change_host(txn, vm, {to.id, HistoryAction::kMigrate, by}));
    save_vm(txn, vm);
    return {};
  }
  const bool is_live = ask.form == MigrateForm::kLive;
  if (is_live) {
    CHECK_OK(internal::check_supported(txn, drivers_, vm,
                                       hypervisor_driver::Operation::kLiveMigration));
  }
  set_stand(vm, active(is_live ? LcmState::kMigrate : LcmState::kSaveMigrate));
  if (is_live || ask.form == MigrateForm::kSave) {
    jobs::NewJob job;
    job.kind = "vm.migrate";
    job.step = is_live ? "move" : "save";
    job.args.set(internal::kTargetHost, fmt::format("{}", to.id));
    job.vm = vm.id;
    job.host = vm.host;
    job.datastore = vm.system_datastore;
    job.owner = by;
    vm.job = jobs::enqueue(txn, job);
  } else {
    internal::NewHalt halt;
    halt.target = HaltTarget::kMoved;
    halt.step = "ask";
    halt.is_hard = ask.form == MigrateForm::kPoweroffHard;
    halt.deadline = txn.at() + settings_.shutdown_limit;
    halt.by = by;
    halt.to = to.id;
    vm.job = internal::enqueue_halt(txn, vm, halt);
  }
  save_vm(txn, vm);
  return {};
}

}  // namespace neph::compute
