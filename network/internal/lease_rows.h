#pragma once

#include "network/network.h"
#include "network/security_group.h"

/// Rows of leases, and of security groups' members, that only this room writes.
namespace neph::network {

[[nodiscard]] std::optional<Lease> find_lease(db::Txn& txn, const AddressRange& range,
                                              std::int64_t position);
[[nodiscard]] std::optional<Lease> find_lease_of(db::Txn& txn, VmId vm, NicId nic);
/// The lowest position from which on so many are free.
[[nodiscard]] std::optional<std::int64_t> find_free(db::Txn& txn, const AddressRange& range,
                                                    std::int64_t count);
/// The lowest position of these that is taken.
[[nodiscard]] std::optional<std::int64_t> find_taken(db::Txn& txn, const AddressRange& range,
                                                     std::int64_t position, std::int64_t count);
/// For `lease` and as many positions behind it as make `count`. Touches the network and those for
/// whose quotas they count.
/// \pre all of them are free
void insert_leases(db::Txn& txn, const AddressRange& range, const Lease& lease,
                   std::int64_t count = 1);
/// Touches what insert_leases() touches.
void delete_leases(db::Txn& txn, const Lease& lease, std::int64_t count = 1);
/// NICs show what the network was like when they took their addresses.
void mark_outdated(db::Txn& txn, NetworkId network);

void join_security_group(db::Txn& txn, SecurityGroupId group, VmId vm, NicId nic);
void leave_security_group(db::Txn& txn, SecurityGroupId group, VmId vm, NicId nic);
/// All groups of a NIC.
void leave_security_groups(db::Txn& txn, VmId vm, NicId nic);

void insert_security_group(db::Txn& txn, const SecurityGroup& group);
/// Touches the VMs in it, too: they show its rules.
void save_security_group(db::Txn& txn, const SecurityGroup& group);
void delete_security_group_row(db::Txn& txn, SecurityGroupId id);

}  // namespace neph::network
