#pragma once

#include <string>

#include "drivers/hypervisor/libvirt/internal/host_link.h"

/// How a domain comes to run, and how its memory goes into a file and back.
namespace neph::hypervisor_driver::virt {

/// Driver::ensure_started.
[[nodiscard]] Result<DomainFact> start(HostLink& link, const DomainSpec& spec);
/// Driver::ensure_restored.
[[nodiscard]] Result<DomainFact> restore(HostLink& link, const DomainSpec& spec,
                                         const std::string& memory_path, Progress& progress);
/// Driver::ensure_saved on a domain that was found.
[[nodiscard]] Result<void> save(HostLink& link, virConnectPtr connection, virDomainPtr domain,
                                const std::string& memory_path, Progress& progress);

}  // namespace neph::hypervisor_driver::virt
