#include "compute/internal/vm_jobs.h"

#include "compute/host.h"
#include "compute/internal/changes.h"
#include "compute/internal/moves.h"
#include "compute/internal/proof.h"
#include "datastore/holds.h"
#include "jobs/queue.h"

namespace neph::compute::internal {
namespace {

/// A wait is over when somebody wakes it; now and then it looks by itself all the same.
constexpr Duration kHostLookInterval{60'000};

jobs::NewJob base_job(const Vm& vm, std::string_view kind, std::string_view step, UserId by) {
  jobs::NewJob job;
  job.kind = kind;
  job.step = step;
  job.vm = vm.id;
  job.host = vm.host;
  job.datastore = vm.system_datastore;
  job.owner = by;
  return job;
}

}  // namespace

JobId enqueue_deploy(db::Txn& txn, const Vm& vm, const DeployRow& row, std::string_view step,
                     UserId by) {
  jobs::NewJob job = base_job(vm, "vm.deploy", step, by);
  job.args.set("MODE", std::string(row.name));
  return jobs::enqueue(txn, job);
}

JobId enqueue_halt(db::Txn& txn, const Vm& vm, const NewHalt& ask) {
  jobs::NewJob job = base_job(vm, "vm.halt", ask.step, ask.by);
  job.args.set("TARGET", std::string(halt_row(ask.target).name));
  job.args.set("HARD", ask.is_hard ? "YES" : "NO");
  job.args.set("DEADLINE_MS", fmt::format("{}", ask.deadline.ms));
  if (ask.to.is_set()) job.args.set(kTargetHost, fmt::format("{}", ask.to));
  if (ask.after.is_set()) job.args.set("AFTER", fmt::format("{}", ask.after));
  return jobs::enqueue(txn, job);
}

void harden_halt(db::Txn& txn, JobId id) {
  const auto job = jobs::find(txn, id);
  if (!job) return;
  text::Template args = job->args;
  args.set("HARD", "YES");
  jobs::save_args(txn, id, args);
  jobs::hurry(txn, id);
}

void only_prove(db::Txn& txn, JobId id) {
  const auto job = jobs::find(txn, id);
  if (!job) return;
  text::Template args = job->args;
  args.set(kProve, "YES");
  jobs::save_args(txn, id, args);
}

JobId enqueue_save(db::Txn& txn, const Vm& vm, std::string_view step, UserId by) {
  jobs::NewJob job = base_job(vm, "vm.save", step, by);
  const bool is_stop = vm.lcm == LcmState::kSaveStop || vm.lcm == LcmState::kEpilogStop;
  job.args.set("STOP", is_stop ? "YES" : "NO");
  return jobs::enqueue(txn, job);
}

JobId enqueue_reboot(db::Txn& txn, const Vm& vm, bool is_hard, UserId by) {
  jobs::NewJob job = base_job(vm, "vm.reboot", "reboot", by);
  job.args.set("HARD", is_hard ? "YES" : "NO");
  return jobs::enqueue(txn, job);
}

JobId enqueue_look(db::Txn& txn, const Vm& vm) {
  return jobs::enqueue(txn, base_job(vm, "vm.look", "look", {}));
}

JobId enqueue_undefine(db::Txn& txn, const Vm& vm, HostId host) {
  jobs::NewJob job = base_job(vm, "vm.undefine", "undefine", {});
  job.host = host;
  return jobs::enqueue(txn, job);
}

std::vector<jobs::KindSpec> vm_job_kinds(Tools tools) {
  std::vector<jobs::KindSpec> kinds{deploy_kind(tools), halt_kind(tools),   sweep_kind(tools),
                                    save_kind(tools),   reboot_kind(tools), look_kind(tools),
                                    undefine_kind(tools), migrate_kind(tools), restore_kind(tools)};
  for (auto more :
       {&hotplug_kinds, &disk_change_kinds, &disk_snapshot_kinds, &system_snapshot_kinds}) {
    for (auto& kind : more(tools)) kinds.push_back(std::move(kind));
  }
  for (auto& kind : kinds) kind.abandon = &abandon;
  return kinds;
}

bool has_open_job(db::Txn& txn, const Vm& vm) { return jobs::is_open(txn, vm.job); }

Result<Vm> find_own_vm(db::Txn& txn, const jobs::Job& job) {
  Vm vm = TRY(find_vm(txn, job.vm));
  if (vm.job != job.id) {
    return fail(Errc::kConflict, "another operation has taken over virtual machine [{}]", vm.id);
  }
  return vm;
}

std::optional<jobs::Next> wait_for_disks(db::Txn& txn, Vm& vm) {
  const auto wait = [&](const std::string& key, std::string reason) {
    vm.wait_reason = reason;
    save_vm(txn, vm);
    return jobs::wait_for(key, kHostLookInterval, std::move(reason));
  };
  for (const auto& hold : datastore::list_holds(txn, vm.id)) {
    if (hold.state != datastore::HoldState::kDue) continue;
    return wait(datastore::pinned_key(vm.id),
                fmt::format("snapshot {} of disk {} is being taken first", hold.snapshot,
                            hold.disk));
  }
  for (const VmDisk& disk : list_disks(txn, vm.id)) {
    const std::string resource = disk_resource(vm.id, disk.id);
    if (!jobs::find_claimant(txn, resource)) continue;
    return wait(jobs::claim_key(resource),
                fmt::format("layers of disk {} are being folded after a snapshot", disk.id));
  }
  if (!vm.wait_reason.empty()) {
    vm.wait_reason.clear();
    save_vm(txn, vm);
  }
  return std::nullopt;
}

std::string memory_path_in(const std::string& directory) { return directory + "/memory.save"; }

bool may_pass(const Error& error) {
  return error.code == Errc::kUnavailable || error.code == Errc::kStalled ||
         error.code == Errc::kExhausted;
}

Result<Reach> reach(db::Txn& txn, const Tools& tools, VmId vm) {
  const Domain domain = TRY(find_domain(txn, vm));
  return Reach{domain.ref, TRY(tools.drivers.hypervisor(domain.vm_mad))};
}

}  // namespace neph::compute::internal
