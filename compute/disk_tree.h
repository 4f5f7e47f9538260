#pragma once

#include "compute/vm.h"
#include "datastore/disk_snapshots.h"

namespace neph::compute {

/// Whose restore points the disk goes on from: its image's if it is persistent, else its own.
[[nodiscard]] datastore::DiskTree tree_of(const VmDisk& disk);

/// MB of the system datastore that the restore points of a disk are charged with.
[[nodiscard]] std::int64_t snapshots_mb(db::Txn& txn, const VmDisk& disk);

}  // namespace neph::compute
