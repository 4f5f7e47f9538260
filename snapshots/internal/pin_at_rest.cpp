#include "snapshots/internal/pin_at_rest.h"

#include <optional>

#include "snapshots/internal/moment.h"
#include "snapshots/internal/set.h"

namespace neph::snapshots {
namespace {

using datastore_driver::CloneMode;
using datastore_driver::Format;
using datastore_driver::Layer;

/// One disk, as the driver's part of the step needs it.
struct RestDisk {
  SnapshotId snapshot;
  Layer disk;
  std::string overlay_path;
  std::string shared_path;
  bool has_intent = false;  ///< a pin of the running guest may have made the overlay
  bool may_keep = false;    ///< the VM ends: the disk itself can be kept
  bool prefers_own_file = false;  ///< although the disk could be kept
};

struct Found {
  SnapshotId snapshot;
  PinKind pin = PinKind::kNone;
  std::string path;
  bool was_running = false;  ///< the overlay is that of a pin while the guest ran
};

Result<bool> is_there(datastore_driver::Driver& driver, const std::string& overlay) {
  const auto facts = driver.inspect_file({overlay, Format::kQcow2});
  if (facts) return true;
  if (facts.error().code == Errc::kNotFound) return false;
  return tl::unexpected(facts.error());
}

Result<Found> pin_one(datastore_driver::Driver& driver, const RestDisk& rest,
                      Progress& progress) {
  if (rest.has_intent) {
    if (TRY(is_there(driver, rest.overlay_path)))
      return Found{rest.snapshot, PinKind::kOverlay, rest.overlay_path, true};
    // An empty file may be: libvirt died before it made a layer of it.
    CHECK_OK(driver.ensure_deleted(rest.overlay_path));
  }
  if (rest.may_keep && !rest.prefers_own_file)
    return Found{rest.snapshot, PinKind::kDisk, {}, false};
  const auto shared = driver.ensure_pinned_at_rest(rest.disk, rest.shared_path);
  if (shared) return Found{rest.snapshot, PinKind::kShared, rest.shared_path, false};
  if (shared.error().code != Errc::kInvalid) return tl::unexpected(shared.error());
  if (rest.may_keep) return Found{rest.snapshot, PinKind::kDisk, {}, false};
  CHECK_OK(driver.ensure_cloned(rest.disk, {rest.overlay_path, Format::kQcow2},
                                CloneMode::kOverlay, std::nullopt, progress));
  return Found{rest.snapshot, PinKind::kOverlay, rest.overlay_path, false};
}

/// Also writes down which files may appear, before they do.
Result<RestDisk> intend(db::Txn& txn, Snapshot& snapshot, const compute::Vm& vm) {
  const auto disk = TRY(compute::find_disk(txn, snapshot.vm, snapshot.disk));
  RestDisk rest;
  rest.snapshot = snapshot.id;
  rest.disk = {disk.path, disk.format};
  rest.overlay_path = overlay_path_of(disk, snapshot.set);
  rest.shared_path = shared_path_of(disk, snapshot.set);
  rest.has_intent = disk.overlay_path == rest.overlay_path;
  rest.may_keep = is_ending(vm);
  // A persistent disk outlives its VM: somebody else's guest may get it before it is copied, so a
  // file of its own is better.
  rest.prefers_own_file = disk.is_persistent;
  snapshot.phase = Phase::kPinning;
  snapshot.reason.clear();
  if (!rest.has_intent) snapshot.pin_path = rest.shared_path;
  save_snapshot(txn, snapshot);
  return rest;
}

void settle_one(db::Txn& txn, Snapshot snapshot, const Found& found) {
  const auto hold = datastore::find_hold(txn, snapshot.id);
  const Instant due_at = hold ? hold->due_at : txn.at();
  if (found.was_running) {
    // It shows the running guest's disk at the instant of that pin, whose proof was lost.
    snapshot.grade = datastore::Grade::kCrash;
    if (!snapshot.captured.is_set()) snapshot.captured = due_at;
  } else {
    snapshot.grade = hold ? hold->grade : datastore::Grade::kUnknown;
    snapshot.captured = due_at;
  }
  snapshot.pin = found.pin;
  snapshot.pin_path = found.path;
  if (auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk)) {
    disk->overlay_path = found.pin == PinKind::kOverlay ? found.path : std::string{};
    compute::save_disk(txn, *disk);
  }
  settle_member(txn, snapshot);
}

jobs::Next settle(db::Txn& txn, const jobs::Job& job, Result<std::vector<Found>> found) {
  if (!found) return retry_members(txn, job, "pinning", found.error());
  for (const Found& one : *found) {
    auto snapshot = find_snapshot(txn, one.snapshot);
    if (!snapshot) return jobs::failed(snapshot.error());
    if (!is_over(snapshot->phase)) settle_one(txn, std::move(*snapshot), one);
  }
  return jobs::done();
}

}  // namespace

Result<jobs::Work> plan_pin_at_rest(const Toolbox& tools, db::Txn& txn, const jobs::Job& job,
                                    std::vector<Snapshot>& set) {
  const auto vm = TRY(compute::find_vm(txn, job.vm));
  auto* driver = TRY(layer_driver(txn, tools, vm));
  std::vector<RestDisk> disks;
  for (Snapshot& snapshot : set) disks.push_back(TRY(intend(txn, snapshot, vm)));
  return jobs::work<std::vector<Found>>(
      [driver, disks](Progress& progress) -> Result<std::vector<Found>> {
        std::vector<Found> found;
        for (const RestDisk& disk : disks)
          found.push_back(TRY(pin_one(*driver, disk, progress)));
        return found;
      },
      &settle);
}

}  // namespace neph::snapshots
