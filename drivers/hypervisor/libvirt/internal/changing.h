#pragma once

#include "drivers/hypervisor/libvirt/internal/host_link.h"

/// Devices of a running domain, changed in the domain and in its definition.
namespace neph::hypervisor_driver::virt {

/// The verbs of the driver's interface, whose promises they keep.
[[nodiscard]] Result<void> attach_disk(virDomainPtr domain, const DiskSpec& disk);
[[nodiscard]] Result<void> detach_disk(HostLink& link, virDomainPtr domain,
                                       const std::string& target);
[[nodiscard]] Result<void> resize_disk(virDomainPtr domain, const std::string& target, Bytes size);
[[nodiscard]] Result<void> attach_nic(virDomainPtr domain, const NicSpec& nic);
[[nodiscard]] Result<void> detach_nic(HostLink& link, virDomainPtr domain, const std::string& mac);
[[nodiscard]] Result<void> update_nic(virDomainPtr domain, const NicSpec& nic);

}  // namespace neph::hypervisor_driver::virt
