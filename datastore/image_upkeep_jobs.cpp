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

constexpr std::string_view kIntact = "intact";
constexpr std::string_view kIntactFromNow = "intact (checksum recorded now)";

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

/// Also what a copy that was given up has left. A backup has a file for each disk.
std::vector<std::string> files_of(db::Txn& txn, const Image& image) {
  std::vector<std::string> files{image.source, image.source + ".part"};
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

/// Reads the files of an image once more; `settle` hears their sums.
using Sums = std::vector<std::string>;
using SettleSums = std::function<Next(db::Txn&, const Job&, Image&, const Sums& sums)>;

/// A backup has one for each of its disks, in their order.
std::vector<std::string> content_of(db::Txn& txn, const Image& image) {
  if (image.type != ImageType::kBackup) return {image.source};
  std::vector<std::string> files;
  if (const auto backup = find_backup(txn, image.id))
    for (const BackupDisk& disk : backup->disks) files.push_back(disk.path);
  return files;
}

Result<Sums> sums_of(datastore_driver::Driver& driver, const std::vector<std::string>& files,
                     Progress& progress) {
  Sums sums;
  for (const auto& file : files) sums.push_back(TRY(driver.checksum(file, progress)));
  return sums;
}

Result<Work> plan_reading(db::Txn& txn, const DriverCatalogue& drivers, const Job& job,
                          const SettleSums& settle) {
  if (job.is_cancel_asked) return jobs::at_once(jobs::cancelled());
  const Bench bench = TRY(find_bench(txn, drivers, job));
  return jobs::work<Sums>(
      [driver = bench.driver, files = content_of(txn, bench.image)](Progress& progress) {
        return sums_of(*driver, files, progress);
      },
      [settle](db::Txn& txn, const Job& job, Result<Sums> sums) -> Next {
        if (job.is_cancel_asked) return jobs::cancelled();
        if (!sums && is_worth_retrying(job, sums.error())) return retry(job, sums.error());
        if (!sums) return jobs::failed(sums.error());
        auto image = find_image(txn, job.image);
        if (!image) return jobs::failed(image.error());
        return settle(txn, job, *image, *sums);
      });
}

/// A guest that writes makes any sum a sum of nothing in particular.
bool is_still(db::Txn& txn, const Image& image) {
  return image.state == ImageState::kReady && !image.modified_by.is_set() &&
         shown_state(image, image_use(txn, image.id)) != ImageState::kUsedPersistent;
}

Next settle_hash(db::Txn& txn, const Job&, Image& image, const Sums& sums) {
  if (!is_still(txn, image)) return jobs::done("it was used meanwhile: no checksum");
  image.sha256 = sums.front();
  save_image(txn, image);
  return jobs::done(image.sha256);
}

/// The word that everything is as it was, or of the first disk that is not.
Next settle_verified_backup(db::Txn& txn, const Job& job, const Sums& sums) {
  auto backup = find_backup(txn, job.image);
  if (!backup) return jobs::failed(backup.error());
  std::string_view word = kIntact;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    BackupDisk& disk = backup->disks[i];
    if (disk.sha256 == sums[i]) continue;
    if (!disk.sha256.empty()) {
      log::error("image.corrupt", {{"image", job.image}, {"disk", disk.id}, {"sha256", sums[i]}});
      return jobs::done(fmt::format("corrupt: the SHA-256 of disk {} is {}, it was {} when the "
                                    "backup became READY", disk.id, sums[i], disk.sha256));
    }
    disk.sha256 = sums[i];
    save_backup_disk(txn, job.image, disk);
    word = kIntactFromNow;
  }
  return jobs::done(std::string(word));
}

Next settle_verify(db::Txn& txn, const Job& job, Image& image, const Sums& sums) {
  if (image.type == ImageType::kBackup) return settle_verified_backup(txn, job, sums);
  const std::string& sum = sums.front();
  if (!image.sha256.empty() && image.sha256 == sum) return jobs::done(std::string(kIntact));
  if (image.modified_by.is_set())
    return jobs::done(fmt::format("modified since by VM {}", image.modified_by));
  if (!is_still(txn, image)) return jobs::done("not known: it was used while it was read");
  if (image.sha256.empty()) {
    image.sha256 = sum;
    save_image(txn, image);
    return jobs::done(std::string(kIntactFromNow));
  }
  log::error("image.corrupt", {{"image", image.id}, {"job", job.id}, {"sha256", sum}});
  return jobs::done(
      fmt::format("corrupt: its SHA-256 is {}, it was {} when it became READY", sum,
                  image.sha256));
}

jobs::KindSpec reading_kind(const std::string& name, const DriverCatalogue& drivers,
                            const SettleSums& settle) {
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
