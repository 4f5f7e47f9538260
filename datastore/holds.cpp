#include "datastore/holds.h"

#include <fmt/format.h>

#include <optional>

namespace neph::datastore {

namespace {

/// The grade with which an armed hold fires, nothing when it stays armed. A hold of its own time
/// (kByItself) belongs to a snapshot that is under way: whatever stops the guest settles its
/// instant. The others wait for a stop that leaves the file system whole, or for the last moment
/// at which the disk is still there.
std::optional<Grade> grade_when_firing(Fires fires, GuestEnd end) {
  const bool is_final = end == GuestEnd::kFinalOrderly || end == GuestEnd::kFinalCut ||
                        end == GuestEnd::kFinalUnseen;
  if (!is_final && fires == Fires::kEnd) return std::nullopt;
  switch (end) {
    case GuestEnd::kOrderly:
    case GuestEnd::kFinalOrderly:
      return Grade::kShutdown;
    case GuestEnd::kUnseen:
    case GuestEnd::kFinalUnseen:
      return Grade::kUnknown;
    case GuestEnd::kFinalCut:
      return Grade::kCrash;
    case GuestEnd::kCut:
      if (fires == Fires::kByItself) return Grade::kCrash;
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Grade grade) {
  switch (grade) {
    case Grade::kNone: return "";
    case Grade::kShutdown: return "shutdown";
    case Grade::kFrozen: return "frozen";
    case Grade::kCrash: return "crash";
    case Grade::kUnknown: return "unknown";
  }
  return "";
}

void apply_guest_end(db::Txn& txn, VmId vm, GuestEnd end, Instant at) {
  for (const Hold& hold : list_holds(txn, vm)) {
    if (hold.state != HoldState::kArmed) continue;
    const auto grade = grade_when_firing(hold.fires, end);
    if (grade) mark_due(txn, hold.snapshot, at, *grade);
  }
}

std::string due_key(SnapshotId snapshot) { return fmt::format("hold/due/{}", snapshot); }
std::string pinned_key(VmId vm) { return fmt::format("hold/pinned/{}", vm); }
std::string released_key(VmId vm, DiskId disk) {
  return fmt::format("hold/released/{}/{}", vm, disk);
}

}  // namespace neph::datastore
