#pragma once

#include <string_view>
#include <vector>

#include "access/directory.h"
#include "text/template.h"

/// What one.group.* does. All functions run in a transaction on the store lane; rights are the
/// caller's business. Facts: OpenNebula 7.4.
namespace neph::access {

/// Both are there from the first start and stay.
inline constexpr GroupId kAdmins{0};
inline constexpr GroupId kUsers{1};

/// What its members may use and create, ACL rules must say; the room site puts it into VDC 0.
/// \returns kInvalid for the name, kConflict when it is taken
Result<GroupId> create_group(db::Txn& txn, std::string_view name);
/// A member who manages the other members and what belongs to the group, by ACL rules as OpenNebula
/// makes them. It ends when the user leaves the group.
/// \returns kInvalid for who is no member, kConflict for who administers it already
Result<void> add_admin(db::Txn& txn, GroupId id, UserId user);
/// With its rules. \returns kInvalid for who does not administer it
Result<void> remove_admin(db::Txn& txn, GroupId id, UserId user);
[[nodiscard]] std::vector<UserId> list_admins(db::Txn& txn, GroupId id);

/// With its quotas and the ACL rules that name it. What belongs to the group keeps its number.
/// \returns kWrongState for groups 0 and 1 and while it has members
Result<void> delete_group(db::Txn& txn, GroupId id);
/// Replaces or merges the template. \returns kDenied when somebody who is no administrator changes
/// a restricted attribute
Result<void> update_group(db::Txn& txn, const Actor& actor, GroupId id,
                          const text::Template& change, bool is_append);

}  // namespace neph::access
