#pragma once

#include "access/permissions.h"
#include "text/template.h"

/// Attributes of users and groups that only administrators set: OpenNebula's USER_RESTRICTED_ATTR
/// and GROUP_RESTRICTED_ATTR. Pure functions, for any thread.
namespace neph::access::internal {

/// The template after a change that replaces it: what is restricted and not named stays.
[[nodiscard]] text::Template replaced(const text::Template& old, const text::Template& change);
/// The template after a change that is merged into it.
[[nodiscard]] text::Template merged(const text::Template& old, const text::Template& change);
/// \returns kDenied when they differ in a restricted attribute and the caller is no administrator
[[nodiscard]] Result<void> check_restricted(const Actor& actor, const text::Template& old,
                                            const text::Template& fresh);

}  // namespace neph::access::internal
