#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "datastore/holds.h"
#include "db/database.h"
#include "drivers/hypervisor/driver.h"

/// Snapshots as rows: one per (disk, image). Enumerators reach the database: append-only.
namespace neph::snapshots {

enum class Kind { kHot = 1, kDeferred = 2 };
[[nodiscard]] std::string_view name_of(Kind kind);  ///< "HOT", "DEFERRED"

enum class Phase {
  kArmed = 1,       ///< waits for the guest to stop
  kPinning = 2,     ///< its instant is being fixed
  kCopying = 3,
  kWaiting = 4,     ///< for space, a host or a slot: see `reason`
  kReady = 5,
  kFailed = 6,      ///< the disk is kept: retry or discard
  kCancelling = 7,
  kCancelled = 8,
  kDiscarded = 9,
};
[[nodiscard]] std::string_view name_of(Phase phase);  ///< "armed" ...
[[nodiscard]] constexpr bool is_over(Phase phase) {
  return phase == Phase::kReady || phase == Phase::kCancelled || phase == Phase::kDiscarded;
}

/// What keeps the captured content still.
enum class PinKind {
  kNone = 0,
  kOverlay = 1,  ///< the guest writes to a layer above it
  kShared = 2,   ///< a file of its own that shares blocks with it
  kDisk = 3,     ///< the disk itself: nobody uses it
  kLayer = 4,    ///< a restore point of the disk, which stays
};

struct Snapshot {
  SnapshotId id;
  SnapshotId set;             ///< the first of those that show one instant
  UserId owner;
  GroupId group;
  VmId vm;
  DiskId disk;
  ImageId image;              ///< several of a backup have the same
  std::string image_name;
  DatastoreId datastore;
  Kind kind = Kind::kHot;
  datastore::Fires fires = datastore::Fires::kByItself;
  hypervisor_driver::Quiesce quiesce = hypervisor_driver::Quiesce::kTry;
  Phase phase = Phase::kArmed;
  bool captures_crashed = false;  ///< the owner asked to take the disk as a crash left it
  datastore::Grade grade = datastore::Grade::kNone;
  Instant requested;
  Instant captured;
  Instant ready;
  Duration frozen_for{0};
  Bytes bytes_total;          ///< of the image's file; before it is READY: space promised to it
  std::string sha256;
  PinKind pin = PinKind::kNone;
  std::string pin_path;
  HostId host;
  std::string description;
  std::string reason;         ///< why it waits, for people
  std::string error;          ///< why it failed
  JobId job;                  ///< the last job that worked on it
};

[[nodiscard]] Result<Snapshot> find_snapshot(db::Txn& txn, SnapshotId id);
[[nodiscard]] std::vector<SnapshotId> list_snapshots(db::Txn& txn);
[[nodiscard]] std::vector<Snapshot> list_set(db::Txn& txn, SnapshotId set);
[[nodiscard]] std::vector<Snapshot> list_open_of_disk(db::Txn& txn, VmId vm, DiskId disk);
[[nodiscard]] std::optional<Snapshot> find_by_image(db::Txn& txn, ImageId image);
/// One that still works for it.
[[nodiscard]] std::optional<Snapshot> find_open_by_image(db::Txn& txn, ImageId image);
[[nodiscard]] std::vector<Snapshot> list_by_image(db::Txn& txn, ImageId image);
/// What copies into a datastore, begun or about to begin, have been promised; one not counted.
[[nodiscard]] Bytes reserved_in(db::Txn& txn, DatastoreId datastore, SnapshotId but);
SnapshotId insert_snapshot(db::Txn& txn, Snapshot snapshot);
/// Touches the snapshot, its VM and its image.
void save_snapshot(db::Txn& txn, const Snapshot& snapshot);
/// The store was restored from a backup. What had been captured and was not READY by then may have
/// been finished and let go since, and its guest have written on: what a copy shows now has grade
/// unknown. Files of its own and restore points show what they showed.
void doubt_unfinished(db::Txn& txn);

}  // namespace neph::snapshots
