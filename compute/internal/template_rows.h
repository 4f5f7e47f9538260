#pragma once

#include <optional>
#include <string_view>

#include "compute/vm_template.h"

/// Rows of VM templates. Names are unique per owner: who writes them asks first.
namespace neph::compute {

TemplateId insert_template(db::Txn& txn, VmTemplate vm_template);
void save_template(db::Txn& txn, const VmTemplate& vm_template);
[[nodiscard]] std::optional<TemplateId> find_template_by_name(db::Txn& txn, UserId owner,
                                                              std::string_view name);

}  // namespace neph::compute
