#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "compute/disk_tree.h"
#include "datastore/image_service.h"
#include "jobs/backoff.h"
#include "jobs/queue.h"
#include "snapshots/internal/backup_watch.h"
#include "snapshots/internal/records.h"
#include "snapshots/internal/unpin.h"

/// snapshot.copy: the pinned layer becomes a file of its own in the datastore, the image READY,
/// and the layer goes. Only the copy itself waits for a slot.
namespace neph::snapshots {
namespace {

using datastore_driver::CopyProof;
using datastore_driver::Layer;

/// Each step has a limit of its own: no byte for so long, no answer of the file system for so long.
constexpr Duration kCopyStall{60'000};
constexpr Duration kPublishStall{300'000};
constexpr Duration kSpacePause{15'000};
constexpr Duration kFullPause{30'000};
constexpr int kCopyAttemptsMax = 5;

/// Everything a copy needs, read in one transaction.
struct CopyPlan {
  Snapshot snapshot;
  datastore::Image image;
  datastore::Datastore datastore;
  datastore_driver::Driver* driver = nullptr;
  Layer source;
  std::vector<Layer> below;  ///< what `source` stands on
};

Layer layer_of(db::Txn& txn, const Snapshot& snapshot, const compute::VmDisk& disk) {
  for (const auto& each : datastore::list_disk_snapshots(txn, compute::tree_of(disk)))
    if (each.path == snapshot.pin_path) return {each.path, each.format};
  return {snapshot.pin_path, datastore_driver::Format::kQcow2};
}

Layer source_of(const Snapshot& snapshot, const compute::VmDisk& disk) {
  if (snapshot.pin == PinKind::kShared) return {snapshot.pin_path, disk.format};
  if (snapshot.pin == PinKind::kOverlay || disk.overlay_path.empty())
    return {disk.path, disk.format};
  return {disk.overlay_path, datastore_driver::Format::kQcow2};
}

Result<CopyPlan> read_plan(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  CopyPlan plan;
  plan.snapshot = TRY(find_snapshot(txn, job.snapshot));
  plan.image = TRY(datastore::find_image(txn, plan.snapshot.image));
  plan.datastore = TRY(datastore::find_datastore(txn, plan.snapshot.datastore));
  plan.driver = TRY(tools.drivers.datastore(plan.datastore.tm_mad));
  const auto disk = TRY(compute::find_disk(txn, plan.snapshot.vm, plan.snapshot.disk));
  plan.source = plan.snapshot.pin == PinKind::kLayer ? layer_of(txn, plan.snapshot, disk)
                                                     : source_of(plan.snapshot, disk);
  if (plan.snapshot.pin == PinKind::kDisk && !disk.overlay_path.empty())
    plan.below.push_back({disk.path, disk.format});
  if (disk.is_persistent || !disk.image.is_set()) return plan;
  if (const auto base = datastore::find_image(txn, disk.image))
    plan.below.push_back({base->source, base->format});
  return plan;
}

bool is_cancelling(db::Txn& txn, const jobs::Job& job) {
  const auto snapshot = find_snapshot(txn, job.snapshot);
  return !snapshot || snapshot->phase == Phase::kCancelling || is_over(snapshot->phase);
}

jobs::Next fail_copy(db::Txn& txn, const jobs::Job& job, std::string_view step,
                     const Error& error) {
  if (const auto snapshot = find_snapshot(txn, job.snapshot))
    mark_failed(txn, *snapshot, step, error);
  return jobs::failed(error);
}

jobs::Next pause(db::Txn& txn, const jobs::Job& job, Duration length, const std::string& reason) {
  if (const auto snapshot = find_snapshot(txn, job.snapshot))
    mark_waiting(txn, *snapshot, reason);
  return jobs::again(length, reason);
}

/// A VM does not stay in BACKUP until somebody makes room.
jobs::Next lack_space(db::Txn& txn, const jobs::Job& job, Duration length,
                      const std::string& reason) {
  if (is_backup(txn, job))
    return fail_copy(txn, job, "copying", {Errc::kExhausted, reason, {}});
  return pause(txn, job, length, reason);
}

struct Room {
  Bytes needed;
  Bytes free;
};

/// No more than the layers hold, and no more than the guest sees. A layer that cannot be asked
/// counts for nothing here: the copy itself says what is wrong with it.
Result<Room> measure(const CopyPlan& plan) {
  CHECK_OK(plan.driver->ensure_directory(plan.datastore.base_path));
  const auto usage = TRY(plan.driver->inspect_usage(plan.datastore.base_path));
  Room room{{}, usage.free};
  Bytes seen;
  const auto add = [&](const Layer& layer) {
    const auto facts = plan.driver->inspect_file(layer);
    if (!facts) return;
    room.needed = room.needed + facts->stored_size;
    seen = std::max(seen, facts->virtual_size);
  };
  add(plan.source);
  for (const Layer& layer : plan.below) add(layer);
  room.needed = std::min(room.needed, seen);
  return room;
}

jobs::Next settle_space(db::Txn& txn, const jobs::Job& job, const std::string& datastore,
                        const Result<Room>& room) {
  if (is_cancelling(txn, job)) return jobs::cancelled();
  if (!room && job.attempt + 1 >= kCopyAttemptsMax && is_backup(txn, job))
    return fail_copy(txn, job, "copying", room.error());
  if (!room)
    return pause(txn, job, jobs::pause_after(job.attempt),
                 fmt::format("waiting for datastore {}: {}", datastore, room.error().text()));
  auto snapshot = find_snapshot(txn, job.snapshot);
  if (!snapshot) return jobs::failed(snapshot.error());
  snapshot->bytes_total = {};
  const Bytes reserved = reserved_in(txn, snapshot->datastore, snapshot->id);
  if (room->needed + reserved > room->free) {
    save_snapshot(txn, *snapshot);
    return lack_space(txn, job, kSpacePause,
                      fmt::format("waiting for space: needs {} MB, {} MB free in datastore {}, "
                                  "{} MB of them for other copies",
                                  room->needed.megabytes_up(), room->free.value / 1048576,
                                  datastore, reserved.megabytes_up()));
  }
  snapshot->bytes_total = room->needed;
  mark_waiting(txn, *snapshot, "waiting for a copy slot");
  return jobs::go("copy");
}

Result<jobs::Work> plan_space(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  if (is_cancelling(txn, job)) return jobs::at_once(jobs::cancelled());
  const auto plan = TRY(read_plan(tools, txn, job));
  return jobs::work<Room>(
      [plan](Progress&) { return measure(plan); },
      [name = plan.datastore.name](db::Txn& settling, const jobs::Job& now, Result<Room> room) {
        return settle_space(settling, now, name, room);
      });
}

/// The estimate was too low and the datastore ran full: waits before it is looked at again.
Result<jobs::Work> plan_full(db::Txn& txn, const jobs::Job& job) {
  if (is_cancelling(txn, job)) return jobs::at_once(jobs::cancelled());
  if (job.attempt > 0) return jobs::at_once(jobs::go("space"));
  const auto snapshot = TRY(find_snapshot(txn, job.snapshot));
  return jobs::at_once(lack_space(txn, job, kFullPause,
                                  fmt::format("waiting for space: datastore {} is full",
                                              snapshot.datastore)));
}

void make_ready(db::Txn& txn, Snapshot snapshot, const CopyProof& proof) {
  snapshot.phase = Phase::kReady;
  snapshot.ready = txn.at();
  snapshot.bytes_total = proof.stored_size;
  snapshot.sha256 = proof.sha256;
  snapshot.reason.clear();
  snapshot.error.clear();
  save_snapshot(txn, snapshot);
  auto image = datastore::find_image(txn, snapshot.image);
  NEPH_ASSERT(image.has_value());
  if (image->type == datastore::ImageType::kBackup)
    return add_to_backup(txn, *image, snapshot, proof);
  image->state = datastore::ImageState::kReady;
  image->size_mb = datastore::to_mb(proof.virtual_size);
  image->sha256 = proof.sha256;
  image->job = {};
  save_provenance(txn, *image, snapshot);
  // Where blocks were shared nobody has read the bytes yet.
  if (proof.sha256.empty()) datastore::enqueue_hash(txn, *image);
  txn.touch(ObjectKind::kUser, snapshot.owner);
  txn.touch(ObjectKind::kGroup, snapshot.group);
  log::info("snapshot.ready", {{"snapshot", snapshot.id},
                               {"image", snapshot.image},
                               {"bytes", proof.stored_size.value}});
}

// What the copy has proved is remembered until its file has its name.
constexpr std::string_view kSeenBytes = "SEEN_BYTES";
constexpr std::string_view kStoredBytes = "STORED_BYTES";
constexpr std::string_view kSha256 = "SHA256";

void save_proof(db::Txn& txn, const jobs::Job& job, const CopyProof& proof) {
  text::Template args = job.args;
  args.set(kSeenBytes, fmt::format("{}", proof.virtual_size.value));
  args.set(kStoredBytes, fmt::format("{}", proof.stored_size.value));
  args.set(kSha256, proof.sha256);
  jobs::save_args(txn, job.id, args);
}

CopyProof proof_of(const jobs::Job& job) {
  const auto bytes_of = [&](std::string_view key) {
    return Bytes{std::strtoll(job.args.get(key, "0").c_str(), nullptr, 10)};
  };
  return {bytes_of(kSeenBytes), bytes_of(kStoredBytes), job.args.get(kSha256)};
}

jobs::Next after_error(db::Txn& txn, const jobs::Job& job, std::string_view step,
                       const Error& error) {
  // kConflict: told to stop because nothing moved.
  const bool may_pass = error.code == Errc::kUnavailable || error.code == Errc::kStalled ||
                        error.code == Errc::kConflict;
  if (may_pass && job.attempt + 1 < kCopyAttemptsMax)
    return pause(txn, job, jobs::pause_after(job.attempt),
                 fmt::format("{} is tried again: {}", step, error.text()));
  return fail_copy(txn, job, step, error);
}

jobs::Next settle_copy(db::Txn& txn, const jobs::Job& job, const Result<CopyProof>& proof) {
  if (is_cancelling(txn, job)) return jobs::cancelled();
  if (proof) {
    save_proof(txn, job, *proof);
    return jobs::go("publish");
  }
  const Error& error = proof.error();
  if (error.code != Errc::kExhausted) return after_error(txn, job, "copying", error);
  if (const auto snapshot = find_snapshot(txn, job.snapshot))
    mark_waiting(txn, *snapshot, fmt::format("waiting for space: {}", error.text()));
  return jobs::go("full");
}

Result<jobs::Work> plan_copy(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  if (is_cancelling(txn, job)) return jobs::at_once(jobs::cancelled());
  auto plan = TRY(read_plan(tools, txn, job));
  plan.snapshot.phase = Phase::kCopying;
  plan.snapshot.reason.clear();
  save_snapshot(txn, plan.snapshot);
  return jobs::work<CopyProof>(
      [plan, rate = tools.settings.copy_rate_max](Progress& progress) {
        const Layer target{partial_path_of(plan.image, plan.snapshot.disk), plan.image.format};
        return plan.driver->ensure_copied(plan.source, target, rate, progress);
      },
      [](db::Txn& settling, const jobs::Job& now, Result<CopyProof> proof) {
        return settle_copy(settling, now, proof);
      });
}

/// The whole file gets its name; from then on the image is READY.
Result<jobs::Work> plan_publish(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  if (is_cancelling(txn, job)) return jobs::at_once(jobs::cancelled());
  const auto plan = TRY(read_plan(tools, txn, job));
  return jobs::Work{
      [plan](Progress&) {
        const DiskId disk = plan.snapshot.disk;
        return plan.driver->ensure_published(partial_path_of(plan.image, disk),
                                             target_path_of(plan.image, disk));
      },
      [](db::Txn& settling, const jobs::Job& now, Result<void> outcome) -> jobs::Next {
        if (is_cancelling(settling, now)) return jobs::cancelled();
        if (!outcome) return after_error(settling, now, "publishing", outcome.error());
        make_ready(settling, find_snapshot(settling, now.snapshot).value(), proof_of(now));
        return jobs::go("unpin");
      }};
}

/// The snapshot is READY: only the disk has still to be let go.
void let_go(db::Txn& txn, const Snapshot& snapshot) {
  Snapshot done = snapshot;
  done.pin = PinKind::kNone;
  done.pin_path.clear();
  save_snapshot(txn, done);
  datastore::release_hold(txn, done.id);
}

template <class Plan>
jobs::StepSpec step(std::string name, Plan plan) {
  jobs::StepSpec spec{.name = std::move(name)};
  spec.plan = [plan](db::Txn& txn, const jobs::Job& job) -> Result<jobs::Work> {
    auto planned = plan(txn, job);
    if (planned) return planned;
    return jobs::at_once(fail_copy(txn, job, "copying", planned.error()));
  };
  return spec;
}

}  // namespace

jobs::KindSpec copy_job(const Toolbox& tools) {
  jobs::KindSpec kind{"snapshot.copy", {}};
  kind.steps.push_back(step("space", [tools](db::Txn& txn, const jobs::Job& job) {
    return plan_space(tools, txn, job);
  }));
  kind.steps.push_back(step("full", &plan_full));
  kind.steps.push_back(step("copy", [tools](db::Txn& txn, const jobs::Job& job) {
    return plan_copy(tools, txn, job);
  }));
  kind.steps.back().slot = jobs::Slot::kCopy;
  kind.steps.back().stall = kCopyStall;
  kind.steps.push_back(step("publish", [tools](db::Txn& txn, const jobs::Job& job) {
    return plan_publish(tools, txn, job);
  }));
  kind.steps.back().stall = kPublishStall;
  jobs::StepSpec unpin{.name = "unpin"};
  unpin.plan = [tools](db::Txn& txn, const jobs::Job& job) -> Result<jobs::Work> {
    return or_later(job, plan_unpin(tools, txn, job, &let_go));
  };
  kind.steps.push_back(std::move(unpin));
  return kind;
}

}  // namespace neph::snapshots
