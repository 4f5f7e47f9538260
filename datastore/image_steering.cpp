#include <algorithm>

#include "datastore/backups.h"
#include "datastore/image_service.h"
#include "datastore/internal/image_jobs.h"
#include "jobs/queue.h"

/// What owners can do about the jobs of their images.
namespace neph::datastore {
namespace {

using jobs::Job;

Result<void> refuse_retry(const Job& job, const Image& image, std::string_view why) {
  return fail(Errc::kWrongState, "job {} ({}) cannot be tried again: image {} is {}{}{}", job.id,
              job.kind, image.id, name_of(image.state), why.empty() ? "" : ", ", why);
}

bool has_backup_of(db::Txn& txn, const Image& image, const std::string& path) {
  if (image.type != ImageType::kBackup) return false;
  const auto backup = find_backup(txn, image.id);
  return backup && std::ranges::find(backup->disks, path, &BackupDisk::path) != backup->disks.end();
}

/// The image that a failed clone was made from, as long as it is what it was.
Result<ImageId> find_clone_source(db::Txn& txn, const Job& job, const MakeOrder& order) {
  const ImageId id{std::atoll(job.args.get(kSourceImage, "-1").c_str())};
  const auto source = find_image(txn, id);
  const bool is_same = source && (source->source == order.path ||
                                  has_backup_of(txn, *source, order.path));
  if (is_same && shown_state(*source, image_use(txn, id)) != ImageState::kUsedPersistent &&
      source->state == ImageState::kReady)
    return id;
  return fail(Errc::kWrongState,
              "job {} ({}) cannot be tried again: the image that it copied is not there as it was; "
              "delete image {} and clone another one", job.id, job.kind, job.image);
}

Result<void> make_again(db::Txn& txn, const Job& job, Image image) {
  if (image.state != ImageState::kError) return refuse_retry(job, image, "");
  const MakeOrder order = order_of(job);
  if (order.from == MakeFrom::kImage) image.cloning = TRY(find_clone_source(txn, job, order));
  const Datastore home = TRY(find_datastore(txn, image.datastore));
  image.source = order.from == MakeFrom::kPlace ? order.path : new_image_path(home);
  image.state = ImageState::kLocked;
  image.attributes.erase("ERROR");
  start_making(txn, std::move(image), order, job.owner);
  return {};
}

}  // namespace

Result<JobId> ImageService::retry_job(db::Txn& txn, UserId by, const Job& job) {
  const Image image = TRY(find_image(txn, job.image));
  if (job.kind == "image.hash" || job.kind == "image.verify") {
    if (image.state != ImageState::kReady) {
      CHECK_OK(refuse_retry(job, image, "not READY"));
    }
    return start_reading(txn, job.kind, image, job.kind == "image.hash" ? image.owner : by);
  }
  if (job.kind == "image.snapshot")
    return fail(Errc::kWrongState, "job {} ({}) is not tried again: ask for the change of image {} "
                "again", job.id, job.kind, job.image);
  if (jobs::is_open(txn, image.job))
    return fail(Errc::kWrongState, "job {} cannot be tried again: job {} works on image {} now",
                job.id, image.job, image.id);
  if (job.kind == "image.delete") CHECK_OK(remove(txn, image.id));
  else CHECK_OK(make_again(txn, job, image));
  return TRY(find_image(txn, image.id)).job;
}

Result<void> ImageService::cancel_job(db::Txn& txn, const Job& job) {
  if (job.kind == "image.delete")
    return fail(Errc::kWrongState, "job {} ({}) cannot be cancelled: the file of image {} may be "
                "gone already", job.id, job.kind, job.image);
  if (job.kind == "image.create" || job.kind == "image.clone") return remove(txn, job.image);
  return jobs::ask_cancel(txn, job.id);
}

}  // namespace neph::datastore
