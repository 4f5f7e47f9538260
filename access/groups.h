#pragma once

#include <string_view>

#include "access/directory.h"
#include "text/template.h"

/// What one.group.* does. All functions run in a transaction on the store lane; rights are the
/// caller's business. Facts: OpenNebula 7.4.
namespace neph::access {

/// With the ACL rules that let members use what there is: hosts, networks and datastores. Rules
/// that let them create are the administrator's choice; clients add them.
/// \returns kInvalid for the name, kConflict when it is taken
Result<GroupId> create_group(db::Txn& txn, std::string_view name);
/// With its quotas and the ACL rules that name it. What belongs to the group keeps its number.
/// \returns kWrongState for groups 0 and 1 and while it has members
Result<void> delete_group(db::Txn& txn, GroupId id);
/// Replaces or merges the template. \returns kDenied when somebody who is no administrator changes
/// a restricted attribute
Result<void> update_group(db::Txn& txn, const Actor& actor, GroupId id,
                          const text::Template& change, bool is_append);

}  // namespace neph::access
