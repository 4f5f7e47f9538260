#pragma once

#include <libvirt/libvirt.h>

#include <string>

#include "base/result.h"

/// What QEMU itself says about its disks.
namespace neph::hypervisor_driver::virt {

/// Whether a disk of a running domain stands on the file, as QEMU itself says.
[[nodiscard]] Result<bool> is_used_by_qemu(virDomainPtr domain, const std::string& path);

/// Fails unless it is sure that no disk of a running domain stands on the file.
///
/// libvirt writes a new chain down a moment after QEMU has begun to write to it. A controller that
/// is killed in between finds the old chain in the domain's XML, while all that the guest writes
/// goes into a layer that seems to belong to nobody. So before such a file is removed QEMU is
/// asked (its monitor command query-block), which tells the files of what disks stand on and
/// nothing else that it has open.
/// \returns kWrongState when QEMU uses the file: nothing can be done about it while the guest runs
[[nodiscard]] Result<void> check_unused_by_qemu(virDomainPtr domain, const std::string& path);

/// Lets QEMU close a file that no disk stands on. A libvirt that is killed at the end of a fold
/// leaves it open, upon the layer that the guest writes to, and no other pin is possible then. What
/// a disk uses stays: QEMU refuses.
void let_go_in_qemu(virDomainPtr domain, const std::string& path);

}  // namespace neph::hypervisor_driver::virt
