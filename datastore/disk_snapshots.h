#pragma once

#include <string>
#include <vector>

#include "datastore/holds.h"
#include "drivers/datastore/driver.h"

/// Restore points of disks as rows: frozen layers below the one that is written to. (What makes a
/// new image of a disk is a snapshot of the room `snapshots`, and has nothing to do with these.)
/// Store lane, inside the caller's transaction.
namespace neph::datastore {

/// Whose restore points: those of a persistent disk are its image's and stay when a VM goes, the
/// others are the disk's own.
struct DiskTree {
  ImageId image;  ///< set: the image's
  VmId vm;
  DiskId disk;
};

struct DiskSnapshot {
  std::int64_t id = -1;      ///< number within its tree
  std::int64_t parent = -1;  ///< -1: the disk as it was at first
  std::string name;
  Instant created;
  std::int64_t size_mb = 0;
  std::string path;          ///< its layer, which lies on its parent's
  datastore_driver::Format format = datastore_driver::Format::kQcow2;
  Grade grade = Grade::kUnknown;
  bool is_active = false;    ///< the disk goes on from it
};

/// By number.
[[nodiscard]] std::vector<DiskSnapshot> list_disk_snapshots(db::Txn& txn, const DiskTree& tree);
/// \returns kNotFound
[[nodiscard]] Result<DiskSnapshot> find_disk_snapshot(db::Txn& txn, const DiskTree& tree,
                                                      std::int64_t id);
/// The number that the next one gets; no number is given twice.
[[nodiscard]] std::int64_t next_disk_snapshot(db::Txn& txn, const DiskTree& tree);
std::int64_t take_disk_snapshot_number(db::Txn& txn, const DiskTree& tree);
/// Inserts or replaces; touches the VM or the image.
void save_disk_snapshot(db::Txn& txn, const DiskTree& tree, const DiskSnapshot& snapshot);
void delete_disk_snapshot_row(db::Txn& txn, const DiskTree& tree, std::int64_t id);
void delete_all_disk_snapshots(db::Txn& txn, const DiskTree& tree);
/// The disk goes on from this one, or, with -1, from none.
void set_active(db::Txn& txn, const DiskTree& tree, std::int64_t id);

/// Layers below the one that is written to, top first: the active restore point and those it
/// stands on.
[[nodiscard]] std::vector<datastore_driver::Layer> layers_below(
    const std::vector<DiskSnapshot>& snapshots);

}  // namespace neph::datastore
