#pragma once

#include <vector>

#include "base/ids.h"
#include "db/database.h"

namespace neph::view {

/// All that are open and the last `over_max` of the others, by ascending id.
[[nodiscard]] std::vector<JobId> list_shown_jobs(db::Txn& txn, std::size_t over_max);

}  // namespace neph::view
