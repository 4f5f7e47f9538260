#pragma once

#include <string>
#include <vector>

#include "network/network.h"
#include "network/settings.h"

/// What several services say and do about ranges and those who have addresses of them.
namespace neph::network {

/// "taken by NIC 0 of VM 3", "on hold", "reserved for network 7".
[[nodiscard]] std::string holder_of(const Lease& lease);
/// "10.0.0.10 taken by NIC 0 of VM 3, 10.0.0.11 on hold", of the first ten.
[[nodiscard]] std::string holders_text(db::Txn& txn, const std::vector<Lease>& leases);

/// The addresses of a reservation's range become free in its parent.
void return_to_parent(db::Txn& txn, const Network& network, const AddressRange& range);
/// Every AR of a template. \returns kInvalid, kConflict
[[nodiscard]] Result<void> insert_written_ranges(db::Txn& txn, NetworkId id,
                                                 const text::Template& ask,
                                                 const Settings& settings);

}  // namespace neph::network
