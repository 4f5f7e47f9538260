#pragma once

#include <string>

#include "compute/host.h"
#include "db/database.h"
#include "text/template.h"

/// What one.cluster.* does to clusters and the hosts in them; who is allowed to is the caller's
/// business. Store lane. Facts: OpenNebula 7.4, where a host is in exactly one cluster.
namespace neph::compute {

/// Where hosts are unless somebody says otherwise, and where they go when they leave another one.
inline constexpr ClusterId kDefaultCluster{0};

/// The first one has id 100. \returns kInvalid (name), kConflict (name taken)
[[nodiscard]] Result<ClusterId> create_cluster(db::Txn& txn, const std::string& name);
/// \returns kWrongState for the default cluster and while hosts, datastores or networks are in it
[[nodiscard]] Result<void> delete_cluster(db::Txn& txn, ClusterId id);
/// Its hosts show its name. \returns kInvalid (name), kConflict (name taken)
[[nodiscard]] Result<void> rename_cluster(db::Txn& txn, ClusterId id, const std::string& name);
struct ClusterChange {
  ClusterId id;
  text::Template change;
  bool is_append = false;  ///< merged; else it is the whole template from now on
};
/// RESERVED_CPU and RESERVED_MEM count at once for the hosts that have none of their own.
[[nodiscard]] Result<void> update_cluster(db::Txn& txn, const ClusterChange& ask);
/// Out of the cluster it is in and into that one. VMs on it stay as they are.
[[nodiscard]] Result<void> move_host(db::Txn& txn, HostId id, ClusterId cluster);

}  // namespace neph::compute
