#pragma once

#include <string>
#include <vector>

#include "access/restricted_attributes.h"
#include "text/template.h"

/// Attributes that only administrators may set: OpenNebula's VM_RESTRICTED_ATTR (xml.md 5.5).
namespace neph::compute {

/// What is restricted in templates of VMs: the names the operator configured, and those that would
/// let a guest reach the host (RAW/DATA, EMULATOR, paths of kernels), always.
[[nodiscard]] std::vector<std::string> restricted_names(std::vector<std::string> configured);

/// access::check_restricted_attributes() with restricted_names().
[[nodiscard]] Result<void> check_restricted(const access::Actor& actor,
                                            const std::vector<std::string>& configured,
                                            const text::Template& brought,
                                            const text::Template& known, std::string_view what);

}  // namespace neph::compute
