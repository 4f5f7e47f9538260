#pragma once

#include <vector>

#include "snapshots/internal/records.h"

namespace neph::snapshots {

/// Pins disks whose guest is off: by shared blocks, else by an overlay on top; where the VM ends
/// the disk itself is kept. Finds what an interrupted step, also one of a guest that ran then,
/// has left.
[[nodiscard]] Result<jobs::Work> plan_pin_at_rest(const Toolbox& tools, db::Txn& txn,
                                                  const jobs::Job& job,
                                                  std::vector<Snapshot>& set);

}  // namespace neph::snapshots
