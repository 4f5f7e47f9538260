#pragma once

#include "compute/showback.h"

/// Rows behind compute/showback.h.
namespace neph::compute {

/// Replaces what was there of the VM and the month. Touches the showback.
void save_cost(db::Txn& txn, const MonthlyCost& cost);
/// VMs that had a place on a host within that time, by ascending id.
[[nodiscard]] std::vector<VmId> list_vms_placed(db::Txn& txn, Instant from, Instant to);
/// When the first VM came to a host; unset where none has.
[[nodiscard]] Instant first_placed(db::Txn& txn);

}  // namespace neph::compute
