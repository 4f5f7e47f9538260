#include "db/list_ids.h"
#include "db/stored_template.h"
#include "network/internal/network_rows.h"

namespace neph::network {
namespace {

constexpr std::string_view kNetworkColumns =
    "id, name, user_id, group_id, permissions, parent_id, vn_mad, bridge, bridge_type, phydev,"
    " vlan_id, outer_vlan_id, is_vlan_automatic, is_outer_vlan_automatic, template, error";

Network read_network(const db::Cursor& row) {
  Network network;
  network.id = row.get<NetworkId>(0);
  network.name = row.text(1);
  network.owner = row.get<UserId>(2);
  network.group = row.get<GroupId>(3);
  network.permissions.bits = row.get<int>(4);
  network.parent = row.get<NetworkId>(5);
  network.vn_mad = row.text(6);
  network.bridge = row.text(7);
  network.bridge_type = row.text(8);
  network.phydev = row.text(9);
  network.vlan_id = row.text(10);
  network.outer_vlan_id = row.text(11);
  network.is_vlan_automatic = row.get<bool>(12);
  network.is_outer_vlan_automatic = row.get<bool>(13);
  network.attributes = db::stored_template(row.text(14));
  network.error = row.text(15);
  return network;
}

/// The columns after the id, in the order of the statements that write a network.
template <class Write>
void with_columns(const Network& network, Write&& write) {
  write(network.name, network.owner, network.group, network.permissions.bits, network.parent,
        network.vn_mad, network.bridge, network.bridge_type, network.phydev, network.vlan_id,
        network.outer_vlan_id, network.is_vlan_automatic, network.is_outer_vlan_automatic,
        network.attributes.to_text(), network.error);
}

constexpr std::string_view kRangeColumns =
    "network_id, range_id, type, size, mac, ip, ip6, prefix_length, global_prefix, ula_prefix,"
    " next_free, parent_range_id, parent_position, template";

AddressRange read_range(const db::Cursor& row) {
  AddressRange range;
  range.network = row.get<NetworkId>(0);
  range.id = row.get<AddressRangeId>(1);
  range.type = row.get<RangeType>(2);
  range.size = row.integer(3);
  range.mac.bits = static_cast<std::uint64_t>(row.integer(4));
  if (!row.is_null(5)) range.ip = Ip4{static_cast<std::uint32_t>(row.integer(5))};
  range.ip6 = Ip6::parse(row.text(6));
  range.prefix_length = row.get<int>(7);
  range.global_prefix = Ip6::parse(row.text(8));
  range.ula_prefix = Ip6::parse(row.text(9));
  range.next_free = row.integer(10);
  range.parent_range = row.get<AddressRangeId>(11);
  range.parent_position = row.integer(12);
  range.attributes = db::stored_template(row.text(13));
  return range;
}

std::string text_of(const std::optional<Ip6>& address) {
  return address ? address->text() : std::string{};
}

void touch_owners(db::Txn& txn, UserId user, GroupId group) {
  txn.touch(ObjectKind::kUser, user);
  txn.touch(ObjectKind::kGroup, group);
}

}  // namespace

Result<Network> find_network(db::Txn& txn, NetworkId id) {
  auto rows = txn.query(fmt::format("SELECT {} FROM networks WHERE id = ?", kNetworkColumns), id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting virtual network [{}].", id);
  Network network = read_network(rows);
  network.clusters = db::list_ids<ClusterId>(
      txn, "SELECT cluster_id FROM cluster_networks WHERE network_id = ? ORDER BY cluster_id", id);
  return network;
}

std::optional<NetworkId> find_network_by_name(db::Txn& txn, UserId owner, std::string_view name) {
  return txn.value<NetworkId>("SELECT id FROM networks WHERE user_id = ? AND name = ?", owner,
                              name);
}

std::vector<NetworkId> list_networks(db::Txn& txn) {
  return db::list_ids<NetworkId>(txn, "SELECT id FROM networks ORDER BY id");
}

std::vector<AddressRange> list_ranges(db::Txn& txn, NetworkId id) {
  std::vector<AddressRange> ranges;
  auto rows = txn.query(
      fmt::format("SELECT {} FROM address_ranges WHERE network_id = ? ORDER BY range_id",
                  kRangeColumns),
      id);
  while (rows.next()) ranges.push_back(read_range(rows));
  return ranges;
}

Result<AddressRange> find_range(db::Txn& txn, NetworkId id, AddressRangeId range) {
  auto rows = txn.query(
      fmt::format("SELECT {} FROM address_ranges WHERE network_id = ? AND range_id = ?",
                  kRangeColumns),
      id, range);
  if (rows.next()) return read_range(rows);
  return fail(Errc::kInvalid, "Virtual network [{}] has no address range {}", id, range);
}

void insert_network(db::Txn& txn, const Network& network) {
  with_columns(network, [&](const auto&... columns) {
    txn.exec(fmt::format("INSERT INTO networks ({}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                         kNetworkColumns),
             network.id, columns...);
  });
  txn.touch(ObjectKind::kNetwork, network.id);
}

void save_network(db::Txn& txn, const Network& network) {
  auto old = txn.query("SELECT user_id, group_id FROM networks WHERE id = ?", network.id);
  NEPH_ASSERT(old.next());
  const auto user = old.get<UserId>(0);
  const auto group = old.get<GroupId>(1);
  with_columns(network, [&](const auto&... columns) {
    txn.exec(
        "UPDATE networks SET name=?, user_id=?, group_id=?, permissions=?, parent_id=?, vn_mad=?,"
        " bridge=?, bridge_type=?, phydev=?, vlan_id=?, outer_vlan_id=?, is_vlan_automatic=?,"
        " is_outer_vlan_automatic=?, template=?, error=? WHERE id=?",
        columns..., network.id);
  });
  txn.touch(ObjectKind::kNetwork, network.id);
  if (user == network.owner && group == network.group) return;
  touch_owners(txn, user, group);
  touch_owners(txn, network.owner, network.group);
}

void delete_network_row(db::Txn& txn, NetworkId id) {
  auto clusters = txn.query("SELECT cluster_id FROM cluster_networks WHERE network_id = ?", id);
  while (clusters.next()) txn.touch(ObjectKind::kCluster, clusters.integer(0));
  txn.exec("DELETE FROM address_ranges WHERE network_id = ?", id);
  txn.exec("DELETE FROM cluster_networks WHERE network_id = ?", id);
  txn.exec("DELETE FROM networks WHERE id = ?", id);
  txn.touch(ObjectKind::kNetwork, id);
}

void join_cluster(db::Txn& txn, NetworkId network, ClusterId cluster) {
  txn.exec("INSERT OR IGNORE INTO cluster_networks(cluster_id, network_id) VALUES (?, ?)", cluster,
           network);
  txn.touch(ObjectKind::kNetwork, network);
  txn.touch(ObjectKind::kCluster, cluster);
}

void leave_cluster(db::Txn& txn, NetworkId network, ClusterId cluster) {
  txn.exec("DELETE FROM cluster_networks WHERE cluster_id = ? AND network_id = ?", cluster,
           network);
  txn.touch(ObjectKind::kNetwork, network);
  txn.touch(ObjectKind::kCluster, cluster);
}

void disown(db::Txn& txn, NetworkId id) {
  txn.exec("UPDATE networks SET user_id = -1, group_id = -1 WHERE id = ?", id);
}

bool is_cluster(db::Txn& txn, ClusterId cluster) {
  return txn.value<std::int64_t>("SELECT 1 FROM clusters WHERE id = ?", cluster).has_value();
}

std::vector<NetworkId> list_networks_in(db::Txn& txn, ClusterId cluster) {
  return db::list_ids<NetworkId>(
      txn, "SELECT network_id FROM cluster_networks WHERE cluster_id = ? ORDER BY network_id",
      cluster);
}

std::vector<std::int64_t> list_vlans(db::Txn& txn, std::string_view vn_mad) {
  std::vector<std::int64_t> vlans;
  auto rows = txn.query(
      "SELECT CAST(vlan_id AS INTEGER) FROM networks WHERE vn_mad = ?1 AND vlan_id <> ''"
      " UNION SELECT CAST(outer_vlan_id AS INTEGER) FROM networks WHERE vn_mad = ?1"
      " AND outer_vlan_id <> '' ORDER BY 1",
      vn_mad);
  while (rows.next()) vlans.push_back(rows.integer(0));
  return vlans;
}

std::vector<VmId> list_vms_between(db::Txn& txn, NetworkId network, ClusterId cluster) {
  return db::list_ids<VmId>(
      txn,
      "SELECT DISTINCT v.id FROM leases l JOIN vms v ON v.id = l.vm_id JOIN hosts h"
      " ON h.id = v.host_id WHERE l.network_id = ? AND l.kind = 1 AND h.cluster_id = ?"
      " ORDER BY v.id",
      network, cluster);
}

std::vector<NetworkId> list_reservations_of(db::Txn& txn, NetworkId parent) {
  return db::list_ids<NetworkId>(
      txn,
      "SELECT id FROM networks WHERE parent_id = ? AND parent_id IS NOT NULL ORDER BY id", parent);
}

AddressRangeId next_range_id(db::Txn& txn, NetworkId network) {
  return AddressRangeId{
      txn.value<std::int64_t>(
             "SELECT COALESCE(MAX(range_id) + 1, 0) FROM address_ranges WHERE network_id = ?",
             network)
          .value_or(0)};
}

void insert_range(db::Txn& txn, const AddressRange& range) {
  std::optional<std::int64_t> ip;
  if (range.ip) ip = range.ip->bits;
  std::optional<std::int64_t> parent_position;
  if (range.parent_range.is_set()) parent_position = range.parent_position;
  txn.exec(fmt::format("INSERT INTO address_ranges ({}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       kRangeColumns),
           range.network, range.id, range.type, range.size, range.mac.bits, ip, text_of(range.ip6),
           range.prefix_length, text_of(range.global_prefix), text_of(range.ula_prefix),
           range.next_free, range.parent_range, parent_position, range.attributes.to_text());
  txn.touch(ObjectKind::kNetwork, range.network);
}

void save_range(db::Txn& txn, const AddressRange& range) {
  txn.exec(
      "UPDATE address_ranges SET size=?, prefix_length=?, global_prefix=?, ula_prefix=?,"
      " template=? WHERE network_id=? AND range_id=?",
      range.size, range.prefix_length, text_of(range.global_prefix), text_of(range.ula_prefix),
      range.attributes.to_text(), range.network, range.id);
  txn.touch(ObjectKind::kNetwork, range.network);
}

void delete_range_row(db::Txn& txn, NetworkId network, AddressRangeId range) {
  txn.exec("DELETE FROM address_ranges WHERE network_id = ? AND range_id = ?", network, range);
  txn.touch(ObjectKind::kNetwork, network);
}

}  // namespace neph::network
