#pragma once

#include <functional>

#include "base/lanes.h"
#include "db/store.h"
#include "drivers/catalogue.h"

namespace neph::snapshots {

/// Thaws every guest that a pin may have left frozen when the daemon was killed in the middle of
/// it. The first thing of a start: a frozen guest is an outage, and nothing else is urgent. All of
/// them are asked at once, on driver lanes; `then` is called on the store lane when all have
/// answered, or after five seconds, for a host that hangs must not hold up the others' jobs.
/// What is passed in outlives the lanes.
void thaw_interrupted(db::Store& store, Lanes& lanes, const DriverCatalogue& drivers,
                      std::function<void()> then);

}  // namespace neph::snapshots
