#include <algorithm>

#include "base/log.h"
#include "compute/disk_tree.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/changes.h"
#include "compute/internal/moves.h"
#include "compute/internal/proof.h"
#include "compute/internal/recreate.h"
#include "compute/internal/vm_jobs.h"
#include "compute/vm_factory.h"
#include "datastore/holds.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"

/// Job vm.halt: the guest is asked or made to stop, then what the VM has on its host is released.
/// Job vm.sweep: what a snapshot kept of an ended VM goes.
namespace neph::compute::internal {
namespace {

using datastore::Grade;
using hypervisor_driver::DomainFact;
using hypervisor_driver::Power;
using hypervisor_driver::StopReason;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr int kReleaseAttempts = 5;
/// A stop is heard of at once; the host is asked as well, for events get lost.
constexpr Duration kLookInterval{5'000};
/// A guest that is still booting does not hear the power button.
constexpr Duration kAskInterval{20'000};
constexpr std::string_view kAsked = "ASKED_MS";

const HaltRow& row_of(const Job& job) { return *find_halt_row(job.args.get("TARGET")); }
bool is_hard(const Job& job) { return job.args.is_yes("HARD"); }

Instant instant_of(const Job& job, std::string_view key) {
  const std::string text = job.args.get(key);
  return {text.empty() ? 0 : std::stoll(text)};
}

/// The guest did not stop, or its owner gave up waiting: the VM is as it was before.
Next give_up_asking(db::Txn& txn, Vm& vm, Error error) {
  const auto host = find_host(txn, vm.host);
  const bool is_reachable = host && host->is_reachable;
  set_stand(vm, active(is_reachable ? LcmState::kRunning : LcmState::kUnknown));
  put_error(vm, txn.at(), error.text());
  vm.job = {};
  save_vm(txn, vm);
  enqueue_look(txn, vm);
  log::warn("vm.halt_failed", {{"vm", vm.id}, {"error", error.text()}});
  return jobs::failed(std::move(error));
}

/// Recover failure ends whatever has released nothing yet; a deletion goes on.
bool is_given_up(const Job& job) {
  return job.is_cancel_asked && row_of(job).target != HaltTarget::kDeleted;
}
bool is_too_late(const db::Txn& txn, const Job& job) {
  return !is_hard(job) && txn.at() >= instant_of(job, "DEADLINE_MS");
}

/// A host that does not answer: a soft halt gives up at its deadline, a hard one never does, for
/// nobody may use the disks before QEMU there is proven dead.
Next ask_again(db::Txn& txn, const Job& job, Vm& vm, const Error& error) {
  if (is_too_late(txn, job)) return give_up_asking(txn, vm, error);
  vm.wait_reason = error.text();
  save_vm(txn, vm);
  return jobs::again(jobs::pause_after(job.attempt), error.text());
}

Next settle_ask(db::Txn& txn, const Job& job, bool was_hard, Result<void> outcome) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  const bool is_ready_to_look = !outcome && outcome.error().code == Errc::kWrongState;
  if (!outcome && !is_ready_to_look) return ask_again(txn, job, *vm, outcome.error());
  if (outcome && was_hard) {
    apply_off(txn, vm->id, StopReason::kDestroyed, txn.at());
    return jobs::go("release");
  }
  text::Template args = job.args;
  args.set(kAsked, fmt::format("{}", txn.at().ms));
  jobs::save_args(txn, job.id, args);
  return jobs::go(is_ready_to_look ? "look" : "await");
}

/// Whether something else must be over first: the job that was at work on this VM.
std::optional<Next> wait_for_predecessor(db::Txn& txn, const Job& job) {
  const std::string after = job.args.get("AFTER");
  if (after.empty()) return std::nullopt;
  const JobId earlier{std::stoll(after)};
  const auto found = jobs::find(txn, earlier);
  if (!found || jobs::is_over(found->state)) return std::nullopt;
  return jobs::wait_for(jobs::over_key(earlier), Duration{10'000},
                        fmt::format("job {} is being stopped", earlier));
}

Result<Work> plan_ask(db::Txn& txn, const Job& job, const Tools& tools) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (auto wait = wait_for_predecessor(txn, job)) return jobs::at_once(std::move(*wait));
  if (vm->rest_grade != Grade::kNone) return jobs::at_once(jobs::go("release"));
  if (is_given_up(job)) return jobs::at_once(give_up_asking(txn, *vm, ended_by_recover()));
  auto host = reach(txn, tools, job.vm);
  if (!host) return jobs::at_once(give_up_asking(txn, *vm, host.error()));
  const bool cuts = is_hard(job);
  return Work{[host = *host, cuts](Progress&) {
                return cuts ? host.driver->ensure_destroyed(host.domain)
                            : host.driver->ask_shutdown(host.domain);
              },
              [cuts](db::Txn& settle_txn, const Job& settled, Result<void> outcome) {
                return settle_ask(settle_txn, settled, cuts, std::move(outcome));
              }};
}

Result<Work> plan_await(db::Txn& txn, const Job& job) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (vm->rest_grade != Grade::kNone) return jobs::at_once(jobs::go("release"));
  if (is_given_up(job)) return jobs::at_once(give_up_asking(txn, *vm, ended_by_recover()));
  if (is_hard(job)) return jobs::at_once(jobs::go("ask"));
  if (is_too_late(txn, job)) {
    return jobs::at_once(give_up_asking(
        txn, *vm, {Errc::kStalled, "the guest did not switch itself off in time", {}}));
  }
  if (txn.at() - job.changed >= kLookInterval) return jobs::at_once(jobs::go("look"));
  const Duration left = instant_of(job, "DEADLINE_MS") - txn.at();
  return jobs::at_once(jobs::wait_for(stopped_key(vm->id), std::min(left, kLookInterval),
                                      "the guest is shutting down"));
}

Next settle_look(db::Txn& txn, const Job& job, Result<DomainFact> fact) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!fact) return ask_again(txn, job, *vm, fact.error());
  if (fact->power == Power::kRunning || fact->power == Power::kPaused) {
    const bool asks_again = txn.at() - instant_of(job, kAsked) >= kAskInterval;
    return jobs::go(asks_again ? "ask" : "await");
  }
  apply_off(txn, vm->id, fact->reason, txn.at());
  return jobs::go("release");
}

