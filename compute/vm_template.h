#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
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

/// What one.template.* does; rights on existing templates are the caller's business.
Result<TemplateId> create_template(db::Txn& txn, const access::Actor& actor,
                                   const text::Template& ask);
void delete_template(db::Txn& txn, TemplateId id);
Result<void> rename_template(db::Txn& txn, TemplateId id, const std::string& name);
Result<void> update_template(db::Txn& txn, const access::Actor& actor, TemplateId id,
                             const text::Template& change, bool is_append);
Result<void> chmod_template(db::Txn& txn, TemplateId id, access::Permissions permissions);
Result<void> chown_template(db::Txn& txn, TemplateId id, UserId user, GroupId group);

}  // namespace neph::compute
