#include "base/log.h"
#include "datastore/backups.h"
#include "datastore/disk_snapshots.h"
#include "datastore/image_service.h"
#include "datastore/internal/image_jobs.h"
#include "datastore/internal/rules.h"
#include "jobs/queue.h"

/// image.delete, image.hash and image.verify.
namespace neph::datastore {

namespace {

using jobs::Job;
using jobs::Next;
using jobs::Work;

Next settle_deleted(db::Txn& txn, const Job& job, const Result<void>& removed) {
  auto image = find_image(txn, job.image);
  if (!image) return jobs::done();
  if (removed) {
    delete_all_disk_snapshots(txn, {job.image, {}, {}});
    delete_image_row(txn, job.image);
    jobs::wake(txn, space_key(image->datastore));
    log::info("image.deleted", {{"image", job.image}, {"job", job.id}});
    return jobs::done();
  }
  if (is_worth_retrying(job, removed.error())) return retry(job, removed.error());
  image->state = ImageState::kError;
  image->job = {};
  image->attributes.set("ERROR", removed.error().text());
  save_image(txn, *image);
  return jobs::failed(removed.error());
}

/// A backup has a file for each disk, also one that a copy which was given up has left.
std::vector<std::string> files_of(db::Txn& txn, const Image& image) {
  std::vector<std::string> files{image.source};
  for (const auto& each : list_disk_snapshots(txn, {image.id, {}, {}})) files.push_back(each.path);
  const auto backup = find_backup(txn, image.id);
  if (!backup) return files;
  for (const BackupDisk& disk : backup->disks) {
    files.push_back(disk.path);
    files.push_back(disk.path + ".part");
  }
  return files;
}

Result<Work> plan_delete(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  const auto bench = find_bench(txn, drivers, job);
  if (!bench) {
    const Error error = bench.error();
    return Work{nullptr, [error](db::Txn& txn, const Job& job, Result<void>) {
                  return settle_deleted(txn, job, tl::unexpected(error));
                }};
  }
  const auto settle = [](db::Txn& txn, const Job& job, const Result<void>& removed) {
    return settle_deleted(txn, job, removed);
  };
  if (!owns_file(bench->datastore, bench->image)) return Work{nullptr, settle};
  const auto files = files_of(txn, bench->image);
  return Work{[driver = bench->driver, files](Progress&) -> Result<void> {
                for (const auto& file : files) CHECK_OK(driver->ensure_deleted(file));
                return {};
              },
              settle};
}

/// Reads the file of an image once more; `settle` hears the sum.
using SettleSum = std::function<Next(db::Txn&, const Job&, Image&, const std::string& sum)>;

Result<Work> plan_reading(db::Txn& txn, const DriverCatalogue& drivers, const Job& job,
                          const SettleSum& settle) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::cancelled());
  const Bench bench = TRY(find_bench(txn, drivers, job));
  return jobs::work<std::string>(
      [driver = bench.driver, path = bench.image.source](Progress& progress) {
        return driver->checksum(path, progress);
      },
      [settle](db::Txn& txn, const Job& job, Result<std::string> sum) -> Next {
        if (job.is_cancel_asked) return jobs::cancelled();
        if (!sum && is_worth_retrying(job, sum.error())) return retry(job, sum.error());
        if (!sum) return jobs::failed(sum.error());
        auto image = find_image(txn, job.image);
        if (!image) return jobs::failed(image.error());
        return settle(txn, job, *image, *sum);
      });
}

/// A guest that writes makes any sum a sum of nothing in particular.
bool is_still(db::Txn& txn, const Image& image) {
  return image.state == ImageState::kReady && !image.modified_by.is_set() &&
         shown_state(image, image_use(txn, image.id)) != ImageState::kUsedPersistent;
}

Next settle_hash(db::Txn& txn, const Job&, Image& image, const std::string& sum) {
  if (!is_still(txn, image)) return jobs::done("it was used meanwhile: no checksum");
  image.sha256 = sum;
  save_image(txn, image);
  return jobs::done(sum);
}

Next settle_verify(db::Txn& txn, const Job& job, Image& image, const std::string& sum) {
  if (!image.sha256.empty() && image.sha256 == sum) return jobs::done("intact");
  if (image.modified_by.is_set())
    return jobs::done(fmt::format("modified since by VM {}", image.modified_by));
  if (!is_still(txn, image)) return jobs::done("not known: it was used while it was read");
  if (image.sha256.empty()) {
    image.sha256 = sum;
    save_image(txn, image);
    return jobs::done("intact (checksum recorded now)");
  }
  log::error("image.corrupt", {{"image", image.id}, {"job", job.id}, {"sha256", sum}});
  return jobs::done(
      fmt::format("corrupt: its SHA-256 is {}, it was {} when it became READY", sum,
                  image.sha256));
}

jobs::KindSpec reading_kind(const std::string& name, const DriverCatalogue& drivers,
                            const SettleSum& settle) {
  return {name,
          {{.name = "read", .slot = jobs::Slot::kCopy,
            .plan = [&drivers, settle](db::Txn& txn, const Job& job) {
              return plan_reading(txn, drivers, job, settle);
            }}}};
}

}  // namespace

JobId start_reading(db::Txn& txn, const std::string& kind, const Image& image, UserId owner) {
  return jobs::enqueue(txn, {.kind = kind, .step = "read", .owner = owner,
                             .datastore = image.datastore, .image = image.id});
}

void start_deleting(db::Txn& txn, Image image) {
  image.state = ImageState::kDelete;
  image.job = jobs::enqueue(txn, {.kind = "image.delete", .step = "remove", .owner = image.owner,
                                  .datastore = image.datastore, .image = image.id});
  save_image(txn, image);
}

JobId enqueue_hash(db::Txn& txn, const Image& image) {
  return start_reading(txn, "image.hash", image, image.owner);
}

Result<JobId> ImageService::verify(db::Txn& txn, const access::Actor& actor, ImageId id) {
  const Image image = TRY(find_image(txn, id));
  const ImageUse use = image_use(txn, id);
  const ImageState shown = shown_state(image, use);
  if (image.type == ImageType::kBackup)
    return fail(Errc::kWrongState, "Image {} is a backup of several files; single images are "
                "verified", id);
  if (shown == ImageState::kUsedPersistent)
    return fail(Errc::kWrongState, "Image {} cannot be verified: VM {} is writing to it", id,
                use.vms.front());
  if (image.state != ImageState::kReady)
    return fail(Errc::kWrongState, "Image {} is {}; only a READY one is verified", id,
                name_of(shown));
  return start_reading(txn, "image.verify", image, actor.user);
}

jobs::KindSpec delete_kind(const DriverCatalogue& drivers) {
  return {"image.delete",
          {{.name = "remove", .plan = [&drivers](db::Txn& txn, const Job& job) {
              return plan_delete(txn, drivers, job);
            }}}};
}

jobs::KindSpec hash_kind(const DriverCatalogue& drivers) {
  return reading_kind("image.hash", drivers, &settle_hash);
}

jobs::KindSpec verify_kind(const DriverCatalogue& drivers) {
  return reading_kind("image.verify", drivers, &settle_verify);
}

}  // namespace neph::datastore
