#pragma once

#include <functional>

#include "snapshots/internal/records.h"

namespace neph::snapshots {

/// Called in the transaction in which the last layer of a snapshot is gone.
using Finish = std::function<void(db::Txn&, const Snapshot&)>;

/// The last step of a copy and of an undo: folds the overlay back, or removes the shared file,
/// then calls `finish` and ends the job. Waits as long as the VM's state does not allow it; it
/// never gives up, because until then the disk has a layer too many.
[[nodiscard]] Result<jobs::Work> plan_unpin(const Toolbox& tools, db::Txn& txn,
                                            const jobs::Job& job, const Finish& finish);

}  // namespace neph::snapshots
