#include "base/log.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/changes.h"
#include "compute/internal/proof.h"
#include "compute/internal/vm_jobs.h"
#include "compute/vm_factory.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// Job vm.deploy: prolog makes the disks, boot starts the guest.
namespace neph::compute::internal {
namespace {

using hypervisor_driver::DomainFact;
using hypervisor_driver::Power;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr int kDeployAttempts = 5;

/// The VM goes where its row says after a failure, with the reason for its owner.
Next give_up(db::Txn& txn, Vm& vm, Stand stand, const Error& error) {
  log::warn("vm.deploy_failed", {{"vm", vm.id}, {"error", error.text()}});
  set_stand(vm, stand);
  put_error(vm, txn.at(), error.text());
  vm.job = {};
  save_vm(txn, vm);
  // Where it could never be tried again.
  if (const auto host = find_host(txn, vm.host); host && host->lost.is_set()) {
    apply_host_lost(txn, vm.id, host->name);
  }
  return jobs::failed(error);
}

/// What a step answers when it could not do its work.
Next after_error(db::Txn& txn, const Job& job, Vm& vm, Stand failed, const Error& error) {
  if (job.is_cancel_asked) {
    return give_up(txn, vm, failed, ended_by_recover());
  }
  const bool tries = may_pass(error) && job.attempt + 1 < kDeployAttempts;
  if (!tries) return give_up(txn, vm, failed, error);
  vm.wait_reason = error.message;
  save_vm(txn, vm);
  return jobs::again(jobs::pause_after(job.attempt), error.text());
}

}  // namespace

Result<void> make_disk(datastore_driver::Driver& driver, const DiskWork& work,
                       const std::vector<datastore_driver::ContextFile>& context,
                       Progress& progress) {
  switch (work.kind) {
    case DiskWork::Kind::kUseImage: return {};
    case DiskWork::Kind::kEmpty: return driver.ensure_created(work.target, work.size);
    case DiskWork::Kind::kContext:
      return driver.ensure_iso(work.target.path, "CONTEXT", context);
    case DiskWork::Kind::kOverlay: break;
  }
  std::optional<Bytes> size;
  if (work.size.value > 0) size = work.size;
  return driver.ensure_cloned(work.source, work.target, datastore_driver::CloneMode::kOverlay,
                              size, progress);
}

namespace {

Next settle_prolog(db::Txn& txn, const Job& job, const DeployRow& row, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) return after_error(txn, job, *vm, row.prolog_failed, outcome.error());
  for (VmDisk& disk : list_disks(txn, vm->id)) {
    disk.is_present = true;
    save_disk(txn, disk);
  }
  change_history(txn, vm->id, [&](HistoryRecord& record) { record.prolog_ended = txn.at(); });
  set_stand(*vm, active(row.boot));
  save_vm(txn, *vm);
  return jobs::go("boot");
}

/// Only the first step is looked for; what follows is done.
Work prove_prolog(const DeployRow& row, datastore_driver::Driver& driver, const VmPlan& plan) {
  std::vector<datastore_driver::Layer> files;
  for (const DiskWork& work : disk_works(plan)) files.push_back(work.target);
  return {[&driver, files](Progress&) { return prove_there(driver, files); },
          [&row](db::Txn& txn, const Job& job, Result<void> outcome) {
            if (!outcome) return settle_prolog(txn, job, row, std::move(outcome));
            text::Template args = job.args;
            args.erase(kProve);
            jobs::save_args(txn, job.id, args);
            return settle_prolog(txn, job, row, std::move(outcome));
          }};
}

Result<Work> plan_prolog(db::Txn& txn, const Job& job, const Tools& tools) {
  const DeployRow& row = *find_deploy_row(job.args.get("MODE"));
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (job.is_cancel_asked) {
    return jobs::at_once(after_error(txn, job, *vm, row.prolog_failed, {}));
  }
  auto plan = plan_of(txn, job.vm);
  if (!plan) return jobs::at_once(give_up(txn, *vm, row.prolog_failed, plan.error()));
  auto driver = tools.drivers.datastore(plan->system_tm_mad);
  if (!driver) return jobs::at_once(give_up(txn, *vm, row.prolog_failed, driver.error()));
  if (is_proof(job)) return prove_prolog(row, **driver, *plan);
  return Work{
      [driver = *driver, directory = plan->directory, works = disk_works(*plan),
       context = context_files(*plan), is_new = row.mode == DeployMode::kNew](Progress& progress)
          -> Result<void> {
        CHECK_OK(driver->ensure_directory(directory));
        for (const DiskWork& work : works) {
          if (!is_new && work.kind != DiskWork::Kind::kContext) continue;
          CHECK_OK(make_disk(*driver, work, context, progress));
        }
        return {};
      },
      [&row](db::Txn& settle_txn, const Job& settled, Result<void> outcome) {
        return settle_prolog(settle_txn, settled, row, std::move(outcome));
      }};
}

void show_vnc_port(Vm& vm, int port) {
  const text::Vector* graphics = vm.attributes.find_vector("GRAPHICS");
  if (graphics == nullptr || port < 0) return;
  text::Vector shown = *graphics;
  shown.set("PORT", fmt::format("{}", port));
  vm.attributes.set("GRAPHICS", std::move(shown));
}

constexpr std::string_view kRest = "REST_GRADE";

/// From here on the guest may run, whatever is heard of the attempt: what was known of its disks
/// holds no more, and is kept for an attempt that provably started nothing.
void expect_running(db::Txn& txn, const Job& job, Vm& vm) {
  if (vm.rest_grade == datastore::Grade::kNone) return;
  text::Template args = job.args;
  args.set(kRest, fmt::format("{}", static_cast<int>(vm.rest_grade)));
  jobs::save_args(txn, job.id, args);
  vm.rest_grade = datastore::Grade::kNone;
  save_vm(txn, vm);
}

/// The host itself refused: nothing was started.
void expect_at_rest(const Job& job, Vm& vm) {
  const std::string grade = job.args.get(kRest);
  vm.rest_grade = grade.empty() ? datastore::Grade::kUnknown
                                : static_cast<datastore::Grade>(std::stoi(grade));
}

/// A boot that is given up may have worked all the same: the host is asked.
Next after_boot_error(db::Txn& txn, const Job& job, Vm& vm, Stand failed, const Error& error) {
  const Next next = after_error(txn, job, vm, failed, error);
  const auto now = find_vm(txn, vm.id);
  if (next.kind == Next::Kind::kFailed && now && is_in_doubt(*now)) enqueue_look(txn, *now);
  return next;
}

Next settle_boot(db::Txn& txn, const Job& job, const DeployRow& row, Result<DomainFact> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) {
    if (!may_pass(outcome.error())) expect_at_rest(job, *vm);
    return after_boot_error(txn, job, *vm, row.boot_failed, outcome.error());
  }
  set_stand(*vm, active(LcmState::kRunning));
  vm->rest_grade = datastore::Grade::kNone;
  vm->memory_path.clear();
  vm->job = {};
  vm->polled = txn.at();
  vm->user_attributes.erase("ERROR");
  show_vnc_port(*vm, outcome->vnc_port);
  save_vm(txn, *vm);
  change_history(txn, vm->id, [&](HistoryRecord& record) {
    if (!record.running_started.is_set()) record.running_started = txn.at();
    record.running_ended = {};
    record.action = HistoryAction::kNone;
  });
  log::info("vm.running", {{"vm", vm->id}, {"host", vm->host}});
  // A guest that stopped before this was settled would have been taken for one still booting.
  enqueue_look(txn, *vm);
  return jobs::done();
}