Result<Work> plan_look(db::Txn& txn, const Job& job, const Tools& tools) {
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (vm->rest_grade != Grade::kNone) return jobs::at_once(jobs::go("release"));
  auto host = reach(txn, tools, job.vm);
  if (!host) return jobs::at_once(give_up_asking(txn, *vm, host.error()));
  return jobs::work<DomainFact>(
      [host = *host](Progress&) { return host.driver->inspect_domain(host.domain); }, settle_look);
}

/// What release does outside of the database.
struct Release {
  std::optional<Reach> host;
  datastore_driver::Driver* storage = nullptr;
  bool cuts = false;           ///< a guest may still be there, paused
  bool is_known_off = false;
  std::vector<std::string> files;
  std::string directory;       ///< empty: stays
  bool proves = false;         ///< looks only whether all of it has been done

  Result<void> prove() const {
    if (host) {
      const auto off = prove_off(*host);
      if (!off && !(is_known_off && may_pass(off.error()))) return off;
    }
    return storage == nullptr ? Result<void>{} : prove_gone(*storage, files);
  }

  Result<void> operator()(Progress&) const {
    if (proves) return prove();
    if (cuts && host) CHECK_OK(host->driver->ensure_destroyed(host->domain));
    if (host) {
      const auto undefined = host->driver->ensure_undefined(host->domain);
      // A definition on a host that is gone harms nobody once its guest is known to be off.
      if (!undefined && !(is_known_off && may_pass(undefined.error()))) return undefined;
    }
    for (const auto& file : files) CHECK_OK(storage->ensure_deleted(file));
    if (directory.empty()) return {};
    const auto removed = storage->ensure_directory_deleted(directory);
    if (!removed && removed.error().code != Errc::kWrongState) return removed;
    return {};
  }
};

