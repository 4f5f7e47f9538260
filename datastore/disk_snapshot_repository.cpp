#include "datastore/disk_snapshots.h"

namespace neph::datastore {
namespace {

constexpr std::string_view kOfTree = " WHERE image_id = ? AND vm_id = ? AND disk_id = ?";

/// Unset ids are -1 in these keys: NULL would make no key of them.
struct Key {
  std::int64_t image;
  std::int64_t vm;
  std::int64_t disk;
};
Key key_of(const DiskTree& tree) {
  if (tree.image.is_set()) return {tree.image.value, -1, -1};
  return {-1, tree.vm.value, tree.disk.value};
}

void touch(db::Txn& txn, const DiskTree& tree) {
  if (tree.vm.is_set()) txn.touch(ObjectKind::kVm, tree.vm);
  if (!tree.image.is_set()) return;
  txn.touch(ObjectKind::kImage, tree.image);
  auto owner = txn.query("SELECT user_id, group_id FROM images WHERE id = ?", tree.image);
  if (!owner.next()) return;
  txn.touch(ObjectKind::kUser, owner.integer(0));
  txn.touch(ObjectKind::kGroup, owner.integer(1));
}

}  // namespace

std::vector<DiskSnapshot> list_disk_snapshots(db::Txn& txn, const DiskTree& tree) {
  const Key key = key_of(tree);
  std::vector<DiskSnapshot> snapshots;
  auto rows = txn.query(
      fmt::format("SELECT snapshot_id, parent_id, name, created_at, size_mb, path, format, grade,"
                  " is_active FROM disk_snapshots{} ORDER BY snapshot_id",
                  kOfTree),
      key.image, key.vm, key.disk);
  while (rows.next()) {
    DiskSnapshot snapshot;
    snapshot.id = rows.integer(0);
    snapshot.parent = rows.integer(1);
    snapshot.name = rows.text(2);
    snapshot.created = {rows.integer(3) * 1000};
    snapshot.size_mb = rows.integer(4);
    snapshot.path = rows.text(5);
    snapshot.format = rows.text(6) == "raw" ? datastore_driver::Format::kRaw
                                            : datastore_driver::Format::kQcow2;
    snapshot.grade = rows.get<Grade>(7);
    snapshot.is_active = rows.get<bool>(8);
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

std::int64_t next_disk_snapshot(db::Txn& txn, const DiskTree& tree) {
  const Key key = key_of(tree);
  return txn
      .value<std::int64_t>(fmt::format("SELECT next FROM disk_snapshot_numbers{}", kOfTree),
                           key.image, key.vm, key.disk)
      .value_or(0);
}

std::int64_t take_disk_snapshot_number(db::Txn& txn, const DiskTree& tree) {
  const Key key = key_of(tree);
  txn.exec(
      "INSERT INTO disk_snapshot_numbers (image_id, vm_id, disk_id, next) VALUES (?,?,?,1)"
      " ON CONFLICT DO UPDATE SET next = next + 1",
      key.image, key.vm, key.disk);
  return next_disk_snapshot(txn, tree) - 1;
}

void save_disk_snapshot(db::Txn& txn, const DiskTree& tree, const DiskSnapshot& snapshot) {
  const Key key = key_of(tree);
  // No REPLACE: it would pass by the triggers that count what quotas limit.
  txn.exec(
      "INSERT INTO disk_snapshots (image_id, vm_id, disk_id, snapshot_id, parent_id, name,"
      " created_at, size_mb, path, format, grade, is_active) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
      " ON CONFLICT DO UPDATE SET parent_id = excluded.parent_id, name = excluded.name,"
      " path = excluded.path, format = excluded.format, is_active = excluded.is_active",
      key.image, key.vm, key.disk, snapshot.id, snapshot.parent, snapshot.name,
      snapshot.created.seconds(), snapshot.size_mb, snapshot.path, name_of(snapshot.format),
      snapshot.grade, snapshot.is_active);
  touch(txn, tree);
}

void delete_disk_snapshot_row(db::Txn& txn, const DiskTree& tree, std::int64_t id) {
  const Key key = key_of(tree);
  txn.exec(fmt::format("DELETE FROM disk_snapshots{} AND snapshot_id = ?", kOfTree), key.image,
           key.vm, key.disk, id);
  touch(txn, tree);
}

void delete_all_disk_snapshots(db::Txn& txn, const DiskTree& tree) {
  const Key key = key_of(tree);
  txn.exec(fmt::format("DELETE FROM disk_snapshots{}", kOfTree), key.image, key.vm, key.disk);
  txn.exec(fmt::format("DELETE FROM disk_snapshot_numbers{}", kOfTree), key.image, key.vm,
           key.disk);
  touch(txn, tree);
}

}  // namespace neph::datastore
