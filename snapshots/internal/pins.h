#pragma once

#include <vector>

#include "db/database.h"

namespace neph::snapshots {

/// VMs of which a pin was intended, and not heard to have ended: their guests may be frozen.
[[nodiscard]] std::vector<VmId> list_vms_being_pinned(db::Txn& txn);

}  // namespace neph::snapshots
