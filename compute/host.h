#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "db/database.h"
#include "drivers/hypervisor/driver.h"
#include "text/template.h"

/// Hosts and clusters as rows.
namespace neph::compute {

struct Cluster {
  ClusterId id;
  std::string name;
  std::vector<HostId> hosts;
  std::vector<DatastoreId> datastores;
  text::Template attributes;
  std::vector<NetworkId> networks;
};

enum class HostAdmin { kEnabled = 0, kDisabled = 1, kOffline = 2 };
/// As on the wire (states.md 4).
enum class HostState { kInit = 0, kMonitored = 2, kError = 3, kDisabled = 4, kOffline = 8 };
[[nodiscard]] std::string_view name_of(HostState state);

struct Host {
  HostId id;
  std::string name;
  ClusterId cluster;
  std::string cluster_name;
  std::string im_mad;
  std::string vm_mad;
  std::string uri;
  HostAdmin admin = HostAdmin::kEnabled;
  bool is_reachable = false;
  Instant monitored;         ///< unset: never
  Instant unreachable_since;
  std::string error;         ///< why it is not reachable
  Instant lost;              ///< set: it is declared that nothing runs there any more
  std::int64_t cpu_total = 0;  ///< percent, 100 a core
  std::int64_t memory_total_kb = 0;
  std::int64_t memory_free_kb = 0;
  text::Template facts;      ///< ARCH, HYPERVISOR, MODELNAME, VERSION ... as monitoring saw them
  text::Template attributes;
};
[[nodiscard]] HostState state_of(const Host& host);

/// What VMs may take of a host: all of it but RESERVED_CPU and RESERVED_MEM of the host, else of
/// its cluster. A reservation is an amount, or a share with a percent sign; a negative one adds.
struct Capacity {
  std::int64_t cpu_percent = 0;
  std::int64_t memory_kb = 0;
};
[[nodiscard]] Capacity capacity_of(const Host& host, const text::Template& cluster_attributes);

/// What the VMs of a host take, from their rows. A VM that is powered off or suspended keeps its
/// place; one that is stopped, undeployed or done does not. `running` counts those that are ACTIVE.
struct HostUse {
  std::int64_t cpu_percent = 0;
  std::int64_t memory_kb = 0;
  std::int64_t disk_mb = 0;
  std::vector<VmId> vms;
  int running = 0;
};

[[nodiscard]] Result<Host> find_host(db::Txn& txn, HostId id);
[[nodiscard]] std::vector<HostId> list_hosts(db::Txn& txn);
[[nodiscard]] HostUse host_use(db::Txn& txn, HostId id);
HostId insert_host(db::Txn& txn, Host host);
void save_host(db::Txn& txn, const Host& host);
void delete_host_row(db::Txn& txn, HostId id);

[[nodiscard]] Result<Cluster> find_cluster(db::Txn& txn, ClusterId id);
[[nodiscard]] std::vector<ClusterId> list_clusters(db::Txn& txn);
/// Makes cluster 0, "default", where it is not there yet; part of the daemon's start.
void bootstrap_clusters(db::Txn& txn);

[[nodiscard]] hypervisor_driver::HostRef ref_of(const Host& host);
/// A VM's domain on the host of its last history record, and the driver to reach it by.
struct Domain {
  hypervisor_driver::DomainRef ref;
  std::string vm_mad;
};
/// \returns kWrongState on no host, and on one that was declared lost: nothing is asked of it
[[nodiscard]] Result<Domain> find_domain(db::Txn& txn, VmId vm);
[[nodiscard]] access::Subject subject_of(const Host& host);
[[nodiscard]] access::Subject subject_of(const Cluster& cluster);

}  // namespace neph::compute
