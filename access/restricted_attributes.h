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

/// What one.*.update makes of a template.
struct TemplateUpdate {
  const text::Template& old;
  const text::Template& change;
  bool is_append = false;  ///< `change` is merged into `old`, else it stands instead of it
};
/// Restricted single attributes of `old` that a non-administrator's new text leaves out stay.
/// \returns kDenied as check_restricted_attributes()
[[nodiscard]] Result<text::Template> updated_template(const Actor& actor,
                                                      const std::vector<std::string>& restricted,
                                                      const TemplateUpdate& update,
                                                      std::string_view what);

/// The template without attributes "NAME" and "NAME/KEY" of the list.
[[nodiscard]] text::Template without_attributes(const text::Template& content,
                                                const std::vector<std::string>& names);

}  // namespace neph::access