/// Persistent images are about to be written: their recorded checksum is no longer theirs.
void mark_modified(db::Txn& txn, const VmPlan& plan) {
  for (const VmDisk& disk : plan.disks) {
    if (!disk.is_persistent || !disk.image.is_set()) continue;
    auto image = datastore::find_image(txn, disk.image);
    if (!image || image->modified_by == plan.vm.id) continue;
    image->modified_by = plan.vm.id;
    datastore::save_image(txn, *image);
  }
}

/// \param is_repeated  an attempt before this one may have worked
Result<DomainFact> start(const Reach& host, const hypervisor_driver::DomainSpec& spec,
                         const std::string& memory_path, bool is_paused, bool is_repeated,
                         Progress& progress) {
  if (is_paused) {
    CHECK_OK(host.driver->ensure_unpaused(host.domain));
    return host.driver->inspect_domain(host.domain);
  }
  if (memory_path.empty()) return host.driver->ensure_started(host.domain.host, spec);
  if (is_repeated) {
    const auto now = TRY(host.driver->inspect_domain(host.domain));
    // It was restored and its guest has ended since, so its disks are newer than the memory. The
    // look that follows finds it off.
    if (now.power == Power::kOff && has_run(now.reason)) return now;
  }
  return host.driver->ensure_restored(host.domain.host, spec, memory_path, progress);
}

