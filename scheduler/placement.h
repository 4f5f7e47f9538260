#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/units.h"
#include "text/template.h"

/// Pure placement: a snapshot of the site in, a plan and reasons out. No clock, no database.
namespace neph::scheduler {

struct HostCandidate {
  HostId id;
  std::string name;
  ClusterId cluster;
  std::string cluster_name;
  bool is_enabled = true;      ///< administratively
  bool is_reachable = true;
  std::string state_name;      ///< "MONITORED", "ERROR" ..., for reasons
  std::int64_t cpu_free = 0;   ///< percent of a core that may still be given
  std::int64_t memory_free_kb = 0;
  std::int64_t cpu_max = 0;
  std::int64_t memory_max_kb = 0;
  int running_vms = 0;
  text::Template attributes;   ///< host TEMPLATE: requirement and rank may name any of it
};

struct DatastoreCandidate {
  DatastoreId id;
  std::string name;
  std::vector<ClusterId> clusters;
  bool is_enabled = true;
  std::int64_t free_mb = 0;
  std::int64_t total_mb = 0;
  text::Template attributes;
};

struct PendingVm {
  VmId id;
  std::int64_t cpu_percent = 100;
  std::int64_t memory_kb = 0;
  std::int64_t disk_mb = 0;  ///< what its disks may take in the system datastore
  std::string requirements;            ///< SCHED_REQUIREMENTS
  std::string automatic_requirements;  ///< AUTOMATIC_REQUIREMENTS
  std::string rank;                    ///< SCHED_RANK; empty: fewest running VMs first
  std::string datastore_requirements;
  std::string datastore_rank;
  std::optional<HostId> only_host;     ///< resched and stopped VMs may be bound
  double priority = 0;                 ///< higher first, then lower id
};

struct Placement {
  VmId vm;
  HostId host;
  DatastoreId datastore;
};

/// Why a VM stays pending: one line a host or datastore that was refused, with figures.
struct Refusal {
  VmId vm;
  std::string reason;
};

struct Plan {
  std::vector<Placement> placements;
  std::vector<Refusal> refusals;
};

/// Decides for all pending VMs at once; each placement uses up capacity for the next.
/// Attributes that a host requirement can name: ID, NAME, CLUSTER, CLUSTER_ID, FREE_CPU,
/// FREE_MEMORY, MAX_CPU, MAX_MEM, RUNNING_VMS and the host's TEMPLATE; for a datastore ID, NAME,
/// FREE_MB, TOTAL_MB, CLUSTERS/ID and its TEMPLATE.
[[nodiscard]] Plan plan(const std::vector<PendingVm>& pending,
                        const std::vector<HostCandidate>& hosts,
                        const std::vector<DatastoreCandidate>& system_datastores);

}  // namespace neph::scheduler
