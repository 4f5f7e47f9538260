#pragma once

#include <string>
#include <vector>

#include "access/permissions.h"
#include "text/template.h"

/// Attributes that only administrators may set: OpenNebula's VM_RESTRICTED_ATTR (xml.md 5.5).
namespace neph::compute {

/// Checks what a caller brings. What `known` holds already may stay as it is: so a template that an
/// administrator made can be instantiated, and changed, by others.
/// `restricted` has entries "NAME" and "NAME/KEY"; attributes that would let a guest reach the host
/// (RAW/DATA, EMULATOR, paths of kernels) are restricted whatever it says.
/// \returns kDenied "<what> includes a restricted attribute NAME/KEY"
[[nodiscard]] Result<void> check_restricted(const access::Actor& actor,
                                            const std::vector<std::string>& restricted,
                                            const text::Template& brought,
                                            const text::Template& known, std::string_view what);

/// For a non-administrator who replaces a template: restricted single attributes of `old` that the
/// new text leaves out stay.
void carry_restricted_over(const access::Actor& actor, const std::vector<std::string>& restricted,
                           const text::Template& old, text::Template& replaced);

}  // namespace neph::compute
