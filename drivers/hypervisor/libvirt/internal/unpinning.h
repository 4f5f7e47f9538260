#pragma once

#include <string>

#include "base/progress.h"
#include "drivers/hypervisor/libvirt/internal/host_link.h"

namespace neph::hypervisor_driver::virt {

/// Driver::ensure_unpinned on a domain that was found. An empty `base_path` expects nothing of
/// the layer below.
[[nodiscard]] Result<void> unpin(HostLink& link, virDomainPtr domain, const PinDisk& disk,
                                 const std::string& base_path, Progress& progress);

}  // namespace neph::hypervisor_driver::virt
