#include "snapshots/internal/unpin.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "compute/host.h"
#include "compute/thaw.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"
#include "snapshots/internal/moment.h"

namespace neph::snapshots {
namespace {

using datastore_driver::Format;
using datastore_driver::Layer;

constexpr Duration kStateWait{600'000};
constexpr Duration kClaimWait{60'000};

enum class Fold { kLive, kAtRest, kNothing, kWait };

bool is_held_by_others(db::Txn& txn, const Snapshot& snapshot) {
  const auto holds = datastore::list_holds(txn, snapshot.vm, snapshot.disk);
  return std::any_of(holds.begin(), holds.end(), [&](const datastore::Hold& hold) {
    return hold.snapshot != snapshot.id;
  });
}

/// Whether somebody waits for this layer to go before its own instant can be pinned.
bool is_awaited(db::Txn& txn, const Snapshot& snapshot) {
  const auto holds = datastore::list_holds(txn, snapshot.vm, snapshot.disk);
  return std::any_of(holds.begin(), holds.end(), [&](const datastore::Hold& hold) {
    return hold.snapshot != snapshot.id && hold.state == datastore::HoldState::kDue;
  });
}

Fold fold_of(db::Txn& txn, const Snapshot& snapshot, const compute::Vm& vm,
             const compute::VmDisk& disk) {
  const bool is_wanted = disk.is_persistent || is_held_by_others(txn, snapshot);
  switch (moment_of(vm)) {
    case Moment::kRunning: return Fold::kLive;
    case Moment::kAtRest: return Fold::kAtRest;
    case Moment::kGone: return is_wanted ? Fold::kAtRest : Fold::kNothing;
    // The guest is off in EPILOG; while the VM is deleted it may not be yet. A layer that goes with
    // its VM stays until it has gone: the epilog may fail.
    case Moment::kRemoved:
      return is_wanted && vm.lcm != compute::LcmState::kCleanupDelete ? Fold::kAtRest
                                                                      : Fold::kWait;
    // Both would wait for each other: the saved guest for the other snapshot, that one for this.
    case Moment::kSaved: return is_awaited(txn, snapshot) ? Fold::kAtRest : Fold::kWait;
    // The same with a boot that waits for the other snapshot. None acts while one is due, and the
    // claim on the disk holds up later ones.
    case Moment::kMoving:
    case Moment::kAbsent:
      return is_awaited(txn, snapshot) && is_before_boot(vm) ? Fold::kAtRest : Fold::kWait;
    default: return Fold::kWait;
  }
}

/// The pin was given up before its driver had answered.
bool may_be_frozen(const Snapshot& snapshot) { return snapshot.grade == datastore::Grade::kNone; }

/// A guest that is frozen still is thawed first; an agent that is silent holds up no fold.
Result<void> fold_live(const compute::Domain& domain, hypervisor_driver::Driver& driver,
                       const compute::VmDisk& disk, std::optional<int> attempt_to_thaw,
                       Progress& progress) {
  Result<void> thawed;
  if (attempt_to_thaw) thawed = compute::thaw_in_doubt(driver, domain.ref, *attempt_to_thaw);
  const hypervisor_driver::PinDisk pinned{disk.target, disk.overlay_path};
  CHECK_OK(driver.ensure_unpinned(domain.ref, pinned, disk.path, progress));
  return thawed;
}

/// The driver's part of a fold. The driver is looked up now: act() sees no database.
Result<std::function<Result<void>(Progress&)>> folding(const Toolbox& tools, db::Txn& txn,
                                                       Fold fold, const compute::Vm& vm,
                                                       const compute::VmDisk& disk,
                                                       std::optional<int> attempt_to_thaw) {
  using Act = std::function<Result<void>(Progress&)>;
  if (fold == Fold::kLive) {
    const auto domain = TRY(compute::find_domain(txn, vm.id));
    auto* driver = TRY(tools.drivers.hypervisor(domain.vm_mad));
    return Act([=](Progress& progress) {
      return fold_live(domain, *driver, disk, attempt_to_thaw, progress);
    });
  }
  auto* driver = TRY(layer_driver(txn, tools, vm));
  const Layer overlay{disk.overlay_path, Format::kQcow2};
  const Layer base{disk.path, disk.format};
  return Act([=](Progress& progress) {
    return driver->ensure_merged_at_rest(overlay, base, progress);
  });
}

jobs::Next folded(db::Txn& txn, const jobs::Job& job, const Finish& finish) {
  const auto snapshot = find_snapshot(txn, job.snapshot);
  if (!snapshot) return jobs::failed(snapshot.error());
  if (auto disk = compute::find_disk(txn, snapshot->vm, snapshot->disk)) {
    disk->overlay_path.clear();
    compute::save_disk(txn, *disk);
  }
  jobs::release(txn, job.id, compute::disk_resource(snapshot->vm, snapshot->disk));
  finish(txn, *snapshot);
  return jobs::done();
}

jobs::Next try_again(const jobs::Job& job, std::string_view what, const Error& error) {
  log::warn("snapshot.unpin", {{"snapshot", job.snapshot}, {"error", error.text()}});
  return jobs::again(jobs::pause_after(job.attempt), fmt::format("{}: {}", what, error.text()));
}

Result<jobs::Work> plan_fold(const Toolbox& tools, db::Txn& txn, const jobs::Job& job,
                             const Finish& finish) {
  const Snapshot snapshot = TRY(find_snapshot(txn, job.snapshot));
  const auto vm = compute::find_vm(txn, snapshot.vm);
  const auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
  const bool has_layer = vm && disk && disk->overlay_path == snapshot.pin_path;
  const Fold fold = has_layer ? fold_of(txn, snapshot, *vm, *disk) : Fold::kNothing;
  if (fold == Fold::kNothing) {
    finish(txn, snapshot);
    return jobs::at_once(jobs::done());
  }
  const std::string resource = compute::disk_resource(snapshot.vm, snapshot.disk);
  if (fold == Fold::kWait) {
    jobs::release(txn, job.id, resource);
    return jobs::at_once(jobs::wait_for(
        compute::state_key(vm->id), kStateWait,
        fmt::format("its layer is folded back later: {}", words_of(*vm))));
  }
  if (const auto claimed = jobs::claim(txn, job, resource); !claimed)
    return jobs::at_once(jobs::wait_for(jobs::claim_key(resource), kClaimWait,
                                        claimed.error().text()));
  const auto attempt_to_thaw =
      may_be_frozen(snapshot) ? std::optional(job.attempt) : std::nullopt;
  auto act = folding(tools, txn, fold, *vm, *disk, attempt_to_thaw);
  if (!act) {
    jobs::release(txn, job.id, resource);
    return jobs::at_once(try_again(job, "folding back", act.error()));
  }
  jobs::Work work{std::move(*act), [finish, resource](db::Txn& settling, const jobs::Job& now,
                                                      Result<void> outcome) -> jobs::Next {
    if (outcome) return folded(settling, now, finish);
    // Whoever wants to boot or to stop the guest comes first; its state is looked at again.
    jobs::release(settling, now.id, resource);
    return try_again(now, "folding back", outcome.error());
  }};
  if (fold == Fold::kLive) work.host = vm->host;
  return work;
}

/// Files of its own that nothing stands on.
std::vector<std::string> own_files(db::Txn& txn, const Snapshot& snapshot) {
  std::vector<std::string> files{snapshot.pin_path};
  const auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
  // A pin at rest that was interrupted may have come as far as an empty overlay, on which no
  // guest has been: none is started while the disk is due.
  if (snapshot.pin == PinKind::kNone && disk && disk->overlay_path.empty())
    files.push_back(overlay_path_of(*disk, snapshot.set));
  return files;
}

Result<jobs::Work> plan_delete(const Toolbox& tools, db::Txn& txn, const jobs::Job& job,
                               const Finish& finish) {
  const Snapshot snapshot = TRY(find_snapshot(txn, job.snapshot));
  const auto vm = TRY(compute::find_vm(txn, snapshot.vm));
  auto driver = layer_driver(txn, tools, vm);
  if (!driver) return jobs::at_once(try_again(job, "removing the pinned file", driver.error()));
  return jobs::Work{
      [driver = *driver, files = own_files(txn, snapshot)](Progress&) -> Result<void> {
        for (const auto& file : files) CHECK_OK(driver->ensure_deleted(file));
        return {};
      },
      [finish](db::Txn& settling, const jobs::Job& now, Result<void> outcome) -> jobs::Next {
        if (!outcome) return try_again(now, "removing the pinned file", outcome.error());
        const auto done = find_snapshot(settling, now.snapshot);
        if (!done) return jobs::failed(done.error());
        finish(settling, *done);
        return jobs::done();
      }};
}

}  // namespace

Result<jobs::Work> plan_unpin(const Toolbox& tools, db::Txn& txn, const jobs::Job& job,
                              const Finish& finish) {
  const Snapshot snapshot = TRY(find_snapshot(txn, job.snapshot));
  if (snapshot.pin == PinKind::kOverlay) return plan_fold(tools, txn, job, finish);
  const bool is_own = snapshot.pin != PinKind::kLayer && !snapshot.pin_path.empty();
  if (is_own) return plan_delete(tools, txn, job, finish);
  finish(txn, snapshot);
  return jobs::at_once(jobs::done());
}

}  // namespace neph::snapshots
