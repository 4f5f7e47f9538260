#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

/// What hosts and VMs use, over time. Knows numbers of hosts and VMs and nothing else of them.
namespace neph::monitoring {

/// What a guest has moved since it was started. Sums of all its disks and NICs.
struct Traffic {
  std::int64_t disk_read_bytes = 0;
  std::int64_t disk_reads = 0;
  std::int64_t disk_written_bytes = 0;
  std::int64_t disk_writes = 0;
  std::int64_t received_bytes = 0;
  std::int64_t sent_bytes = 0;
};

struct VmSample {
  Instant at;
  std::optional<float> cpu_percent;  ///< 100 a core; not known from the first visit alone
  std::int64_t memory_kb = 0;
  std::optional<Traffic> traffic;    ///< where the hypervisor counts it
};

struct HostSample {
  Instant at;
  std::optional<int> used_cpu_percent;  ///< 100 a core, everything that runs there
  int cpu_percent_total = 0;
  std::int64_t used_memory_kb = 0;
  std::int64_t free_memory_kb = 0;
};

/// What one visit of a host has read. CPU times only ever grow while a guest or host runs.
struct VmReading {
  VmId vm;
  std::int64_t cpu_time_ns = 0;
  std::int64_t memory_kb = 0;
  std::optional<Traffic> traffic;
};
struct Reading {
  HostId host;
  Instant at;
  std::optional<std::int64_t> cpu_time_ns;  ///< spent on anything but idling, all cores
  int cpu_percent_total = 0;
  std::int64_t used_memory_kb = 0;
  std::int64_t free_memory_kb = 0;
  std::vector<VmReading> vms;
};

/// The samples of one visit.
struct Record {
  HostId host;
  HostSample sample;
  std::vector<std::pair<VmId, VmSample>> vms;
};

}  // namespace neph::monitoring
