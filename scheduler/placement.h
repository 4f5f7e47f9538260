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

/// Why a VM stays pending: one sentence of at most 600 bytes. Hosts that are refused for the same
/// reason are counted, the first of them is named with figures: "no host fits: host node1 (id 0)
/// lacks memory (needs 524288 KB, 1024 KB free); 3 more hosts do not match SCHED_REQUIREMENTS ...".
struct Refusal {
  VmId vm;
  std::string reason;
};

struct Plan {
  std::vector<Placement> placements;
  std::vector<Refusal> refusals;
};

/// Decides for all pending VMs at once; each placement uses up capacity for the next, and
/// expressions see what earlier placements left.
///
/// Host: enabled, reachable, capacity, both requirements, and a system datastore that fits; of
/// these the highest rank, then the fewest running VMs, the most free memory, the lowest id.
/// Datastore: enabled, in the host's cluster or in none at all, space for disk_mb (0 always fits)
/// and its requirements; of these the highest rank, then the most free space, the lowest id. An
/// expression that cannot be parsed refuses the VM. Every pending VM ends in one of the two lists.
///
/// 20,000 VMs on 1,250 hosts take seconds as long as VMs share their expressions: an expression
/// is evaluated once for a host, and again only after the host has changed.
///
/// Attributes that a host requirement can name: ID, NAME, CLUSTER, CLUSTER_ID, FREE_CPU,
/// FREE_MEMORY (KB), MAX_CPU, MAX_MEM, RUNNING_VMS and the host's TEMPLATE (NAME or TEMPLATE/NAME,
/// a key of a vector as NAME/KEY); for a datastore ID, NAME, FREE_MB, TOTAL_MB, CLUSTERS/ID and its
/// TEMPLATE.
[[nodiscard]] Plan plan(const std::vector<PendingVm>& pending,
                        const std::vector<HostCandidate>& hosts,
                        const std::vector<DatastoreCandidate>& system_datastores);

}  // namespace neph::scheduler
