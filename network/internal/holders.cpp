#include "network/internal/holders.h"

#include <algorithm>

#include "network/internal/lease_rows.h"
#include "network/internal/network_rows.h"
#include "network/internal/read_range.h"

namespace neph::network {

std::string holder_of(const Lease& lease) {
  switch (lease.kind) {
    case LeaseKind::kVm: return fmt::format("taken by NIC {} of VM {}", lease.nic, lease.vm);
    case LeaseKind::kHeld: return "on hold";
    case LeaseKind::kReserved: return fmt::format("reserved for network {}", lease.reservation);
  }
  return "taken";
}

std::string holders_text(db::Txn& txn, const std::vector<Lease>& leases) {
  constexpr std::size_t kNamedMax = 10;
  std::string text;
  std::size_t named = 0;
  std::vector<NetworkId> reservations;
  for (const auto& lease : leases) {
    if (named == kNamedMax) return text + ", ...";
    // A reservation has many addresses: it is named once.
    if (lease.kind == LeaseKind::kReserved) {
      if (std::ranges::find(reservations, lease.reservation) != reservations.end()) continue;
      reservations.push_back(lease.reservation);
    }
    const auto range = find_range(txn, lease.network, lease.range);
    const auto address = range ? range->at(lease.position) : Address{};
    text += fmt::format("{}{} {}", named++ == 0 ? "" : ", ",
                        address.ip ? address.ip->text() : address.mac.text(), holder_of(lease));
  }
  return text;
}

void return_to_parent(db::Txn& txn, const Network& network, const AddressRange& range) {
  if (!network.parent.is_set() || !range.parent_range.is_set()) return;
  Lease first;
  first.network = network.parent;
  first.range = range.parent_range;
  first.position = range.parent_position;
  first.kind = LeaseKind::kReserved;
  first.reservation = network.id;
  delete_leases(txn, first, range.size);
}

Result<void> insert_written_ranges(db::Txn& txn, NetworkId id, const text::Template& ask,
                                   const Settings& settings) {
  for (const auto* written : ask.vectors("AR")) {
    auto range = TRY(read_range(*written, settings.mac_prefix));
    range.network = id;
    range.id = next_range_id(txn, id);
    CHECK_OK(check_overlap(range, list_ranges(txn, id)));
    insert_range(txn, range);
  }
  return {};
}

}  // namespace neph::network
