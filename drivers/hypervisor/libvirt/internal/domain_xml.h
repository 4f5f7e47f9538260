#pragma once

#include <string>

#include "drivers/hypervisor/driver.h"

namespace neph::hypervisor_driver::virt {

/// What the description depends on beside the spec.
struct DomainXmlRules {
  std::string domain_type;   ///< "qemu", "kvm" or "test"
  bool has_cgroups = false;  ///< whether CPU shares can be set
};

/// A domain as libvirt's XML (formatdomain.html). Everything is escaped; every disk layer is
/// listed with its format, so that QEMU never guesses one from a guest's bytes.
/// \returns kInvalid for a spec that cannot be expressed, or raw_xml that is not well-formed
[[nodiscard]] Result<std::string> domain_xml(const DomainSpec& spec, const DomainXmlRules& rules);

/// The description inside a memory file, with the paths of `spec`: disks (by target), bridges and
/// taps (by MAC), serial log. Everything else must stay, or the saved devices do not fit.
[[nodiscard]] Result<std::string> restored_xml(const std::string& saved, const DomainSpec& spec);

}  // namespace neph::hypervisor_driver::virt
