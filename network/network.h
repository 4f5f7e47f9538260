#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "db/database.h"
#include "network/address.h"
#include "text/template.h"

/// Virtual networks, their address ranges and who has which address, as rows. Facts: OpenNebula
/// 7.4.
namespace neph::network {

struct Network {
  NetworkId id;
  std::string name;
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  NetworkId parent;            ///< of a reservation: whose addresses it hands out
  std::string vn_mad;          ///< "bridge", "dummy", "802.1Q" ...
  std::string bridge;
  std::string bridge_type;     ///< "linux", "openvswitch"
  std::string phydev;
  std::string vlan_id;
  std::string outer_vlan_id;
  bool is_vlan_automatic = false;
  bool is_outer_vlan_automatic = false;
  std::string error;           ///< why it is in ERROR; empty: READY
  std::vector<ClusterId> clusters;
  text::Template attributes;   ///< without what the members above hold
};

/// Stored: append-only.
enum class RangeType { kEther = 1, kIp4 = 2, kIp6 = 3, kIp4And6 = 4, kIp6Static = 5,
                       kIp4And6Static = 6 };
[[nodiscard]] std::string_view name_of(RangeType type);  ///< "ETHER", "IP4" ...
[[nodiscard]] std::optional<RangeType> range_type_from(std::string_view name);

/// All addresses of one position of a range.
struct Address {
  Mac mac;
  std::optional<Ip4> ip;
  std::optional<Ip6> ip6;         ///< of the static types
  std::optional<Ip6> ip6_global;  ///< made from a prefix
  std::optional<Ip6> ip6_ula;
  std::optional<Ip6> ip6_link;    ///< of every type that has IPv6
};

struct AddressRange {
  NetworkId network;
  AddressRangeId id;
  RangeType type = RangeType::kIp4;
  std::int64_t size = 0;
  Mac mac;                        ///< of position 0, as the other two
  std::optional<Ip4> ip;
  std::optional<Ip6> ip6;
  int prefix_length = 0;          ///< of the static types
  std::optional<Ip6> global_prefix;
  std::optional<Ip6> ula_prefix;
  std::int64_t next_free = 0;     ///< the lowest that is free; `size`: none is
  AddressRangeId parent_range;    ///< of a reservation: its place in the parent network
  std::int64_t parent_position = 0;
  text::Template attributes;      ///< further ones: NICs inherit them first

  [[nodiscard]] Address at(std::int64_t position) const;
  /// nullopt: not in this range.
  [[nodiscard]] std::optional<std::int64_t> find(Mac wanted) const;
  [[nodiscard]] std::optional<std::int64_t> find(Ip4 wanted) const;
  [[nodiscard]] std::optional<std::int64_t> find(Ip6 wanted) const;
};

/// Stored: append-only.
enum class LeaseKind { kVm = 1, kHeld = 2, kReserved = 3 };

struct Lease {
  NetworkId network;
  AddressRangeId range;
  std::int64_t position = 0;
  LeaseKind kind = LeaseKind::kVm;
  VmId vm;                ///< kVm
  NicId nic;
  NetworkId reservation;  ///< kReserved
  bool is_outdated = false;  ///< its network has changed since the NIC took it
};

[[nodiscard]] Result<Network> find_network(db::Txn& txn, NetworkId id);
[[nodiscard]] std::optional<NetworkId> find_network_by_name(db::Txn& txn, UserId owner,
                                                            std::string_view name);
[[nodiscard]] std::vector<NetworkId> list_networks(db::Txn& txn);
[[nodiscard]] std::vector<NetworkId> list_networks_in(db::Txn& txn, ClusterId cluster);
/// By ascending id.
[[nodiscard]] std::vector<AddressRange> list_ranges(db::Txn& txn, NetworkId id);
[[nodiscard]] Result<AddressRange> find_range(db::Txn& txn, NetworkId id, AddressRangeId range);
/// By range and position.
[[nodiscard]] std::vector<Lease> list_leases(db::Txn& txn, NetworkId id);
/// In the order of NICs.
[[nodiscard]] std::vector<Lease> list_leases_of(db::Txn& txn, VmId vm);

/// TEMPLATE as clients see it, and send it back: with BRIDGE, VN_MAD, VLAN_ID and the like.
[[nodiscard]] text::Template shown_template(const Network& network);
[[nodiscard]] access::Subject subject_of(const Network& network);

}  // namespace neph::network