Result<Work> plan_boot(db::Txn& txn, const Job& job, const Tools& tools) {
  const DeployRow& row = *find_deploy_row(job.args.get("MODE"));
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (job.is_cancel_asked) {
    return jobs::at_once(after_boot_error(txn, job, *vm, row.boot_failed, {}));
  }
  if (auto wait = wait_for_disks(txn, *vm)) return jobs::at_once(std::move(*wait));
  auto plan = plan_of(txn, job.vm);
  if (!plan) return jobs::at_once(give_up(txn, *vm, row.boot_failed, plan.error()));
  auto spec = domain_spec(*plan, tools.settings);
  if (!spec) return jobs::at_once(give_up(txn, *vm, row.boot_failed, spec.error()));
  auto host = reach(txn, tools, job.vm);
  if (!host) return jobs::at_once(give_up(txn, *vm, row.boot_failed, host.error()));
  auto storage = tools.drivers.datastore(plan->system_tm_mad);
  if (!storage) return jobs::at_once(give_up(txn, *vm, row.boot_failed, storage.error()));
  if (is_proof(job)) {
    return jobs::work<DomainFact>(
        [host = *host](Progress&) { return prove_running(host); },
        [&row](db::Txn& settle_txn, const Job& settled, Result<DomainFact> outcome) {
          return settle_boot(settle_txn, settled, row, std::move(outcome));
        });
  }
  mark_modified(txn, *plan);
  expect_running(txn, job, *vm);
  const bool is_paused = row.mode == DeployMode::kSuspended && vm->memory_path.empty();
  const std::string memory = row.restores == "memory" ? vm->memory_path : "";
  return jobs::work<DomainFact>(
      [host = *host, storage = *storage, spec = std::move(*spec), memory, is_paused,
       is_repeated = job.args.has(kRest)](Progress& progress) -> Result<DomainFact> {
        auto fact = start(host, spec, memory, is_paused, is_repeated, progress);
        if (fact && !memory.empty()) CHECK_OK(storage->ensure_deleted(memory));
        return fact;
      },
      [&row](db::Txn& settle_txn, const Job& settled, Result<DomainFact> outcome) {
        return settle_boot(settle_txn, settled, row, std::move(outcome));
      });
}

}  // namespace

jobs::KindSpec deploy_kind(Tools tools) {
  jobs::KindSpec kind{"vm.deploy", {}};
  kind.steps.push_back({"prolog", jobs::Slot::kHost, Duration{120'000},
                        [tools](db::Txn& txn, const Job& job) {
                          return plan_prolog(txn, job, tools);
                        }});
  kind.steps.push_back({"boot", jobs::Slot::kHost, Duration{120'000},
                        [tools](db::Txn& txn, const Job& job) {
                          return plan_boot(txn, job, tools);
                        }});
  return kind;
}

}  // namespace neph::compute::internal
