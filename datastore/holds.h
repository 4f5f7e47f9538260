#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "db/database.h"

/// Disk holds: a disk that must not go before its snapshot has it. `snapshots` places them,
/// `compute` reports what happens to the guest and asks before it destroys; neither knows the
/// other (ARCHITECTURE.md, "Why these cuts hold"). Store lane, inside the caller's transaction.
namespace neph::datastore {

/// What an image shows: evidence, not hope. Reaches the database: append-only.
enum class Grade { kNone = 0, kShutdown = 1, kFrozen = 2, kCrash = 3, kUnknown = 4 };
[[nodiscard]] std::string_view name_of(Grade grade);  ///< "shutdown", ..., "" for kNone

enum class Fires {
  kByItself = 0,   ///< hot, or at rest: the snapshot pins when it likes
  kFirstStop = 1,  ///< the first stop that leaves the file system whole
  kEnd = 2,        ///< only the end of the VM
};
enum class HoldState {
  kArmed = 1,   ///< nothing yet
  kDue = 2,     ///< the instant has come: nobody may change or remove the disk
  kPinned = 3,  ///< the content is safe in a layer of its own: the disk may change, not go
};

struct Hold {
  SnapshotId snapshot;
  VmId vm;
  DiskId disk;
  Fires fires = Fires::kFirstStop;
  HoldState state = HoldState::kArmed;
  Instant due_at;
  Grade grade = Grade::kNone;
};

/// What happened to a guest, as far as holds care. The table of rules: docs/snapshots.md.
enum class GuestEnd {
  kOrderly,       ///< by itself or by ACPI, seen: grade shutdown; fires kFirstStop
  kUnseen,        ///< it stopped while nobody watched: grade unknown; fires kFirstStop
  kCut,           ///< QEMU crash, hard power-off, host lost: stays armed
  kFinalOrderly,  ///< the VM ends after an orderly stop: fires everything, grade shutdown
  kFinalCut,      ///< the VM ends and its disks with it: fires everything, grade crash
  kFinalUnseen,   ///< ... after a stop that nobody saw: fires everything, grade unknown
};

void place_hold(db::Txn& txn, const Hold& hold);
/// Applies an event to all armed holds of a VM: those that fire become due, with instant and
/// grade, and due_key(snapshot) is woken. Touches the snapshots.
void apply_guest_end(db::Txn& txn, VmId vm, GuestEnd end, Instant at);
void mark_due(db::Txn& txn, SnapshotId snapshot, Instant at, Grade grade);
/// The content is in a layer of its own; wakes pinned_key(vm).
void mark_pinned(db::Txn& txn, SnapshotId snapshot);
/// The snapshot needs the disk no more. Wakes released_key(vm, disk) and pinned_key(vm).
void release_hold(db::Txn& txn, SnapshotId snapshot);

[[nodiscard]] std::optional<Hold> find_hold(db::Txn& txn, SnapshotId snapshot);
[[nodiscard]] std::vector<Hold> list_holds(db::Txn& txn, VmId vm);
[[nodiscard]] std::vector<Hold> list_holds(db::Txn& txn, VmId vm, DiskId disk);

/// Keys to wait for (jobs::wait_for).
[[nodiscard]] std::string due_key(SnapshotId snapshot);
[[nodiscard]] std::string pinned_key(VmId vm);
[[nodiscard]] std::string released_key(VmId vm, DiskId disk);

}  // namespace neph::datastore
