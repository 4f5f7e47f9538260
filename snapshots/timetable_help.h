#pragma once

#include "compute/timetable.h"
#include "snapshots/snapshot_service.h"

namespace neph::snapshots {

/// What scheduled actions of VMs need of snapshots and backups. The service outlives it.
[[nodiscard]] compute::TimetableHelp timetable_help(SnapshotService& snapshots);

}  // namespace neph::snapshots
