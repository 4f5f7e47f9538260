#include <algorithm>

#include "base/log.h"
#include "datastore/disk_snapshots.h"
#include "datastore/image_service.h"
#include "datastore/internal/image_jobs.h"
#include "jobs/queue.h"

/// Restore points of a persistent image that nobody uses. Job image.snapshot.
namespace neph::datastore {
namespace {

using datastore_driver::CloneMode;
using datastore_driver::Format;
using datastore_driver::Layer;
using jobs::Job;
using jobs::Next;
using jobs::Work;

constexpr std::string_view kFile = "FILE";

DiskTree tree_of(ImageId image) { return {image, {}, {}}; }

std::string word_of(ImageService::SnapshotChange change) {
  switch (change) {
    case ImageService::SnapshotChange::kDelete: return "DELETE";
    case ImageService::SnapshotChange::kRevert: return "REVERT";
    case ImageService::SnapshotChange::kFlatten: return "FLATTEN";
  }
  return {};
}

Result<void> check_deletable(db::Txn& txn, ImageId image, const DiskSnapshot& snapshot) {
  if (snapshot.is_active) {
    return fail(Errc::kWrongState, "Image {} goes on from snapshot {}: revert to another first",
                image, snapshot.id);
  }
  for (const auto& other : list_disk_snapshots(txn, tree_of(image))) {
    if (other.parent != snapshot.id) continue;
    return fail(Errc::kWrongState, "Snapshot {} of image {} stands on snapshot {}", other.id,
                image, snapshot.id);
  }
  return {};
}

std::int64_t snapshot_of(const Job& job) { return std::stoll(job.args.get("SNAPSHOT")); }

Layer fresh_layer(const Image& image, const Job& job) {
  constexpr std::string_view kMark = ".after-";
  return {fmt::format("{}{}{}.{}", image.source.substr(0, image.source.find(kMark)), kMark,
                      snapshot_of(job), job.id),
          Format::kQcow2};
}

void make_usable(db::Txn& txn, Image& image) {
  image.state = ImageState::kReady;
  image.job = {};
  save_image(txn, image);
}

Next settle_change(db::Txn& txn, const Job& job, Result<void> outcome) {
  auto image = find_image(txn, job.image);
  if (!image) return jobs::done();
  const std::string change = job.args.get("CHANGE");
  text::Template args = job.args;
  const Layer fresh = fresh_layer(*image, job);
  if (!outcome) {
    if (is_worth_retrying(job, outcome.error())) return retry(job, outcome.error());
    image->attributes.set("ERROR", outcome.error().text());
    make_usable(txn, *image);
    if (change != "DELETE") args.add(kFile, fresh.path);
    jobs::save_args(txn, job.id, args);
    return jobs::go("remove");
  }
  const DiskTree tree = tree_of(image->id);
  const auto snapshot = find_disk_snapshot(txn, tree, snapshot_of(job));
  if (change == "DELETE") {
    if (snapshot) args.add(kFile, snapshot->path);
    delete_disk_snapshot_row(txn, tree, snapshot_of(job));
  } else {
    args.add(kFile, image->source);
    image->source = fresh.path;
    image->format = fresh.format;
    image->sha256.clear();
    if (snapshot) image->size_mb = snapshot->size_mb;
    if (change == "REVERT") set_active(txn, tree, snapshot_of(job));
  }
  if (change == "FLATTEN") {
    for (const auto& each : list_disk_snapshots(txn, tree)) args.add(kFile, each.path);
    delete_all_disk_snapshots(txn, tree);
  }
  jobs::save_args(txn, job.id, args);
  image->attributes.erase("ERROR");
  make_usable(txn, *image);
  log::info("image.snapshot", {{"image", image->id}, {"change", change}});
  return jobs::go("remove");
}

Result<Work> plan_change(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  const auto bench = find_bench(txn, drivers, job);
  const auto snapshot = find_disk_snapshot(txn, tree_of(job.image), snapshot_of(job));
  const std::string change = job.args.get("CHANGE");
  if (!bench || !snapshot || change == "DELETE") {
    const auto outcome = bench ? Result<void>{} : tl::unexpected(bench.error());
    return Work{nullptr, [outcome](db::Txn& settle_txn, const Job& settled, Result<void>) {
                  return settle_change(settle_txn, settled, outcome);
                }};
  }
  return Work{[driver = bench->driver, fresh = fresh_layer(bench->image, job), change,
               from = Layer{snapshot->path, snapshot->format}](Progress& progress) -> Result<void> {
                CHECK_OK(driver->ensure_cloned(from, fresh, CloneMode::kOverlay, std::nullopt,
                                               progress));
                if (change != "FLATTEN") return {};
                return driver->ensure_rebased(fresh, std::nullopt, progress);
              },
              settle_change};
}

/// The image is usable already: what is left are files that nobody needs.
Result<Work> plan_remove(db::Txn& txn, const DriverCatalogue& drivers, const Job& job) {
  const auto bench = find_bench(txn, drivers, job);
  if (!bench) return jobs::at_once(jobs::done());
  std::vector<std::string> files;
  for (const auto& attribute : job.args.attributes()) {
    if (attribute.name == kFile) files.push_back(std::get<std::string>(attribute.value));
  }
  return Work{[driver = bench->driver, files](Progress&) -> Result<void> {
                for (const auto& file : files) CHECK_OK(driver->ensure_deleted(file));
                return {};
              },
              [](db::Txn&, const Job& settled, Result<void> outcome) {
                if (outcome) return jobs::done();
                return retry(settled, outcome.error());
              }};
}

}  // namespace

Result<void> ImageService::change_snapshots(db::Txn& txn, ImageId id, SnapshotChange change,
                                            std::int64_t snapshot_id) {
  Image image = TRY(find_image(txn, id));
  const ImageState shown = shown_state(image, image_use(txn, id));
  if (shown != ImageState::kReady) {
    return fail(Errc::kWrongState, "Image {} is {}: its snapshots change only while it is READY",
                id, name_of(shown));
  }
  const auto snapshot = find_disk_snapshot(txn, tree_of(id), snapshot_id);
  if (!snapshot)
    return fail(Errc::kWrongState, "Snapshot {} of image {} does not exist", snapshot_id, id);
  if (change == SnapshotChange::kDelete) CHECK_OK(check_deletable(txn, id, *snapshot));
  jobs::NewJob job;
  job.kind = "image.snapshot";
  job.step = "change";
  job.image = id;
  job.datastore = image.datastore;
  job.owner = image.owner;
  job.args.set("CHANGE", word_of(change));
  job.args.set("SNAPSHOT", fmt::format("{}", snapshot_id));
  image.job = jobs::enqueue(txn, job);
  image.state = ImageState::kLocked;
  save_image(txn, image);
  return {};
}

jobs::KindSpec snapshot_kind(const DriverCatalogue& drivers) {
  jobs::KindSpec kind{"image.snapshot", {}};
  kind.steps.push_back({"change", jobs::Slot::kNone, Duration{300'000},
                        [&drivers](db::Txn& txn, const Job& job) {
                          return plan_change(txn, drivers, job);
                        }});
  kind.steps.push_back({"remove", jobs::Slot::kNone, Duration{120'000},
                        [&drivers](db::Txn& txn, const Job& job) {
                          return plan_remove(txn, drivers, job);
                        }});
  return kind;
}

}  // namespace neph::datastore
