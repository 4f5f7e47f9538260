#pragma once

#include "check/facts.h"
#include "db/database.h"

namespace neph::check {

/// Reads what is compared, in the caller's transaction, so that all of it is of one instant.
/// \param since  when the look began; objects with a job that changed since count as busy. Unset:
///               the look has not begun
[[nodiscard]] Catalogue read_catalogue(db::Txn& txn, Instant since);

}  // namespace neph::check
