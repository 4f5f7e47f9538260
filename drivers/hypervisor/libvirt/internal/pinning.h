#pragma once

#include "drivers/hypervisor/libvirt/internal/host_link.h"

namespace neph::hypervisor_driver::virt {

/// Driver::ensure_pinned on a domain that was found.
[[nodiscard]] Result<PinProof> pin(HostLink& link, virDomainPtr domain, const PinRequest& request);

/// Driver::ensure_thawed on a domain that was found.
[[nodiscard]] Result<void> thaw_if_frozen(HostLink& link, virDomainPtr domain);

}  // namespace neph::hypervisor_driver::virt
