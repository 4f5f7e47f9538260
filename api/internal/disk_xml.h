#pragma once

#include <string>
#include <vector>

#include "compute/vm.h"
#include "snapshots/snapshot.h"

namespace neph::api {

/// A disk that outlives its VM, because a snapshot still needs it.
struct RetainedDisk {
  compute::VmDisk disk;
  compute::Vm vm;
  std::string owner_name;
  std::string host_name;                       ///< empty: the host is gone
  std::vector<snapshots::Snapshot> snapshots;  ///< not over; none while it is being removed
};

/// DISK_POOL: a DISK for each disk and snapshot. Pure.
[[nodiscard]] std::string retained_disks_xml(const std::vector<RetainedDisk>& disks);

}  // namespace neph::api
