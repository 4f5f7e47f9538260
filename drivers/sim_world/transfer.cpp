#include "drivers/sim_world/transfer.h"

#include <algorithm>

#include "drivers/sim_world/sim_world.h"

namespace neph::sim {
namespace {

constexpr Duration kStallPoll{1'000};

Error cancelled() { return {Errc::kConflict, "the copy was cancelled", {}}; }

/// Nothing moves until somebody cancels or patience ends.
Error stall(SimWorld& world, Bytes done, Bytes total, Progress& progress) {
  for (Duration waited{0}; waited < world.config().stall_limit; waited += kStallPoll) {
    world.clock().sleep_for(kStallPoll);
    progress.report(done, total);
    if (progress.is_cancelled()) return cancelled();
  }
  return {Errc::kStalled, "the copy made no progress", "simulated stall"};
}

const Fault* find_copy_fault(const Struck& struck) {
  for (FaultKind kind : {FaultKind::kCopyStalls, FaultKind::kCopyFails, FaultKind::kDiskFull,
                         FaultKind::kPretends})
    if (const Fault* fault = struck.find(kind)) return fault;
  return nullptr;
}

Error meet(SimWorld& world, const Fault& fault, Bytes done, Bytes total, Progress& progress) {
  if (fault.kind == FaultKind::kCopyStalls) return stall(world, done, total, progress);
  if (fault.kind == FaultKind::kDiskFull)
    return {Errc::kExhausted, "no room to go on with the copy", "No space left on device"};
  return fault.error;
}

Duration time_for(Bytes amount, const WorldConfig& config, std::optional<Bytes> rate_max) {
  std::optional<Bytes> rate = config.copy_rate;
  if (rate_max && (!rate || *rate_max < *rate)) rate = rate_max;
  if (!rate || rate->value <= 0) return Duration{0};
  return Duration{amount.value * 1000 / rate->value};
}

}  // namespace

Result<void> transfer(SimWorld& world, const Struck& struck, const Transfer& transfer,
                      Progress& progress) {
  NEPH_ASSERT(transfer.total.value % kBlockSize.value == 0);
  const Fault* fault = find_copy_fault(struck);
  const Bytes chunk = std::max(world.config().copy_chunk, kBlockSize);
  Bytes done;
  progress.report(done, transfer.total);
  while (true) {
    if (progress.is_cancelled()) return tl::unexpected(cancelled());
    Bytes next = std::min(done + chunk, transfer.total);
    // A fault in the middle of a block strikes after the blocks before it.
    if (fault != nullptr) next = std::min(next, std::max(done, fault->at));
    next = Bytes{next.value / kBlockSize.value * kBlockSize.value};
    CHECK_OK(transfer.move(done, next));
    if (const Duration length = time_for(next - done, world.config(), transfer.rate_max);
        length.count() > 0)
      world.clock().sleep_for(length);
    done = next;
    progress.report(done, transfer.total);
    if (fault != nullptr && fault->at < done + kBlockSize) {
      if (fault->kind == FaultKind::kPretends) return {};
      return tl::unexpected(meet(world, *fault, done, transfer.total, progress));
    }
    if (done >= transfer.total) return {};
  }
}

}  // namespace neph::sim
