#include "base/log.h"
#include "compute/guest_facts.h"
#include "compute/internal/changes.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// Jobs vm.attach and vm.detach: a disk more, a disk less. vm.nic: the same for NICs.
namespace neph::compute::internal {
namespace {

using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr int kUndoAttempts = 5;

bool is_off(const Error& error) {
  return error.code == Errc::kWrongState || error.code == Errc::kNotFound;
}

// Attaching a disk.

Next settle_attach(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) return retry_or_undo(txn, job, *vm, outcome.error());
  if (auto disk = find_disk(txn, vm->id, disk_of(job))) {
    disk->attributes.erase("ATTACH");
    save_disk(txn, *disk);
  }
  end_change(txn, *vm);
  return jobs::done();
}

const DiskWork& work_of(const std::vector<DiskWork>& works, const VmPlan& plan, DiskId id) {
  std::size_t at = 0;
  while (plan.disks[at].id != id) ++at;
  return works[at];
}

Result<Work> plan_attach(db::Txn& txn, const Job& job, const Tools& tools) {
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (job.is_cancel_asked) return jobs::at_once(jobs::go("undo"));
  const DiskId id = disk_of(job);
  auto bench = workbench(txn, tools, *vm);
  if (!bench) {
    return jobs::at_once(settle_attach(txn, job, tl::unexpected(bench.error())));
  }
  auto spec = disk_spec_of(bench->plan, tools.settings, id);
  if (!spec) return jobs::at_once(settle_attach(txn, job, tl::unexpected(spec.error())));
  const DiskWork work = work_of(disk_works(bench->plan), bench->plan, id);
  return Work{[bench = *bench, spec = *spec, work](Progress& progress) -> Result<void> {
                CHECK_OK(make_disk(*bench.storage, work, {}, progress));
                if (!bench.host) return {};
                return bench.host->driver->ensure_disk_attached(bench.host->domain, spec);
              },
              settle_attach};
}

Next settle_undo(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  auto disk = find_disk(txn, vm->id, disk_of(job));
  if (!outcome) {
    if (job.attempt + 1 < kUndoAttempts) {
      return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
    }
    // Nobody knows whether the guest has it. It stays, to be detached by its owner.
    if (disk) {
      disk->attributes.erase("ATTACH");
      save_disk(txn, *disk);
    }
    return fail_change(txn, *vm, outcome.error());
  }
  if (disk) remove_disk(txn, *vm, *disk);
  end_change(txn, *vm);
  return jobs::failed({Errc::kWrongState, "the disk was not attached", {}});
}

/// An attempt whose answer was lost may have plugged the disk in all the same.
Result<Work> plan_undo(db::Txn& txn, const Job& job, const Tools& tools) {
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto disk = find_disk(txn, vm->id, disk_of(job));
  if (!disk) return jobs::at_once(settle_undo(txn, job, {}));
  auto bench = workbench(txn, tools, *vm);
  if (!bench) return jobs::at_once(settle_undo(txn, job, tl::unexpected(bench.error())));
  std::vector<std::string> files;
  add_layers(txn, *disk, files);
  return Work{[bench = *bench, target = disk->target, files](Progress&) -> Result<void> {
                if (bench.host) {
                  const auto& host = *bench.host;
                  const auto gone = host.driver->ensure_disk_detached(host.domain, target);
                  if (!gone && !is_off(gone.error())) return gone;
                }
                for (const auto& file : files) CHECK_OK(bench.storage->ensure_deleted(file));
                return {};
              },
              settle_undo};
}

// Detaching a disk.

/// The VM is itself again as soon as its guest has let go; what is left are files.
Next settle_detach(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  auto disk = find_disk(txn, vm->id, disk_of(job));
  if (!disk) {
    end_change(txn, *vm);
    return jobs::done();
  }
  if (!outcome && !is_off(outcome.error())) {
    if (auto again = retry_change(txn, job, *vm, outcome.error())) return *again;
    disk->attributes.erase("ATTACH");
    save_disk(txn, *disk);
    return fail_change(txn, *vm, outcome.error());
  }
  std::vector<std::string> files;
  add_layers(txn, *disk, files);
  remove_disk(txn, *vm, *disk);
  end_change(txn, *vm);
  return remove_later(txn, job, files);
}

Result<Work> plan_detach(db::Txn& txn, const Job& job, const Tools& tools) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  const auto disk = find_disk(txn, vm->id, disk_of(job));
  if (job.is_cancel_asked) {
    return jobs::at_once(
        settle_detach(txn, job, tl::unexpected(ended_by_recover())));
  }
  if (!disk || !changes_running(*vm)) return jobs::at_once(settle_detach(txn, job, {}));
  auto wait = wait_for_disk(txn, job, *vm, *disk, LayerBelow::kMustBeFree);
  if (!wait) return jobs::at_once(settle_detach(txn, job, tl::unexpected(wait.error())));
  if (*wait) return jobs::at_once(std::move(**wait));
  auto host = reach(txn, tools, vm->id);
  if (!host) return jobs::at_once(settle_detach(txn, job, tl::unexpected(host.error())));
  return Work{[host = *host, target = disk->target](Progress&) {
                return host.driver->ensure_disk_detached(host.domain, target);
              },
              settle_detach};
}

