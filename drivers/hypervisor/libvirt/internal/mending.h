#pragma once

#include <string>

namespace neph::hypervisor_driver::virt {

/// Mends what a libvirt that was killed left below the directory of an embedded host, and the next
/// one cannot deal with: guests that were being started or folded, and QEMUs that were asked what
/// they can do. Only while nobody has the embedded driver open there.
void mend_after_kill(const std::string& root);

}  // namespace neph::hypervisor_driver::virt
