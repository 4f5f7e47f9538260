#include "snapshots/internal/records.h"

#include "access/directory.h"
#include "base/log.h"
#include "datastore/backups.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"
#include "snapshots/internal/backup_watch.h"

namespace neph::snapshots {
namespace {

constexpr int kDefaultUmask = 0177;

text::Vector provenance_of(const Snapshot& snapshot) {
  text::Vector facts;
  const auto set = [&](std::string_view key, std::string value) {
    if (!value.empty()) facts.set(key, std::move(value));
  };
  set("SNAPSHOT_ID", fmt::format("{}", snapshot.id));
  set("VM_ID", fmt::format("{}", snapshot.vm));
  set("DISK_ID", fmt::format("{}", snapshot.disk));
  set("KIND", std::string(name_of(snapshot.kind)));
  set("REQUESTED_AT", to_text(snapshot.requested));
  if (snapshot.phase == Phase::kArmed) set("PHASE", std::string(name_of(snapshot.phase)));
  if (snapshot.phase != Phase::kReady) return facts;
  set("GRADE", std::string(name_of(snapshot.grade)));
  set("CAPTURED_AT", to_text(snapshot.captured));
  set("SHA256", snapshot.sha256);
  return facts;
}

}  // namespace

std::string overlay_path_of(const compute::VmDisk& disk, SnapshotId set) {
  return fmt::format("{}.snap-{}", disk.path, set);
}
std::string shared_path_of(const compute::VmDisk& disk, SnapshotId set) {
  return fmt::format("{}.pin-{}", disk.path, set);
}
std::string target_path_of(const datastore::Image& image, DiskId disk) {
  const bool is_backup = image.type == datastore::ImageType::kBackup;
  return is_backup ? datastore::backup_path_of(image, disk) : image.source;
}
std::string partial_path_of(const datastore::Image& image, DiskId disk) {
  return target_path_of(image, disk) + ".part";
}

namespace {

Result<void> check_target(db::Txn& txn, const access::Actor& actor,
                          const datastore::Datastore& datastore) {
  access::Subject image;
  image.kind = access::Resource::kImage;
  image.owner = actor.user;
  image.group = actor.group;
  CHECK_OK(access::authorize(txn, actor, access::Op::kCreate, image));
  return access::authorize(txn, actor, access::Op::kUse, datastore::subject_of(datastore));
}

}  // namespace

Result<void> check_rights(db::Txn& txn, const access::Actor& actor, const compute::Vm& vm,
                          const datastore::Datastore& datastore) {
  CHECK_OK(access::authorize(txn, actor, access::Op::kManage, compute::subject_of(vm)));
  return check_target(txn, actor, datastore);
}

Result<void> check_rights_again(db::Txn& txn, const Snapshot& snapshot) {
  const auto owner = access::find_user(txn, snapshot.owner);
  if (!owner) return fail(Errc::kDenied, "its owner, user {}, is gone", snapshot.owner);
  if (!owner->is_enabled) return fail(Errc::kDenied, "its owner, {}, is disabled", owner->name);
  const auto actor = access::actor_of(*owner, GroupId{}, kDefaultUmask);
  const auto vm = TRY(compute::find_vm(txn, snapshot.vm));
  CHECK_OK(access::authorize_despite_lock(txn, actor, access::Op::kManage,
                                          compute::subject_of(vm)));
  return check_target(txn, actor, TRY(datastore::find_datastore(txn, snapshot.datastore)));
}

void save_provenance(db::Txn& txn, datastore::Image image, const Snapshot& snapshot) {
  // Of a backup it is written for all disks at once, at the end.
  if (image.type == datastore::ImageType::kBackup) return;
  image.attributes.set("SNAPSHOT", provenance_of(snapshot));
  datastore::save_image(txn, image);
}

void mark_disk(db::Txn& txn, const Snapshot& snapshot, SaveAs mark) {
  auto disk = compute::find_disk(txn, snapshot.vm, snapshot.disk);
  if (!disk) return;
  const auto image = fmt::format("{}", snapshot.image);
  if (mark == SaveAs::kShown) {
    disk->attributes.set("SAVE_AS", image);
  } else if (disk->attributes.get("SAVE_AS") == image) {
    disk->attributes.erase("SAVE_AS");
  } else {
    return;
  }
  compute::save_disk(txn, *disk);
}

void enqueue_pin(db::Txn& txn, const std::vector<Snapshot>& set) {
  jobs::NewJob job;
  job.kind = "snapshot.pin";
  job.step = "await";
  job.owner = set.front().owner;
  job.vm = set.front().vm;
  job.image = set.front().image;
  job.snapshot = set.front().set;
  const JobId id = jobs::enqueue(txn, job);
  for (Snapshot snapshot : set) {
    snapshot.job = id;
    save_snapshot(txn, snapshot);
  }
}

void enqueue_copy(db::Txn& txn, Snapshot snapshot) {
  jobs::NewJob job;
  job.kind = "snapshot.copy";
  job.step = "space";
  job.owner = snapshot.owner;
  job.datastore = snapshot.datastore;
  job.vm = snapshot.vm;
  job.image = snapshot.image;
  job.snapshot = snapshot.id;
  snapshot.job = jobs::enqueue(txn, job);
  snapshot.phase = Phase::kWaiting;
  snapshot.reason = "waiting for a copy slot";
  save_snapshot(txn, snapshot);
}

void drop(db::Txn& txn, Snapshot snapshot, Phase end, const std::string& left) {
  mark_disk(txn, snapshot, SaveAs::kGone);
  datastore::release_hold(txn, snapshot.id);
  const bool is_of_backup = is_backup(txn, snapshot);
  auto image = datastore::find_image(txn, snapshot.image);
  if (image && !is_of_backup && left.empty()) datastore::delete_image_row(txn, image->id);
  if (image && !is_of_backup && !left.empty()) {
    image->state = datastore::ImageState::kError;
    image->job = {};
    image->attributes.set("ERROR", left);
    datastore::save_image(txn, *image);
  }
  txn.touch(ObjectKind::kUser, snapshot.owner);
  txn.touch(ObjectKind::kGroup, snapshot.group);
  snapshot.phase = end;
  snapshot.reason.clear();
  save_snapshot(txn, snapshot);
  if (is_of_backup) settle_given_up(txn, snapshot.image);
  log::info("snapshot.ended", {{"snapshot", snapshot.id}, {"phase", name_of(end)}});
}

bool is_capturing(const Snapshot& snapshot) {
  if (snapshot.phase == Phase::kArmed) return false;
  if (snapshot.phase == Phase::kFailed) return snapshot.pin != PinKind::kNone;
  return !is_over(snapshot.phase);
}

void rearm(db::Txn& txn, const Snapshot& snapshot, datastore::Fires fires) {
  auto hold = datastore::find_hold(txn, snapshot.id);
  if (!hold || hold->state != datastore::HoldState::kArmed || hold->fires == fires) return;
  datastore::release_hold(txn, snapshot.id);
  hold->fires = fires;
  datastore::place_hold(txn, *hold);
}

void mark_failed(db::Txn& txn, Snapshot snapshot, std::string_view step, const Error& error) {
  // What is being cancelled ends so, whatever its worker met.
  if (snapshot.phase == Phase::kCancelling || is_over(snapshot.phase)) return;
  snapshot.phase = Phase::kFailed;
  snapshot.reason.clear();
  snapshot.error = fmt::format("{}: {}", step, error.text());
  save_snapshot(txn, snapshot);
  // A hot one that has captured nothing keeps its disk from going, but not its VM from starting:
  // no stop makes it due any more.
  const bool has_nothing = snapshot.pin == PinKind::kNone;
  if (has_nothing && snapshot.fires == datastore::Fires::kByItself)
    rearm(txn, snapshot, datastore::Fires::kEnd);
  wake_backup(txn, snapshot.image);
  if (is_backup(txn, snapshot)) return;
  if (auto image = datastore::find_image(txn, snapshot.image)) {
    image->state = datastore::ImageState::kError;
    image->attributes.set("ERROR", snapshot.error);
    save_provenance(txn, std::move(*image), snapshot);
  }
  log::warn("snapshot.failed", {{"snapshot", snapshot.id}, {"error", snapshot.error}});
}

void mark_waiting(db::Txn& txn, Snapshot snapshot, std::string reason) {
  if (snapshot.phase == Phase::kCancelling) return;
  snapshot.phase = Phase::kWaiting;
  snapshot.reason = std::move(reason);
  save_snapshot(txn, snapshot);
  wake_backup(txn, snapshot.image);
}

jobs::Work or_later(const jobs::Job& job, Result<jobs::Work> planned) {
  if (planned) return std::move(*planned);
  return jobs::at_once(jobs::again(jobs::pause_after(job.attempt), planned.error().text()));
}

Result<datastore_driver::Driver*> layer_driver(db::Txn& txn, const Toolbox& tools,
                                               const compute::Vm& vm) {
  const auto store = TRY(datastore::find_datastore(txn, vm.system_datastore));
  return tools.drivers.datastore(store.tm_mad);
}

}  // namespace neph::snapshots
