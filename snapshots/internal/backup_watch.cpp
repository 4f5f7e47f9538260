#include "snapshots/internal/backup_watch.h"

#include <algorithm>

#include "access/locks.h"
#include "base/log.h"
#include "compute/backups.h"
#include "datastore/backups.h"
#include "jobs/queue.h"
#include "snapshots/internal/backup_job_rows.h"

namespace neph::snapshots {
namespace {

using datastore::Grade;
using datastore::Image;
using datastore::ImageState;
using jobs::Job;
using jobs::Next;

constexpr Duration kLookInterval{60'000};
/// A VM without disks shows BACKUP for so long: whoever asked sees it, and may cancel.
constexpr Duration kShown{1'000};

std::string watch_key(ImageId image) { return fmt::format("backup.watch/{}", image); }

/// How little a grade promises.
int doubt_of(Grade grade) {
  switch (grade) {
    case Grade::kFrozen: return 0;
    case Grade::kShutdown: return 1;
    case Grade::kNone: return 2;
    case Grade::kUnknown: return 3;
    case Grade::kCrash: return 4;
  }
  return 4;
}

Grade worst_of(const std::vector<Snapshot>& parts) {
  const auto worst = std::ranges::max_element(
      parts, {}, [](const Snapshot& part) { return doubt_of(part.grade); });
  return worst == parts.end() ? Grade::kNone : worst->grade;
}

text::Vector provenance_of_backup(const Job& job, const std::vector<Snapshot>& parts,
                                  Grade grade) {
  text::Vector facts;
  facts.set("VM_ID", fmt::format("{}", job.vm));
  facts.set("KIND", std::string(name_of(Kind::kHot)));
  if (parts.empty()) return facts;
  facts.set("SNAPSHOT_ID", fmt::format("{}", parts.front().set));
  facts.set("REQUESTED_AT", to_text(parts.front().requested));
  facts.set("GRADE", std::string(datastore::name_of(grade)));
  facts.set("CAPTURED_AT", to_text(parts.front().captured));
  return facts;
}

/// KEEP_LAST: the oldest go, except what somebody has locked, a VM is being restored from or images
/// are being made of.
void prune_backups(db::Txn& txn, VmId id) {
  const auto vm = compute::find_vm(txn, id);
  if (!vm) return;
  const auto config = compute::backup_config_of(*vm);
  if (!config || config->keep_last == 0) return;
  auto kept = datastore::list_backups_of(txn, id);
  auto surplus = static_cast<std::int64_t>(kept.size()) - config->keep_last;
  for (const ImageId image : kept) {
    if (surplus-- <= 0) return;
    if (access::find_lock(txn, access::Resource::kImage, image.value).is_set()) continue;
    if (jobs::find_claimant(txn, datastore::backup_resource(image))) continue;
    if (!datastore::image_use(txn, image).clones.empty()) continue;
    datastore::start_deleting_backup(txn, image);
  }
}

/// The VM is as it was, and the backup job that wanted it hears of it.
void end_watch(db::Txn& txn, const Job& job, const Result<compute::BackupDone>& outcome) {
  compute::end_backup(txn, job, outcome);
  note_member_over(txn, job.image, outcome.map([](const auto&) {}));
}

void give_up_backup(db::Txn& txn, const Job& job, const Error& why) {
  if (auto image = datastore::find_image(txn, job.image)) {
    image->state = ImageState::kDelete;
    image->job = {};
    datastore::save_image(txn, *image);
  }
  for (const Snapshot& part : list_by_image(txn, job.image))
    if (!is_over(part.phase)) (void)give_up(txn, part, Phase::kCancelled);
  settle_given_up(txn, job.image);
  end_watch(txn, job, tl::unexpected(why));
  log::warn("backup.given_up", {{"vm", job.vm}, {"image", job.image}, {"error", why.text()}});
}

Next finish_backup(db::Txn& txn, const Job& job, Image image,
                   const std::vector<Snapshot>& parts) {
  auto backup = datastore::find_backup(txn, image.id);
  if (!backup) {
    give_up_backup(txn, job, backup.error());
    return jobs::failed(backup.error());
  }
  backup->grade = worst_of(parts);
  datastore::save_backup(txn, *backup);
  image.state = ImageState::kReady;
  image.job = {};
  image.size_mb = 0;
  for (const auto& disk : backup->disks) image.size_mb += disk.size_mb;
  image.attributes.set("SNAPSHOT", provenance_of_backup(job, parts, backup->grade));
  datastore::save_image(txn, image);
  end_watch(txn, job, compute::BackupDone{image.id, image.datastore, image.size_mb});
  prune_backups(txn, job.vm);
  log::info("backup.ready", {{"vm", job.vm},
                             {"image", image.id},
                             {"grade", datastore::name_of(backup->grade)}});
  return jobs::done();
}

/// Why it cannot become whole any more.
std::optional<Error> find_failure(const Job& job, const std::vector<Snapshot>& parts) {
  for (const Snapshot& part : parts) {
    if (part.phase == Phase::kFailed)
      return Error{Errc::kWrongState,
                   fmt::format("the backup has failed at disk {}: {}", part.disk, part.error), {}};
    if (part.phase == Phase::kReady || !is_over(part.phase)) continue;
    return Error{Errc::kConflict, fmt::format("snapshot {} of it was given up", part.id), {}};
  }
  if (!job.is_cancel_asked) return std::nullopt;
  return Error{Errc::kConflict, "the backup was cancelled", {}};
}

Next watch_on(db::Txn& txn, const Job& job, const std::vector<Snapshot>& parts) {
  std::string reason = "its disks are being copied";
  for (const Snapshot& part : parts)
    if (!part.reason.empty()) reason = fmt::format("disk {}: {}", part.disk, part.reason);
  compute::note_backup_wait(txn, job, reason);
  return jobs::wait_for(watch_key(job.image), kLookInterval, reason);
}

Next look_at_backup(db::Txn& txn, const Job& job) {
  const auto image = datastore::find_image(txn, job.image);
  if (!image) {
    end_watch(txn, job, tl::unexpected(image.error()));
    return jobs::failed(image.error());
  }
  const auto parts = list_by_image(txn, job.image);
  const bool is_whole = std::ranges::all_of(
      parts, [](const Snapshot& part) { return part.phase == Phase::kReady; });
  const bool is_deleted = image->state == ImageState::kDelete;
  if (is_whole && !parts.empty() && !is_deleted) return finish_backup(txn, job, *image, parts);
  if (const auto why = find_failure(job, parts)) {
    give_up_backup(txn, job, *why);
    return job.is_cancel_asked ? jobs::cancelled() : jobs::failed(*why);
  }
  if (!parts.empty()) return watch_on(txn, job, parts);
  const Duration left = job.created + kShown - txn.at();
  if (left <= Duration{0}) return finish_backup(txn, job, *image, parts);
  return jobs::wait_for(watch_key(job.image), left, "there is no disk to copy");
}

}  // namespace

bool is_backup(db::Txn& txn, const Snapshot& snapshot) {
  const auto image = datastore::find_image(txn, snapshot.image);
  return image && image->type == datastore::ImageType::kBackup;
}

bool is_backup(db::Txn& txn, const jobs::Job& job) {
  const auto snapshot = find_snapshot(txn, job.snapshot);
  return snapshot && is_backup(txn, *snapshot);
}

void wake_backup(db::Txn& txn, ImageId image) { jobs::wake(txn, watch_key(image)); }

void add_to_backup(db::Txn& txn, const Image& image, const Snapshot& snapshot,
                   const datastore_driver::CopyProof& proof) {
  datastore::save_backup_disk(txn, image.id,
                              {snapshot.disk, target_path_of(image, snapshot.disk),
                               datastore::to_mb(proof.virtual_size), proof.sha256});
  wake_backup(txn, image.id);
}

void settle_given_up(db::Txn& txn, ImageId id) {
  const auto image = datastore::find_image(txn, id);
  if (!image || image->state != ImageState::kDelete || jobs::is_open(txn, image->job)) return;
  const auto parts = list_by_image(txn, id);
  const bool is_settled = std::ranges::all_of(
      parts, [](const Snapshot& part) { return is_over(part.phase); });
  if (is_settled) datastore::start_deleting_backup(txn, id);
}

Result<void> cancel_backup(db::Txn& txn, ImageId id) {
  const auto image = TRY(datastore::find_image(txn, id));
  if (image.state == ImageState::kDelete) return {};
  if (jobs::is_open(txn, image.job) && image.state == ImageState::kLocked)
    return jobs::ask_cancel(txn, image.job);
  return fail(Errc::kWrongState, "the backup in image {} is over already", id);
}

Result<void> begin_watching(db::Txn& txn, Image image, VmId vm, UserId by) {
  jobs::NewJob job;
  job.kind = "snapshot.backup";
  job.step = "watch";
  job.owner = by;
  job.datastore = image.datastore;
  job.image = image.id;
  image.job = TRY(compute::begin_backup(txn, vm, job));
  datastore::save_image(txn, image);
  return {};
}

jobs::KindSpec backup_watch() {
  jobs::KindSpec kind{"snapshot.backup", {}};
  jobs::StepSpec watch{.name = "watch"};
  watch.plan = [](db::Txn& txn, const Job& job) -> Result<jobs::Work> {
    return jobs::at_once(look_at_backup(txn, job));
  };
  kind.steps = {watch};
  kind.abandon = &give_up_backup;
  return kind;
}

}  // namespace neph::snapshots
