#pragma once

#include "access/quota.h"
#include "network/network.h"

/// NICs and their addresses. A NIC of a VM that names a network has a lease there from the
/// transaction in which the VM is made (or the NIC attached) to the one in which the VM is DONE (or
/// the NIC detached); the database refuses a second owner of an address. Store lane.
///
/// Attaching a NIC is one call of attach_nic(), detaching one of give_back(). The VM factory, which
/// has no id before it has read all NICs, calls the parts of attach_nic() one by one.
namespace neph::network {

/// Whether a NIC wants an address of a network: NETWORK, NETWORK_ID or NETWORK_MODE is there.
[[nodiscard]] bool wants_network(const text::Vector& nic);

/// A NIC whose network is found and whose rights are checked.
struct NicAsk {
  NicId nic;
  NetworkId network;
  text::Vector attributes;       ///< as written, and what the network's row says
  text::Template inherited;      ///< of the network, for what its address range does not have
  std::vector<SecurityGroupId> security_groups;  ///< the network's and the NIC's own
  std::vector<ClusterId> clusters;               ///< the VM must be placed in one of these
};

/// Reads a NIC: its network by NETWORK_ID, or by NETWORK (and NETWORK_UNAME or NETWORK_UID, else
/// the caller's own), for which the caller needs USE, as for each of the NIC's SECURITY_GROUPS.
/// NETWORK, NETWORK_ID, BRIDGE, BRIDGE_TYPE, VN_MAD, PHYDEV, VLAN_ID, OUTER_VLAN_ID and CLUSTER_ID
/// are the network's whatever is written. Which attributes only an administrator may write is the
/// caller's business.
/// \returns kNotFound, kDenied, kInvalid (NETWORK_MODE=auto, a malformed IP, MAC ...)
[[nodiscard]] Result<NicAsk> read_nic(db::Txn& txn, const access::Actor& actor, NicId nic,
                                      const text::Vector& written);

/// What such a NIC adds to the quotas of the VM's owner; for access::check_quota().
[[nodiscard]] access::QuotaCharge charge_of(const NicAsk& ask);

/// Takes the address that IP, IP6 or MAC ask for, else the lowest free one of the first range that
/// has any, and joins the security groups. Touches the network, the groups, and the VM.
/// \pre the VM's row exists and its NIC of that number has no lease
/// \returns the NIC as clients see it: the attributes of the ask, AR_ID, MAC, IP, IP6 ...,
/// SECURITY_GROUPS, and what NICs inherit of range and network (INHERIT_VNET_ATTR) where it is not
/// written; kConflict when the address is taken (naming by whom), kInvalid when the network does
/// not have it, kExhausted when no address is free
[[nodiscard]] Result<text::Vector> take_lease(db::Txn& txn, const NicAsk& ask, VmId vm);

/// For a NIC more of a VM that exists: reads it, checks the quota of the VM's owner and takes the
/// lease. NAME, NIC_ID, MODEL and TARGET are the caller's, as for a NIC without a network.
struct NicOwner {
  VmId vm;
  NicId nic;
  UserId user;    ///< the VM's
  GroupId group;
};
[[nodiscard]] Result<text::Vector> attach_nic(db::Txn& txn, const access::Actor& actor,
                                              const NicOwner& owner, const text::Vector& written);

/// Gives the lease of a NIC back and leaves its security groups. Nothing there: fine. Touches the
/// network and the groups.
void give_back(db::Txn& txn, VmId vm, NicId nic);
/// All leases of a VM that ends.
void give_back_all(db::Txn& txn, VmId vm);

// NICs that have a lease. What they answer is the NIC as clients see it, for the caller to keep.

/// The NIC is one of a security group more. Touches the group; whether the caller may USE it is
/// the caller's business.
/// \returns kNotFound, kWrongState for one that it is in already, or a NIC without a network
[[nodiscard]] Result<text::Vector> join_group(db::Txn& txn, VmId vm, NicId id, text::Vector nic,
                                              SecurityGroupId group);
/// \returns kWrongState for one that it is not in
[[nodiscard]] Result<text::Vector> leave_group(db::Txn& txn, VmId vm, NicId id, text::Vector nic,
                                               SecurityGroupId group);

/// What is not written stays, or goes and is inherited anew.
enum class NicChange { kMerge, kReplace };
/// Its network, address, name and security groups stay. Which attributes only an administrator may
/// write is the caller's business.
/// \returns kWrongState for a written attribute that says another one of these
[[nodiscard]] Result<text::Vector> change_nic(db::Txn& txn, const text::Vector& before,
                                              const text::Vector& written, NicChange how);

/// Whether all networks of a VM are in that cluster.
/// \returns kWrongState naming the network and where it is
[[nodiscard]] Result<void> check_cluster(db::Txn& txn, VmId vm, ClusterId cluster);

/// A NIC with every attribute of its address range, and then of its network, that it does not have
/// itself: what CONTEXT and $NETWORK[...] look into. A NIC without a network stays as it is.
[[nodiscard]] text::Vector with_network(db::Txn& txn, const text::Vector& nic);

}  // namespace neph::network
