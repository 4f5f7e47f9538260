#pragma once

#include <string>
#include <vector>

#include "snapshots/snapshot.h"

namespace neph::api {

/// What neph.snapshot.create answers: the ids of each snapshot, its image and its disk.
[[nodiscard]] std::string made_snapshots_xml(const std::vector<snapshots::Snapshot>& made);

}  // namespace neph::api
