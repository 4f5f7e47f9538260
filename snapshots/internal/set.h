#pragma once

#include <string_view>
#include <vector>

#include "snapshots/internal/records.h"

/// The snapshots that one pin job works for. Store lane.
namespace neph::snapshots {

/// Those that still want an instant.
[[nodiscard]] std::vector<Snapshot> list_members(db::Txn& txn, const jobs::Job& job);
/// Those whose disks the running step has been told of, also when somebody has cancelled since.
[[nodiscard]] std::vector<Snapshot> list_touched(db::Txn& txn, const jobs::Job& job);

/// The instant of one is fixed: the disk may change, and the copy can begin.
void settle_member(db::Txn& txn, const Snapshot& snapshot);

/// All members fail, and the job with them.
jobs::Next fail_members(db::Txn& txn, const jobs::Job& job, std::string_view step,
                        const Error& error);
/// Another attempt later. An unreachable host is waited for; other errors fail at last.
jobs::Next retry_members(db::Txn& txn, const jobs::Job& job, std::string_view step,
                         const Error& error);
/// A plan that could not be made fails the members, so that nothing stays without an end.
[[nodiscard]] jobs::Work or_fail(db::Txn& txn, const jobs::Job& job, std::string_view step,
                                 Result<jobs::Work> planned);

}  // namespace neph::snapshots
