#include "network/internal/lease_rows.h"

namespace neph::network {
namespace {

constexpr std::string_view kLeaseColumns =
    "network_id, range_id, position, kind, vm_id, nic_id, reservation_id, is_outdated";

Lease read_lease(const db::Cursor& row) {
  Lease lease;
  lease.network = row.get<NetworkId>(0);
  lease.range = row.get<AddressRangeId>(1);
  lease.position = row.integer(2);
  lease.kind = row.get<LeaseKind>(3);
  lease.vm = row.get<VmId>(4);
  lease.nic = row.get<NicId>(5);
  lease.reservation = row.get<NetworkId>(6);
  lease.is_outdated = row.get<bool>(7);
  return lease;
}

template <class... Args>
std::vector<Lease> query_leases(db::Txn& txn, std::string_view condition, const Args&... args) {
  std::vector<Lease> leases;
  auto rows = txn.query(fmt::format("SELECT {} FROM leases WHERE {}", kLeaseColumns, condition),
                        args...);
  while (rows.next()) leases.push_back(read_lease(rows));
  return leases;
}

/// The first of so many free positions, looking from one that is free or taken.
std::int64_t free_run(db::Txn& txn, const AddressRange& range, std::int64_t from,
                      std::int64_t count) {
  auto taken = txn.query(
      "SELECT position FROM leases WHERE network_id = ? AND range_id = ? AND position >= ?"
      " ORDER BY position",
      range.network, range.id, from);
  std::int64_t first = from;
  while (taken.next()) {
    if (taken.integer(0) - first >= count) break;
    first = taken.integer(0) + 1;
  }
  return first;
}

/// Whose quota the address counts for, as view lease_usage has it: their documents show the sum.
void touch_payer(db::Txn& txn, const Lease& lease) {
  const bool is_vms = lease.kind == LeaseKind::kVm;
  const std::int64_t payer = is_vms                                ? lease.vm.value
                             : lease.kind == LeaseKind::kReserved ? lease.reservation.value
                                                                  : lease.network.value;
  auto owner = txn.query(is_vms ? "SELECT user_id, group_id FROM vms WHERE id = ?"
                                : "SELECT user_id, group_id FROM networks WHERE id = ?",
                         payer);
  if (!owner.next()) return;
  txn.touch(ObjectKind::kUser, owner.integer(0));
  txn.touch(ObjectKind::kGroup, owner.integer(1));
}

}  // namespace

std::vector<Lease> list_leases(db::Txn& txn, NetworkId id) {
  return query_leases(txn, "network_id = ? ORDER BY range_id, position", id);
}

std::vector<Lease> list_leases_of(db::Txn& txn, VmId vm) {
  return query_leases(txn, "vm_id = ? AND kind = 1 ORDER BY nic_id", vm);
}

std::optional<Lease> find_lease_of(db::Txn& txn, VmId vm, NicId nic) {
  const auto found = query_leases(txn, "vm_id = ? AND nic_id = ? AND kind = 1", vm, nic);
  if (found.empty()) return std::nullopt;
  return found.front();
}

std::optional<Lease> find_lease(db::Txn& txn, const AddressRange& range, std::int64_t position) {
  const auto found = query_leases(txn, "network_id = ? AND range_id = ? AND position = ?",
                                  range.network, range.id, position);
  if (found.empty()) return std::nullopt;
  return found.front();
}

std::optional<std::int64_t> find_free(db::Txn& txn, const AddressRange& range,
                                      std::int64_t count) {
  const std::int64_t first =
      count == 1 ? range.next_free : free_run(txn, range, range.next_free, count);
  if (first + count > range.size) return std::nullopt;
  return first;
}

std::optional<std::int64_t> find_taken(db::Txn& txn, const AddressRange& range,
                                       std::int64_t position, std::int64_t count) {
  return txn.value<std::int64_t>(
      "SELECT position FROM leases WHERE network_id = ? AND range_id = ? AND position >= ?"
      " AND position < ? ORDER BY position",
      range.network, range.id, position, position + count);
}

void insert_leases(db::Txn& txn, const AddressRange& range, const Lease& lease,
                   std::int64_t count) {
  for (std::int64_t position = lease.position; position < lease.position + count; ++position) {
    txn.exec(
        "INSERT INTO leases (network_id, range_id, position, mac, kind, vm_id, nic_id,"
        " reservation_id) VALUES (?,?,?,?,?,?,?,?)",
        range.network, range.id, position, range.at(position).mac.bits, lease.kind, lease.vm,
        lease.nic, lease.reservation);
  }
  txn.touch(ObjectKind::kNetwork, range.network);
  touch_payer(txn, lease);
  if (lease.position != range.next_free) return;
  txn.exec("UPDATE address_ranges SET next_free = ? WHERE network_id = ? AND range_id = ?",
           free_run(txn, range, lease.position + count, 1), range.network, range.id);
}

void delete_leases(db::Txn& txn, const Lease& lease, std::int64_t count) {
  txn.exec(
      "DELETE FROM leases WHERE network_id = ? AND range_id = ? AND position >= ?"
      " AND position < ?",
      lease.network, lease.range, lease.position, lease.position + count);
  txn.exec(
      "UPDATE address_ranges SET next_free = MIN(next_free, ?) WHERE network_id = ?"
      " AND range_id = ?",
      lease.position, lease.network, lease.range);
  txn.touch(ObjectKind::kNetwork, lease.network);
  touch_payer(txn, lease);
}

void mark_outdated(db::Txn& txn, NetworkId network) {
  txn.exec("UPDATE leases SET is_outdated = 1 WHERE network_id = ? AND kind = 1", network);
  txn.touch(ObjectKind::kNetwork, network);
}

}  // namespace neph::network
