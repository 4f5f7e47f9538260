#pragma once

#include "db/database.h"
#include "view/view.h"

/// From rows to entries. Store lane, or before it runs.
namespace neph::view {

/// \returns kNotFound when there is no such row (any more)
[[nodiscard]] Result<EntryPtr> read_entry(db::Txn& txn, ObjectKind kind, std::int64_t id);
/// All objects of a kind that are shown.
[[nodiscard]] std::vector<std::int64_t> list_ids(db::Txn& txn, ObjectKind kind);
/// What else shows a VM that has ended: its host lists the disks that are kept, and so do their
/// snapshots.
[[nodiscard]] db::ChangeSet related_to(db::Txn& txn, const Entry& vm);

}  // namespace neph::view
