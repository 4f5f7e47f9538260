#include "snapshots/snapshot.h"

namespace neph::snapshots {

std::string_view name_of(Kind kind) { return kind == Kind::kHot ? "HOT" : "DEFERRED"; }

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::kArmed: return "armed";
    case Phase::kPinning: return "pinning";
    case Phase::kCopying: return "copying";
    case Phase::kWaiting: return "waiting";
    case Phase::kReady: return "ready";
    case Phase::kFailed: return "failed";
    case Phase::kCancelling: return "cancelling";
    case Phase::kCancelled: return "cancelled";
    case Phase::kDiscarded: return "discarded";
  }
  return "unknown";
}

}  // namespace neph::snapshots
