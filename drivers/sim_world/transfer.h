#pragma once

#include <functional>
#include <optional>

#include "base/progress.h"
#include "base/result.h"
#include "base/units.h"
#include "drivers/sim_world/faults.h"

namespace neph::sim {

class SimWorld;

/// Bytes on their way: the pace, the reports and the faults of every copy and fold.
struct Transfer {
  Bytes total;
  std::optional<Bytes> rate_max;  ///< bytes per second, beside the world's own rate
  /// Moves the bytes from..to, both multiples of kBlockSize, and may refuse. Called at least
  /// once, without a lock.
  std::function<Result<void>(Bytes from, Bytes to)> move;
};

/// Blocks while bytes move. kConflict when cancelled, kStalled or whatever a fault or `move`
/// says; cleaning up is left to the caller.
[[nodiscard]] Result<void> transfer(SimWorld& world, const Struck& struck,
                                    const Transfer& transfer, Progress& progress);

}  // namespace neph::sim
