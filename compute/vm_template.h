#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "compute/settings.h"
#include "db/database.h"
#include "text/template.h"

namespace neph::compute {

struct VmTemplate {
  TemplateId id;
  std::string name;
  UserId owner;
  GroupId group;
  access::Permissions permissions;
  Instant registered;
  text::Template attributes;
};

[[nodiscard]] Result<VmTemplate> find_template(db::Txn& txn, TemplateId id);
[[nodiscard]] std::vector<TemplateId> list_templates(db::Txn& txn);
[[nodiscard]] access::Subject subject_of(const VmTemplate& vm_template);

/// What one.template.* does; rights on existing templates are the caller's business. Names are
/// unique per owner.
///
/// Checks CREATE TEMPLATE itself. \returns kDenied, kInvalid (name), kConflict (name taken)
[[nodiscard]] Result<TemplateId> create_template(db::Txn& txn, const access::Actor& actor,
                                                 const Settings& settings,
                                                 const text::Template& ask);
/// A template of the caller's own, as `source` is now. Checks CREATE TEMPLATE itself; restricted
/// attributes of the source come along. \returns kDenied, kInvalid (name), kConflict (name taken)
[[nodiscard]] Result<TemplateId> clone_template(db::Txn& txn, const access::Actor& actor,
                                                TemplateId source, const std::string& name);
void delete_template(db::Txn& txn, TemplateId id);
[[nodiscard]] Result<void> rename_template(db::Txn& txn, TemplateId id, const std::string& name);
struct TemplateChange {
  TemplateId id;
  text::Template change;
  bool is_append = false;  ///< merged; else it is the whole template from now on
};
/// \returns kDenied for a restricted attribute that was not there before
[[nodiscard]] Result<void> update_template(db::Txn& txn, const access::Actor& actor,
                                           const Settings& settings, const TemplateChange& ask);
[[nodiscard]] Result<void> chmod_template(db::Txn& txn, TemplateId id,
                                          access::Permissions permissions);
/// An unset id keeps the user or the group.
[[nodiscard]] Result<void> chown_template(db::Txn& txn, TemplateId id, UserId user, GroupId group);

}  // namespace neph::compute
