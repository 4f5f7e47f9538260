#pragma once

#include <optional>
#include <string_view>

#include "compute/host.h"

/// Rows of clusters that only this room writes.
namespace neph::compute {

[[nodiscard]] std::optional<ClusterId> find_cluster_by_name(db::Txn& txn, std::string_view name);
/// Under the next id.
ClusterId insert_cluster(db::Txn& txn, const Cluster& cluster);
/// Name and attributes; touches the hosts too, whose documents show both.
void save_cluster(db::Txn& txn, const Cluster& cluster);
/// \pre nothing is in it
void delete_cluster_row(db::Txn& txn, ClusterId id);

}  // namespace neph::compute
