#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "text/template.h"

/// Attributes that only administrators may set, by name: OpenNebula's *_RESTRICTED_ATTR. Pure
/// functions, for any thread.
namespace neph::access {

/// Checks what a caller brings. What `known` holds already may stay as it is: so a template that an
/// administrator made can be used, and changed, by others. `restricted` has entries "NAME" and
/// "NAME/KEY".
/// \returns kDenied "<what> includes a restricted attribute NAME/KEY"
[[nodiscard]] Result<void> check_restricted_attributes(const Actor& actor,
                                                       const std::vector<std::string>& restricted,
                                                       const text::Template& brought,
                                                       const text::Template& known,
                                                       std::string_view what);

/// For a non-administrator who replaces a template: restricted single attributes of `old` that the
/// new text leaves out stay.
void carry_restricted_attributes(const Actor& actor, const std::vector<std::string>& restricted,
                                 const text::Template& old, text::Template& replaced);

}  // namespace neph::access
