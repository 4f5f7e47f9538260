#include "snapshots/snapshot_service.h"

#include <algorithm>

#include "base/log.h"
#include "jobs/queue.h"
#include "snapshots/internal/backup_watch.h"
#include "snapshots/internal/moment.h"
#include "snapshots/internal/records.h"

namespace neph::snapshots {
namespace {

/// Nothing has been tried yet that could have left a layer on the disk.
bool is_untouched(const Snapshot& snapshot) {
  return snapshot.pin == PinKind::kNone && snapshot.pin_path.empty();
}

bool is_all_that_is_left(db::Txn& txn, const Snapshot& snapshot) {
  const auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
  if (disk && disk->is_retained) return true;
  const auto vm = compute::find_vm(txn, snapshot.vm);
  return vm && vm->state == compute::VmState::kDone;
}

/// A worker that is over needs no telling.
void stop_worker(db::Txn& txn, JobId worker) {
  if (!worker.is_set()) return;
  if (const auto asked = jobs::ask_cancel(txn, worker); !asked)
    log::debug("snapshot.worker_over", {{"job", worker}});
}

/// A pin job works for its whole set: it is stopped with the last of it, else only told.
void leave_set(db::Txn& txn, const Snapshot& snapshot) {
  const auto set = list_set(txn, snapshot.set);
  const bool is_last = std::none_of(set.begin(), set.end(), [&](const Snapshot& other) {
    return other.id != snapshot.id && other.job == snapshot.job && !is_over(other.phase) &&
           other.phase != Phase::kCancelling;
  });
  if (is_last) return stop_worker(txn, snapshot.job);
  jobs::hurry(txn, snapshot.job);
}

}  // namespace

Result<void> give_up(db::Txn& txn, Snapshot snapshot, Phase end) {
  if (is_over(snapshot.phase))
    return fail(Errc::kWrongState, "snapshot {} is {}", snapshot.id, name_of(snapshot.phase));
  if (snapshot.phase == Phase::kCancelling) return {};
  const JobId worker = snapshot.job;
  if (is_untouched(snapshot)) {
    drop(txn, snapshot, end);
    leave_set(txn, snapshot);
    return {};
  }
  snapshot.phase = Phase::kCancelling;
  snapshot.reason = "waiting for its worker to stop";
  jobs::NewJob undo;
  undo.kind = "snapshot.undo";
  undo.step = "stop";
  undo.owner = snapshot.owner;
  undo.datastore = snapshot.datastore;
  undo.vm = snapshot.vm;
  undo.image = snapshot.image;
  undo.snapshot = snapshot.id;
  undo.args.set("WORKER", fmt::format("{}", worker));
  undo.args.set("END", std::string(name_of(end)));
  save_snapshot(txn, snapshot);
  leave_set(txn, snapshot);
  snapshot.job = jobs::enqueue(txn, undo);
  save_snapshot(txn, snapshot);
  return {};
}

namespace {

/// Back to work: LOCKED again, without the error.
Snapshot revive(db::Txn& txn, Snapshot snapshot, Phase phase) {
  snapshot.phase = phase;
  snapshot.error.clear();
  snapshot.reason.clear();
  save_snapshot(txn, snapshot);
  if (auto image = datastore::find_image(txn, snapshot.image)) {
    image->state = datastore::ImageState::kLocked;
    image->attributes.erase("ERROR");
    save_provenance(txn, std::move(*image), snapshot);
  }
  return snapshot;
}

/// A pin is for the whole set, so those that failed with this one come along.
void retry_pin(db::Txn& txn, const Snapshot& failed) {
  std::vector<Snapshot> again;
  for (const Snapshot& snapshot : list_set(txn, failed.set)) {
    const auto hold = datastore::find_hold(txn, snapshot.id);
    const bool is_pinned = hold && hold->state == datastore::HoldState::kPinned;
    if (snapshot.phase != Phase::kFailed || is_pinned) continue;
    const bool is_armed = hold && hold->state == datastore::HoldState::kArmed &&
                          snapshot.fires != datastore::Fires::kByItself;
    rearm(txn, snapshot, snapshot.fires);
    again.push_back(revive(txn, snapshot, is_armed ? Phase::kArmed : Phase::kPinning));
  }
  enqueue_pin(txn, again);
}

}  // namespace

Result<void> SnapshotService::cancel(db::Txn& txn, SnapshotId id) {
  const Snapshot snapshot = TRY(find_snapshot(txn, id));
  // The disks of a backup are worth nothing without each other.
  if (is_backup(txn, snapshot)) return snapshots::cancel_backup(txn, snapshot.image);
  if (!is_over(snapshot.phase) && is_all_that_is_left(txn, snapshot))
    return fail(Errc::kWrongState,
                "VM {} has ended and its disk {} is kept for snapshot {} alone: discard the "
                "snapshot by naming image \"{}\"",
                snapshot.vm, snapshot.disk, id, snapshot.image_name);
  return give_up(txn, snapshot, Phase::kCancelled);
}

Result<void> SnapshotService::discard(db::Txn& txn, SnapshotId id, const std::string& image_name) {
  const Snapshot snapshot = TRY(find_snapshot(txn, id));
  const auto image = datastore::find_image(txn, snapshot.image);
  if (image_name != (image ? image->name : snapshot.image_name))
    return fail(Errc::kInvalid, "snapshot {} makes image {}, whose name is not \"{}\"", id,
                snapshot.image, image_name);
  if (is_backup(txn, snapshot)) return snapshots::cancel_backup(txn, snapshot.image);
  return give_up(txn, snapshot, Phase::kDiscarded);
}

Result<void> SnapshotService::retry(db::Txn& txn, SnapshotId id) {
  const Snapshot snapshot = TRY(find_snapshot(txn, id));
  if (snapshot.phase == Phase::kFailed && is_backup(txn, snapshot))
    return fail(Errc::kWrongState, "snapshot {} belongs to a backup, which ends with it: back up "
                "VM {} again", id, snapshot.vm);
  if (snapshot.phase == Phase::kWaiting) {
    jobs::hurry(txn, snapshot.job);
    return {};
  }
  if (snapshot.phase != Phase::kFailed)
    return fail(Errc::kWrongState, "snapshot {} is {}, not failed", id, name_of(snapshot.phase));
  const auto hold = datastore::find_hold(txn, id);
  if (!hold || hold->state != datastore::HoldState::kPinned) {
    retry_pin(txn, snapshot);
    return {};
  }
  enqueue_copy(txn, revive(txn, snapshot, Phase::kWaiting));
  return {};
}

Result<void> SnapshotService::capture(db::Txn& txn, SnapshotId id) {
  const Snapshot snapshot = TRY(find_snapshot(txn, id));
  if (snapshot.phase != Phase::kArmed)
    return fail(Errc::kWrongState, "snapshot {} is {}, not armed", id, name_of(snapshot.phase));
  const auto vm = TRY(compute::find_vm(txn, snapshot.vm));
  const Moment moment = moment_of(vm);
  if (moment != Moment::kAtRest && moment != Moment::kSaved)
    return fail(Errc::kWrongState, "{}: the disk can be taken when the guest is off",
                words_of(vm));
  for (const Snapshot& other : list_set(txn, snapshot.set)) {
    if (other.phase != Phase::kArmed) continue;
    datastore::mark_due(txn, other.id, txn.at(), datastore::Grade::kCrash);
  }
  // It may be waiting for a state of the VM instead.
  jobs::hurry(txn, snapshot.job);
  return {};
}

Result<void> SnapshotService::cancel_by_image(db::Txn& txn, ImageId image) {
  const auto snapshot = find_by_image(txn, image);
  if (snapshot && is_backup(txn, *snapshot)) return snapshots::cancel_backup(txn, image);
  if (!snapshot || is_over(snapshot->phase))
    return fail(Errc::kNotFound, "no snapshot is making image {}", image);
  return cancel(txn, snapshot->id);
}

}  // namespace neph::snapshots
