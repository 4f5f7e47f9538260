#include <fmt/format.h>

#include "db/counters.h"
#include "snapshots/snapshot.h"

namespace neph::snapshots {
namespace {

constexpr std::string_view kColumns =
    "id, set_id, user_id, group_id, vm_id, disk_id, image_id, image_name, datastore_id, kind, "
    "fires, quiesce, phase, captures_crashed, grade, requested_at_ms, captured_at_ms, "
    "ready_at_ms, frozen_ms, bytes_total, sha256, pin_kind, pin_path, host_id, description, "
    "reason, error, job_id";

Snapshot read_row(const db::Cursor& row) {
  Snapshot snapshot;
  int column = 0;
  const auto read = [&]<class T>(T& field) { field = row.get<T>(column++); };
  read(snapshot.id);
  read(snapshot.set);
  read(snapshot.owner);
  read(snapshot.group);
  read(snapshot.vm);
  read(snapshot.disk);
  read(snapshot.image);
  read(snapshot.image_name);
  read(snapshot.datastore);
  read(snapshot.kind);
  read(snapshot.fires);
  read(snapshot.quiesce);
  read(snapshot.phase);
  read(snapshot.captures_crashed);
  read(snapshot.grade);
  read(snapshot.requested);
  read(snapshot.captured);
  read(snapshot.ready);
  snapshot.frozen_for = Duration{row.integer(column++)};
  snapshot.bytes_total = Bytes{row.integer(column++)};
  read(snapshot.sha256);
  read(snapshot.pin);
  read(snapshot.pin_path);
  read(snapshot.host);
  read(snapshot.description);
  read(snapshot.reason);
  read(snapshot.error);
  read(snapshot.job);
  return snapshot;
}

template <class... Args>
std::vector<Snapshot> list_where(db::Txn& txn, std::string_view condition, const Args&... args) {
  auto cursor = txn.query(
      fmt::format("SELECT {} FROM snapshots WHERE {} ORDER BY id", kColumns, condition), args...);
  std::vector<Snapshot> found;
  while (cursor.next()) found.push_back(read_row(cursor));
  return found;
}

void touch(db::Txn& txn, const Snapshot& snapshot) {
  txn.touch(ObjectKind::kSnapshot, snapshot.id);
  txn.touch(ObjectKind::kVm, snapshot.vm);
  txn.touch(ObjectKind::kImage, snapshot.image);
}

}  // namespace

Result<Snapshot> find_snapshot(db::Txn& txn, SnapshotId id) {
  const auto found = list_where(txn, "id = ?", id);
  if (found.empty()) return fail(Errc::kNotFound, "Error getting snapshot [{}].", id);
  return found.front();
}

std::vector<SnapshotId> list_snapshots(db::Txn& txn) {
  auto cursor = txn.query("SELECT id FROM snapshots ORDER BY id");
  std::vector<SnapshotId> ids;
  while (cursor.next()) ids.push_back(cursor.get<SnapshotId>(0));
  return ids;
}

std::vector<Snapshot> list_set(db::Txn& txn, SnapshotId set) {
  return list_where(txn, "set_id = ?", set);
}

std::vector<Snapshot> list_open_of_disk(db::Txn& txn, VmId vm, DiskId disk) {
  return list_where(txn, "vm_id = ? AND disk_id = ? AND phase NOT IN (?, ?, ?)", vm, disk,
                    Phase::kReady, Phase::kCancelled, Phase::kDiscarded);
}

std::optional<Snapshot> find_by_image(db::Txn& txn, ImageId image) {
  auto found = list_where(txn, "image_id = ?", image);
  if (found.empty()) return std::nullopt;
  return std::move(found.back());
}

std::optional<Snapshot> find_open_by_image(db::Txn& txn, ImageId image) {
  auto found = list_where(txn, "image_id = ? AND phase NOT IN (?, ?, ?)", image, Phase::kReady,
                          Phase::kCancelled, Phase::kDiscarded);
  if (found.empty()) return std::nullopt;
  return std::move(found.back());
}

std::vector<Snapshot> list_by_image(db::Txn& txn, ImageId image) {
  return list_where(txn, "image_id = ?", image);
}

Bytes reserved_in(db::Txn& txn, DatastoreId datastore, SnapshotId but) {
  return Bytes{txn.value<std::int64_t>("SELECT CAST(TOTAL(bytes_total) AS INTEGER) FROM snapshots "
                                       "WHERE datastore_id = ? AND id <> ? AND phase IN (?, ?)",
                                       datastore, but, Phase::kWaiting, Phase::kCopying)
                   .value_or(0)};
}

SnapshotId insert_snapshot(db::Txn& txn, Snapshot snapshot) {
  snapshot.id = db::take_id<SnapshotId>(txn, "snapshot");
  if (!snapshot.set.is_set()) snapshot.set = snapshot.id;
  txn.exec(
      "INSERT INTO snapshots(id, set_id, user_id, group_id, vm_id, disk_id, image_id, image_name, "
      "datastore_id, kind, fires, quiesce, phase, captures_crashed, requested_at_ms) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      snapshot.id, snapshot.set, snapshot.owner, snapshot.group, snapshot.vm, snapshot.disk,
      snapshot.image, snapshot.image_name, snapshot.datastore, snapshot.kind, snapshot.fires,
      snapshot.quiesce, snapshot.phase, snapshot.captures_crashed, snapshot.requested);
  save_snapshot(txn, snapshot);
  return snapshot.id;
}

void save_snapshot(db::Txn& txn, const Snapshot& snapshot) {
  txn.exec(
      "UPDATE snapshots SET set_id = ?, user_id = ?, group_id = ?, image_id = ?, image_name = ?, "
      "datastore_id = ?, kind = ?, fires = ?, quiesce = ?, phase = ?, captures_crashed = ?, "
      "grade = ?, requested_at_ms = ?, captured_at_ms = ?, ready_at_ms = ?, frozen_ms = ?, "
      "bytes_total = ?, sha256 = ?, pin_kind = ?, pin_path = ?, host_id = ?, description = ?, "
      "reason = ?, error = ?, job_id = ? WHERE id = ?",
      snapshot.set, snapshot.owner, snapshot.group, snapshot.image, snapshot.image_name,
      snapshot.datastore, snapshot.kind, snapshot.fires, snapshot.quiesce, snapshot.phase,
      snapshot.captures_crashed, snapshot.grade, snapshot.requested, snapshot.captured,
      snapshot.ready, snapshot.frozen_for.count(), snapshot.bytes_total.value, snapshot.sha256,
      snapshot.pin, snapshot.pin_path, snapshot.host, snapshot.description, snapshot.reason,
      snapshot.error, snapshot.job, snapshot.id);
  touch(txn, snapshot);
}

void doubt_unfinished(db::Txn& txn) {
  for (const SnapshotId id : list_snapshots(txn)) {
    auto snapshot = find_snapshot(txn, id);
    if (!snapshot || is_over(snapshot->phase) || !snapshot->captured.is_set()) continue;
    if (snapshot->pin != PinKind::kOverlay && snapshot->pin != PinKind::kDisk) continue;
    snapshot->grade = datastore::Grade::kUnknown;
    save_snapshot(txn, *snapshot);
  }
}

}  // namespace neph::snapshots