// NICs of a running guest.

NicId nic_of(const Job& job) { return NicId{std::stoll(job.args.get("NIC"))}; }

std::optional<VmNic> find_nic(db::Txn& txn, VmId vm, NicId id) {
  for (VmNic& nic : list_nics(txn, vm)) {
    if (nic.id == id) return std::move(nic);
  }
  return std::nullopt;
}

/// A NIC that was not attached goes again; one that could not be detached stays.
Next settle_nic(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  const std::string change = job.args.get("CHANGE");
  auto nic = find_nic(txn, vm->id, nic_of(job));
  const bool is_gone = !outcome && change == "DETACH" && is_off(outcome.error());
  const bool has_failed = !outcome && !is_gone;
  if (has_failed) {
    if (auto again = retry_change(txn, job, *vm, outcome.error())) return *again;
  }
  const bool goes = has_failed ? change == "ATTACH" : change == "DETACH";
  if (nic && goes) remove_nic(txn, *vm, *nic);
  if (nic && !goes) {
    const auto* before = job.args.find_vector("BEFORE");
    if (has_failed && before != nullptr) nic->attributes = *before;
    nic->attributes.erase("ATTACH");
    save_nic(txn, *nic);
  }
  if (has_failed) return fail_change(txn, *vm, outcome.error());
  end_change(txn, *vm);
  return jobs::done();
}

Result<Work> plan_nic(db::Txn& txn, const Job& job, const Tools& tools) {
  const auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (job.is_cancel_asked) {
    return jobs::at_once(
        settle_nic(txn, job, tl::unexpected(ended_by_recover())));
  }
  const auto nic = find_nic(txn, vm->id, nic_of(job));
  if (!nic) return jobs::at_once(settle_nic(txn, job, {}));
  auto host = reach(txn, tools, vm->id);
  if (!host) return jobs::at_once(settle_nic(txn, job, tl::unexpected(host.error())));
  auto spec = nic_spec_of(*nic);
  if (!spec) return jobs::at_once(settle_nic(txn, job, tl::unexpected(spec.error())));
  return Work{[host = *host, spec = *spec, change = job.args.get("CHANGE")](
                  Progress&) {
                if (change == "ATTACH") return host.driver->ensure_nic_attached(host.domain, spec);
                if (change == "UPDATE") return host.driver->ensure_nic_updated(host.domain, spec);
                return host.driver->ensure_nic_detached(host.domain, spec.mac);
              },
              settle_nic};
}

}  // namespace

std::vector<jobs::KindSpec> hotplug_kinds(Tools tools) {
  jobs::KindSpec detach{"vm.detach", {change_step("change", tools, plan_detach)}};
  detach.steps.push_back(remove_step(tools));
  return {{"vm.attach",
           {change_step("change", tools, plan_attach), change_step("undo", tools, plan_undo)}},
          std::move(detach),
          {"vm.nic", {change_step("change", tools, plan_nic)}}};
}

}  // namespace neph::compute::internal
