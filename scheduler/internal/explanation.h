#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "scheduler/internal/attributes.h"

namespace neph::scheduler::internal {

inline constexpr std::size_t kReasonBytesMax = 600;

/// Why a candidate does not fit, in the order in which reasons are told: first what is nearest to
/// fitting.
enum class Misfit {
  kMemory,
  kCpu,
  kNoDatastore,
  kSpace,
  kOtherCluster,
  kRequirements,
  kAutomaticRequirements,
  kUnreachable,
  kDisabled,
  kCount
};

/// How many candidates do not fit for which reason, and the first of each.
class Misfits {
 public:
  void add(Misfit misfit, std::size_t index) {
    auto& group = groups_[static_cast<std::size_t>(misfit)];
    if (group.count++ == 0) group.first = index;
  }
  struct Group {
    std::size_t count = 0;
    std::size_t first = 0;
  };
  [[nodiscard]] const Group& of(Misfit misfit) const {
    return groups_[static_cast<std::size_t>(misfit)];
  }

 private:
  std::array<Group, static_cast<std::size_t>(Misfit::kCount)> groups_{};
};

/// "no host fits: host node1 (id 0) lacks memory (needs 524288 KB, 1024 KB free); 3 more hosts ..."
/// \param datastores  misfits of datastores for the first host that lacks one
[[nodiscard]] std::string explain_hosts(const PendingVm& vm, const std::vector<HostState>& hosts,
                                        const Misfits& misfits, const std::string& datastores);
/// "datastore system (id 0) lacks space (needs 2048 MB, 100 MB free); ..."
[[nodiscard]] std::string explain_datastores(const PendingVm& vm,
                                             const std::vector<DatastoreState>& datastores,
                                             const Misfits& misfits);
/// At most so many bytes, cut between two characters and marked with "...".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes_max);

}  // namespace neph::scheduler::internal
