#include "tests/sim/cloud/oracle.h"

#include "compute/vm.h"
#include "datastore/backups.h"
#include "datastore/image.h"
#include "tests/support/invariants.h"

namespace neph::cloud {

using datastore::Grade;
using datastore::ImageState;
using hypervisor_driver::StopReason;
using snapshots::Phase;
using snapshots::PinKind;
using snapshots::Snapshot;

void Oracle::complain(const Snapshot& snapshot, std::string_view what) {
  cloud_.complain(fmt::format("snapshot {} (VM {}, disk {}, {}): {}", snapshot.id, snapshot.vm,
                              snapshot.disk, name_of(snapshot.phase), what));
}

void Oracle::acknowledge_snapshot(const std::string& image_name) {
  const auto id = cloud_.read<std::optional<SnapshotId>>([&](db::Txn& txn) {
    return txn.value<SnapshotId>("SELECT MAX(id) FROM snapshots WHERE image_name = ?", image_name);
  });
  if (!id || !id->is_set())
    return cloud_.complain("the snapshot to " + image_name + " was acknowledged and is not there");
  known_[*id].is_acknowledged = true;
  ++cloud_.report().acknowledged;
}

void Oracle::look(db::Txn& txn, const db::ChangeSet& changes) {
  for (const auto& [kind, id] : changes.all()) {
    if (kind == ObjectKind::kSnapshot) look_at(txn, SnapshotId{id});
    if (kind == ObjectKind::kImage) look_at_backup(txn, ImageId{id});
    if (kind != ObjectKind::kVm) continue;
    const auto vm = compute::find_vm(txn, VmId{id});
    if (!vm) continue;
    cloud_.note(fmt::format("VM {} {}{}", id, compute::shown_name(vm->state, vm->lcm),
                            vm->wait_reason.empty() ? "" : ", waits: " + vm->wait_reason));
    if (vm->state == compute::VmState::kDone) check_retained(txn, vm->id);
  }
}

void Oracle::look_at(db::Txn& txn, SnapshotId id) {
  const auto snapshot = snapshots::find_snapshot(txn, id);
  if (!snapshot) return cloud_.complain(fmt::format("snapshot {} has lost its row", id));
  Known& known = known_[id];
  if (const auto image = datastore::find_image(txn, snapshot->image))
    known.is_of_backup = image->type == datastore::ImageType::kBackup;
  if (snapshot->phase != known.phase)
    cloud_.note(fmt::format("snapshot {} of VM {} is {} {}{}", id, snapshot->vm,
                            name_of(snapshot->phase), snapshot->reason, snapshot->error));
  if (known.captured.is_set() && snapshot->captured != known.captured)
    complain(*snapshot, "shows another instant than before");
  // Before, the layer is an intent.
  const bool is_captured = snapshot->pin != PinKind::kNone && snapshot->grade != Grade::kNone;
  if (is_captured && !known.captured.is_set()) {
    known.captured = snapshot->captured;
    capture(txn, *snapshot, known);
  }
  if (snapshot->phase != known.phase) {
    if (snapshot->phase == Phase::kReady) compare(txn, *snapshot, known);
    if (snapshot->phase == Phase::kFailed) check_kept(txn, *snapshot);
    const bool has_gone =
        snapshot->phase == Phase::kCancelled || snapshot->phase == Phase::kDiscarded;
    // A backup is given up as a whole when one of its parts fails.
    if (has_gone && !given_up_.contains(id) && !known.is_of_backup)
      complain(*snapshot, "nobody gave it up");
  }
  known.phase = snapshot->phase;
}

void Oracle::look_at_backup(db::Txn& txn, ImageId id) {
  const auto image = datastore::find_image(txn, id);
  const bool is_one = image && image->type == datastore::ImageType::kBackup;
  if (!is_one || image->state != ImageState::kReady || !backups_.insert(id).second) return;
  ++cloud_.report().backups;
  for (const Snapshot& part : snapshots::list_by_image(txn, id))
    if (part.phase != Phase::kReady) complain(part, "is part of a backup that is ready");
}

/// What the guest had on the disk at that instant, as the world knows it.
void Oracle::capture(db::Txn& txn, const Snapshot& snapshot, Known& known) {
  const auto pinned = cloud_.world().find_pinned(snapshot.pin_path);
  if (snapshot.pin == PinKind::kOverlay && pinned) {
    known.content = pinned->content;
    if (snapshot.grade == Grade::kFrozen && !pinned->is_frozen)
      complain(snapshot, "is graded frozen, and the guest was not");
    if (snapshot.grade == Grade::kShutdown) complain(snapshot, "is graded shutdown, and it ran");
    return;
  }
  const auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
  if (!disk) return complain(snapshot, "was captured of no disk");
  const auto rested =
      cloud_.world().find_rested(compute::domain_name(snapshot.vm), disk->target);
  if (!rested || changed_at_rest_.contains(snapshot.vm)) {
    // A VM that could not boot so far, or a disk that its owner has changed since.
    known.content = cloud_.world().content_of(disk->path).value_or(sim::Content{});
    return;
  }
  known.content = rested->content;
  if (snapshot.grade == Grade::kShutdown && rested->reason != StopReason::kShutdown)
    complain(snapshot, "is graded shutdown, and the guest did not shut down");
  if (snapshot.grade == Grade::kFrozen) complain(snapshot, "is graded frozen, and it was off");
}

void Oracle::compare(db::Txn& txn, const Snapshot& snapshot, const Known& known) {
  const auto image = datastore::find_image(txn, snapshot.image);
  if (!image) return complain(snapshot, "is ready, and its image is not there");
  // A backup waits for all of its parts.
  if (image->state != ImageState::kReady && !known.is_of_backup)
    complain(snapshot, "is ready, and its image is not");
  if (snapshot.grade == Grade::kNone) complain(snapshot, "is ready without a grade");
  const auto content = cloud_.world().content_of(
      known.is_of_backup ? datastore::backup_path_of(*image, snapshot.disk) : image->source);
  if (!content) return complain(snapshot, "is ready without bytes: " + content.error().text());
  if (!known.content) return complain(snapshot, "is ready, and was never captured");
  if (content->blocks != known.content->blocks)
    complain(snapshot, "its image has not the bytes of the captured instant");
  if (content->virtual_size != known.content->virtual_size)
    complain(snapshot, "its image has another size than the disk");
}

/// Failed: there is a reason, and what it was to be made of is still there.
void Oracle::check_kept(db::Txn& txn, const Snapshot& snapshot) {
  if (snapshot.error.empty()) complain(snapshot, "failed without a reason");
  const auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
  if (!disk) return complain(snapshot, "failed and its disk has no row");
  const std::string& kept = snapshot.pin == PinKind::kShared ? snapshot.pin_path : disk->path;
  if (disk->is_present && !cloud_.world().content_of(kept))
    complain(snapshot, "failed and its disk is gone");
}

/// Its disks went, but those that a snapshot needs.
void Oracle::check_retained(db::Txn& txn, VmId ended) {
  for (const auto& disk : compute::list_disks(txn, ended)) {
    if (disk.is_retained) continue;
    for (const Snapshot& snapshot : snapshots::list_open_of_disk(txn, ended, disk.id))
      if (snapshot.phase != Phase::kCancelling) complain(snapshot, "its disk is not retained");
  }
}

void Oracle::look_over() {
  const auto complaints = cloud_.read<invariants::Complaints>(
      [&](db::Txn& txn) { return invariants::check_always(txn, cloud_.world()); });
  for (const auto& complaint : complaints) cloud_.complain(complaint);
}

std::vector<Snapshot> Oracle::failed() {
  std::vector<Snapshot> found;
  for (const auto& [id, known] : known_) {
    if (known.phase != Phase::kFailed) continue;
    auto snapshot = cloud_.read<Result<Snapshot>>(
        [id = id](db::Txn& txn) { return snapshots::find_snapshot(txn, id); });
    if (snapshot) found.push_back(std::move(*snapshot));
  }
  return found;
}

void Oracle::judge(bool is_all_over) {
  const auto complaints = cloud_.read<invariants::Complaints>([&](db::Txn& txn) {
    auto found = invariants::check_at_rest(txn, cloud_.world());
    for (const VmId vm : vms_)
      if (!compute::find_vm(txn, vm))
        found.push_back(fmt::format("VM {} was acknowledged and is not there", vm));
    for (const ImageId image : images_)
      if (!images_given_up_.contains(image) && !datastore::find_image(txn, image))
        found.push_back(fmt::format("image {} was acknowledged and is not there", image));
    return found;
  });
  for (const auto& complaint : complaints) cloud_.complain(complaint);
  auto& report = cloud_.report();
  for (const auto& [id, known] : known_) {
    const auto found = cloud_.read<Result<Snapshot>>(
        [id = id](db::Txn& txn) { return snapshots::find_snapshot(txn, id); });
    if (!found) {
      cloud_.complain(fmt::format("snapshot {} was told of and is not there", id));
      continue;
    }
    const Snapshot& snapshot = *found;
    if (is_all_over && !is_over(known.phase) && known.phase != Phase::kFailed)
      complain(snapshot, "has not come to an end: " + snapshot.reason);
    if (!is_all_over || !known.is_acknowledged) continue;
    if (known.phase == Phase::kReady) ++report.ready;
    if (known.phase == Phase::kFailed) ++report.failed_with_reason;
    if (known.phase == Phase::kCancelled || known.phase == Phase::kDiscarded) ++report.given_up;
  }
}

}  // namespace neph::cloud
