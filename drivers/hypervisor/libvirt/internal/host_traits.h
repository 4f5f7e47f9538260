#pragma once

#include "drivers/hypervisor/driver.h"
#include "drivers/hypervisor/libvirt/internal/host_link.h"

namespace neph::hypervisor_driver::virt {

/// What a host is, and whether its guests run with KVM or in QEMU's emulation.
///
/// /dev/kvm alone proves nothing: where the machine itself is a guest it may open and yet run no
/// stock kernel, and libvirt advertises it all the same. kAuto takes KVM only where the processor
/// shows its virtualisation extensions as well.
[[nodiscard]] Result<HostTraits> inspect_traits(virConnectPtr connection, bool is_in_process,
                                                Acceleration acceleration);

/// Figures of the moment. Memory comes from virNodeGetMemoryStats: virNodeGetInfo does not see
/// memory that was added after the boot.
[[nodiscard]] Result<HostFact> inspect_figures(virConnectPtr connection, const HostTraits& traits);

}  // namespace neph::hypervisor_driver::virt
