#pragma once

#include <string>
#include <vector>

#include "access/permissions.h"
#include "text/template.h"

/// Attributes that only administrators may set: OpenNebula's VM_RESTRICTED_ATTR (xml.md 5.5).
namespace neph::compute {

/// As access/restricted_attributes.h. Attributes that would let a guest reach the host (RAW/DATA,
/// EMULATOR, paths of kernels) are restricted whatever `restricted` says.
[[nodiscard]] Result<void> check_restricted(const access::Actor& actor,
                                            const std::vector<std::string>& restricted,
                                            const text::Template& brought,
                                            const text::Template& known, std::string_view what);

void carry_restricted_over(const access::Actor& actor, const std::vector<std::string>& restricted,
                           const text::Template& old, text::Template& replaced);

}  // namespace neph::compute
