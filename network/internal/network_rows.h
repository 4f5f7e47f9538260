#pragma once

#include "network/network.h"

/// Rows that only this room writes.
namespace neph::network {

/// Under `network.id`; joins no cluster. Touches it and its owner.
void insert_network(db::Txn& txn, const Network& network);
/// All but clusters; touches it and, when it changes hands, both owners.
void save_network(db::Txn& txn, const Network& network);
/// With its clusters and address ranges. \pre no leases and no reservations
void delete_network_row(db::Txn& txn, NetworkId id);
void join_cluster(db::Txn& txn, NetworkId network, ClusterId cluster);
void leave_cluster(db::Txn& txn, NetworkId network, ClusterId cluster);
/// Takes it out of everybody's account, while the room of a new owner is checked. The transaction
/// must give it an owner again, or fail.
void disown(db::Txn& txn, NetworkId id);
[[nodiscard]] bool is_cluster(db::Txn& txn, ClusterId cluster);
/// VLANs that networks of that driver have, inside and outside, ascending.
[[nodiscard]] std::vector<std::int64_t> list_vlans(db::Txn& txn, std::string_view vn_mad);
/// VMs on hosts of the cluster with an address of the network.
[[nodiscard]] std::vector<VmId> list_vms_between(db::Txn& txn, NetworkId network,
                                                 ClusterId cluster);
[[nodiscard]] std::vector<NetworkId> list_reservations_of(db::Txn& txn, NetworkId parent);
/// The network's address ranges are numbered 0, 1 ...; numbers of ranges that are gone stay unused
/// while there are higher ones.
[[nodiscard]] AddressRangeId next_range_id(db::Txn& txn, NetworkId network);
void insert_range(db::Txn& txn, const AddressRange& range);
/// Size, prefixes and further attributes.
void save_range(db::Txn& txn, const AddressRange& range);
/// \pre no leases
void delete_range_row(db::Txn& txn, NetworkId network, AddressRangeId range);

}  // namespace neph::network