bool is_held(db::Txn& txn, const VmDisk& disk) {
  return !datastore::list_holds(txn, disk.vm, disk.id).empty();
}

/// \param held  filled with the disks that stay for their snapshots
Result<Release> plan_end(db::Txn& txn, const Vm& vm, const Tools& tools,
                         std::vector<DiskId>& held) {
  const VmPlan plan = TRY(plan_of(txn, vm.id));
  Release release;
  release.storage = TRY(tools.drivers.datastore(plan.system_tm_mad));
  release.cuts = true;
  for (const VmDisk& disk : plan.disks) {
    // A prolog that failed has made some files and written down none of them.
    if (disk.path.empty()) continue;
    if (disk.is_present && is_held(txn, disk)) held.push_back(disk.id);
    else add_layers(txn, disk, release.files);
  }
  // Also what is left of a save that failed, or that the guest outlived.
  release.files.push_back(memory_path_in(plan.directory));
  release.files.push_back(serial_log_path(plan));
  release.directory = plan.directory;
  return release;
}

void close(db::Txn& txn, const Job& job, const HaltRow& row) {
  const HistoryAction action = is_hard(job) ? row.hard : row.soft;
  change_history(txn, job.vm, [&](HistoryRecord& record) {
    if (record.running_started.is_set() && !record.running_ended.is_set()) {
      record.running_ended = txn.at();
    }
    record.action = action;
    record.by_user = job.owner;
    // Of a move it ends only when the VM gets there.
    if (row.target == HaltTarget::kPoweroff || row.target == HaltTarget::kMoved) return;
    record.epilog_ended = txn.at();
    record.ended = txn.at();
  });
}

Next settle_release(db::Txn& txn, const Job& job, const std::vector<DiskId>& held,
                    Result<void> outcome) {
  const HaltRow& row = row_of(job);
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::cancelled();
  if (!outcome) {
    if (may_pass(outcome.error()) && job.attempt + 1 < kReleaseAttempts) {
      vm->wait_reason = outcome.error().text();
      save_vm(txn, *vm);
      return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
    }
    set_stand(*vm, row.epilog_failed);
    put_error(*vm, txn.at(), outcome.error().text());
    vm->job = {};
    save_vm(txn, *vm);
    return jobs::failed(outcome.error());
  }
  // A snapshot that let go of its disk meanwhile leaves a file to delete.
  for (const VmDisk& disk : list_disks(txn, vm->id)) {
    const bool was_held = std::ranges::find(held, disk.id) != held.end();
    if (was_held && !is_held(txn, disk)) return jobs::go("release");
  }
  close(txn, job, row);
  if (row.end == VmState::kDone) {
    end_vm(txn, *vm);
    return jobs::done();
  }
  set_stand(*vm, {row.end, LcmState::kInit});
  vm->job = {};
  if (row.target == HaltTarget::kRecreated) forget_disks(txn, *vm);
  if (row.target == HaltTarget::kMoved) {
    const HistoryAction action = is_hard(job) ? row.hard : row.soft;
    return start_there(txn, *vm, deploy_row(DeployMode::kNew), {target_host(job), action,
                                                                job.owner});
  }
  save_vm(txn, *vm);
  return jobs::done();
}

