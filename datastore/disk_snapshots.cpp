#include "datastore/disk_snapshots.h"

#include <algorithm>

namespace neph::datastore {

std::vector<datastore_driver::Layer> layers_below(const std::vector<DiskSnapshot>& snapshots) {
  std::vector<datastore_driver::Layer> layers;
  auto next = std::ranges::find(snapshots, true, &DiskSnapshot::is_active);
  while (next != snapshots.end()) {
    layers.push_back({next->path, next->format});
    next = std::ranges::find(snapshots, next->parent, &DiskSnapshot::id);
  }
  return layers;
}

Result<DiskSnapshot> find_disk_snapshot(db::Txn& txn, const DiskTree& tree, std::int64_t id) {
  for (DiskSnapshot& snapshot : list_disk_snapshots(txn, tree)) {
    if (snapshot.id == id) return std::move(snapshot);
  }
  return fail(Errc::kNotFound, "there is no disk snapshot {}", id);
}

void set_active(db::Txn& txn, const DiskTree& tree, std::int64_t id) {
  for (DiskSnapshot snapshot : list_disk_snapshots(txn, tree)) {
    if (snapshot.is_active == (snapshot.id == id)) continue;
    snapshot.is_active = snapshot.id == id;
    save_disk_snapshot(txn, tree, snapshot);
  }
}

}  // namespace neph::datastore
