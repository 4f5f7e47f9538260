#include "datastore/holds.h"
#include "jobs/queue.h"

namespace neph::datastore {

namespace {

constexpr std::string_view kByDisk =
    "SELECT snapshot_id, vm_id, disk_id, fires, state, due_at_ms, grade FROM disk_holds"
    " WHERE vm_id = ? AND disk_id = ? ORDER BY snapshot_id";
constexpr std::string_view kByVm =
    "SELECT snapshot_id, vm_id, disk_id, fires, state, due_at_ms, grade FROM disk_holds"
    " WHERE vm_id = ? ORDER BY snapshot_id";
constexpr std::string_view kHoldBySnapshot =
    "SELECT snapshot_id, vm_id, disk_id, fires, state, due_at_ms, grade FROM disk_holds"
    " WHERE snapshot_id = ?";

Hold hold_from(const db::Cursor& row) {
  return {.snapshot = row.get<SnapshotId>(0),
          .vm = row.get<VmId>(1),
          .disk = row.get<DiskId>(2),
          .fires = row.get<Fires>(3),
          .state = row.get<HoldState>(4),
          .due_at = row.get<Instant>(5),
          .grade = row.get<Grade>(6)};
}

std::vector<Hold> read_all(db::Cursor rows) {
  std::vector<Hold> holds;
  while (rows.next()) holds.push_back(hold_from(rows));
  return holds;
}

void touch(db::Txn& txn, const Hold& hold) {
  txn.touch(ObjectKind::kSnapshot, hold.snapshot);
  txn.touch(ObjectKind::kVm, hold.vm);
}

}  // namespace

void place_hold(db::Txn& txn, const Hold& hold) {
  txn.exec(
      "INSERT INTO disk_holds(snapshot_id, vm_id, disk_id, fires, state, due_at_ms, grade)"
      " VALUES (?, ?, ?, ?, ?, ?, ?)",
      hold.snapshot, hold.vm, hold.disk, hold.fires, hold.state, hold.due_at, hold.grade);
  touch(txn, hold);
}

void mark_due(db::Txn& txn, SnapshotId snapshot, Instant at, Grade grade) {
  const auto hold = find_hold(txn, snapshot);
  // What is pinned has its instant; a later one would be a lie about its content.
  if (!hold || hold->state == HoldState::kPinned) return;
  txn.exec("UPDATE disk_holds SET state = ?, due_at_ms = ?, grade = ? WHERE snapshot_id = ?",
           HoldState::kDue, at, grade, snapshot);
  touch(txn, *hold);
  jobs::wake(txn, due_key(snapshot));
}

void mark_pinned(db::Txn& txn, SnapshotId snapshot) {
  const auto hold = find_hold(txn, snapshot);
  if (!hold) return;
  txn.exec("UPDATE disk_holds SET state = ? WHERE snapshot_id = ?", HoldState::kPinned, snapshot);
  touch(txn, *hold);
  jobs::wake(txn, pinned_key(hold->vm));
}

void release_hold(db::Txn& txn, SnapshotId snapshot) {
  const auto hold = find_hold(txn, snapshot);
  if (!hold) return;
  txn.exec("DELETE FROM disk_holds WHERE snapshot_id = ?", snapshot);
  touch(txn, *hold);
  jobs::wake(txn, released_key(hold->vm, hold->disk));
  jobs::wake(txn, pinned_key(hold->vm));
}

std::optional<Hold> find_hold(db::Txn& txn, SnapshotId snapshot) {
  auto row = txn.query(kHoldBySnapshot, snapshot);
  if (!row.next()) return std::nullopt;
  return hold_from(row);
}

std::vector<Hold> list_holds(db::Txn& txn, VmId vm) { return read_all(txn.query(kByVm, vm)); }

std::vector<Hold> list_holds(db::Txn& txn, VmId vm, DiskId disk) {
  return read_all(txn.query(kByDisk, vm, disk));
}

}  // namespace neph::datastore