Result<Work> plan_release(db::Txn& txn, const Job& job, const Tools& tools) {
  const HaltRow& row = row_of(job);
  auto vm = find_own_vm(txn, job);
  if (!vm) return jobs::at_once(jobs::cancelled());
  if (auto wait = wait_for_predecessor(txn, job)) return jobs::at_once(std::move(*wait));
  if (row.target == HaltTarget::kPoweroff || row.target == HaltTarget::kMoved) {
    return jobs::at_once(settle_release(txn, job, {}, {}));
  }
  if (vm->lcm != row.epilog) {
    set_stand(*vm, active(row.epilog));
    save_vm(txn, *vm);
    change_history(txn, vm->id, [&](HistoryRecord& record) {
      record.epilog_started = txn.at();
      if (!record.running_ended.is_set()) record.running_ended = txn.at();
    });
  }
  Release release;
  std::vector<DiskId> held;
  if (removes_disks(row)) fire_final_holds(txn, *vm);
  if (row.target == HaltTarget::kRecreated) {
    const Stand given_up = row.epilog_failed;
    if (auto wait = wait_for_snapshots(txn, job, *vm, given_up)) {
      return jobs::at_once(std::move(*wait));
    }
    intend_removal(txn, *vm);
  }
  if (removes_disks(row)) {
    auto planned = plan_end(txn, *vm, tools, held);
    if (!planned) return jobs::at_once(settle_release(txn, job, {}, tl::unexpected(
                                                                        planned.error())));
    release = std::move(*planned);
  }
  if (auto host = reach(txn, tools, vm->id)) release.host = *host;
  release.proves = is_proof(job);
  release.is_known_off = vm->rest_grade != Grade::kNone && vm->state == VmState::kActive;
  // A guest may still be there when a boot was tried and not heard of, and as the paused domain of
  // a SUSPENDED VM without a memory file.
  const bool may_be_paused = vm->rest_grade == Grade::kCrash && vm->memory_path.empty();
  release.cuts = release.cuts && (vm->rest_grade == Grade::kNone || may_be_paused);
  return Work{std::move(release), [held](db::Txn& settle_txn, const Job& settled,
                                         Result<void> outcome) {
                return settle_release(settle_txn, settled, held, std::move(outcome));
              }};
}

Next settle_sweep(db::Txn& txn, const Job& job, DiskId id, Result<void> outcome) {
  if (!outcome) return jobs::again(jobs::pause_after(job.attempt), outcome.error().text());
  auto disk = find_disk(txn, job.vm, id);
  if (!disk) return jobs::done();
  disk->is_present = false;
  disk->is_retained = false;
  disk->overlay_path.clear();
  if (!disk->is_persistent) datastore::delete_all_disk_snapshots(txn, tree_of(*disk));
  save_disk(txn, *disk);
  log::info("disk.swept", {{"vm", job.vm}, {"disk", id}});
  return jobs::done();
}

Result<Work> plan_sweep(db::Txn& txn, const Job& job, const Tools& tools) {
  const DiskId id{std::stoll(job.args.get("DISK"))};
  const VmDisk disk = TRY(find_disk(txn, job.vm, id));
  if (is_held(txn, disk)) {
    return jobs::at_once(jobs::wait_for(datastore::released_key(job.vm, id), Duration{600'000},
                                        "a snapshot needs the disk"));
  }
  const VmPlan plan = TRY(plan_of(txn, job.vm));
  Release release;
  release.storage = TRY(tools.drivers.datastore(plan.system_tm_mad));
  add_layers(txn, disk, release.files);
  release.directory = plan.directory;
  return Work{std::move(release), [id](db::Txn& settle_txn, const Job& settled,
                                       Result<void> outcome) {
                return settle_sweep(settle_txn, settled, id, std::move(outcome));
              }};
}

}  // namespace

jobs::KindSpec halt_kind(Tools tools) {
  const auto with_tools = [tools](auto plan) {
    return [tools, plan](db::Txn& txn, const Job& job) { return plan(txn, job, tools); };
  };
  jobs::KindSpec kind{"vm.halt", {}};
  kind.steps.push_back({"ask", jobs::Slot::kHost, Duration{120'000}, with_tools(plan_ask)});
  kind.steps.push_back({"await", jobs::Slot::kNone, Duration{60'000}, plan_await});
  kind.steps.push_back({"look", jobs::Slot::kHost, Duration{120'000}, with_tools(plan_look)});
  kind.steps.push_back({"release", jobs::Slot::kHost, Duration{120'000},
                        with_tools(plan_release)});
  return kind;
}

jobs::KindSpec sweep_kind(Tools tools) {
  jobs::KindSpec kind{"vm.sweep", {}};
  kind.steps.push_back({"sweep", jobs::Slot::kNone, Duration{120'000},
                        [tools](db::Txn& txn, const Job& job) {
                          return plan_sweep(txn, job, tools);
                        }});
  return kind;
}

}  // namespace neph::compute::internal
