#pragma once

#include "compute/timetable.h"
#include "snapshots/snapshot_service.h"

namespace neph::snapshots {

/// What scheduled actions need of snapshots, backups and backup jobs. The service outlives it.
[[nodiscard]] compute::TimetableHelp timetable_help(SnapshotService& snapshots);

}  // namespace neph::snapshots
