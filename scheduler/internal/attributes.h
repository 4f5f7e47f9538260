#pragma once

#include "scheduler/placement.h"
#include "text/expression.h"

namespace neph::scheduler::internal {

/// A host with what this plan has already put on it. `version` counts the changes, so that a
/// cached answer about the host can tell that it is old.
struct HostState {
  const HostCandidate* host = nullptr;
  std::int64_t cpu_free = 0;
  std::int64_t memory_free_kb = 0;
  int running_vms = 0;
  unsigned version = 1;
};

struct DatastoreState {
  const DatastoreCandidate* datastore = nullptr;
  std::int64_t free_mb = 0;
  unsigned version = 1;
};

/// What expressions may name. The answer refers to the state: use it while that lives.
[[nodiscard]] text::AttributeLookup attributes_of(const HostState& state);
[[nodiscard]] text::AttributeLookup attributes_of(const DatastoreState& state);

}  // namespace neph::scheduler::internal
