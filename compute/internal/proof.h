#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compute/internal/vm_jobs.h"
#include "drivers/datastore/driver.h"

/// What one.vm.recover with "success" asks for: the outcome of a failed operation is not believed
/// but looked for, on the host and in the storage. Driver lane.
namespace neph::compute::internal {

/// The argument of a job that only looks. \returns kWrongState from all of these, naming what was
/// found instead
inline constexpr std::string_view kProve = "PROVE";
[[nodiscard]] inline bool is_proof(const jobs::Job& job) { return job.args.is_yes(kProve); }

[[nodiscard]] Result<hypervisor_driver::DomainFact> prove_running(const Reach& host);
/// Removes the definition that a domain which is off has left.
[[nodiscard]] Result<void> prove_off(const Reach& host);
[[nodiscard]] Result<void> prove_there(datastore_driver::Driver& storage,
                                       const std::vector<datastore_driver::Layer>& files);
[[nodiscard]] Result<void> prove_gone(datastore_driver::Driver& storage,
                                      const std::vector<std::string>& files);

}  // namespace neph::compute::internal
