#pragma once

#include "drivers/hypervisor/driver.h"

namespace neph::compute {

/// Thaws a guest of which nobody has heard that it was thawed after a pin. An agent that is silent
/// is tried for as long as `attempt` says, then left alone with a line in the log: nobody could
/// thaw that guest but by a reset. Driver lane.
/// \returns an error when it is to be tried again
[[nodiscard]] Result<void> thaw_in_doubt(hypervisor_driver::Driver& driver,
                                         const hypervisor_driver::DomainRef& domain, int attempt);

}  // namespace neph::compute
