#pragma once

#include <optional>

#include "access/permissions.h"
#include "db/database.h"

/// Rows behind access/acls.h.
namespace neph::access::internal {

/// Takes the next id.
AclId insert_acl(db::Txn& txn, const AclRule& rule);
/// With the id it has: for what a fresh store holds.
void insert_acl_as(db::Txn& txn, const AclRule& rule);
/// The rule that says exactly the same, whatever its id.
[[nodiscard]] std::optional<AclId> find_same_acl(db::Txn& txn, const AclRule& rule);
[[nodiscard]] bool has_acl(db::Txn& txn, AclId id);
void erase_acl(db::Txn& txn, AclId id);
/// Rules for the user alone, and rules about this one user as a resource.
void erase_acls_of(db::Txn& txn, UserId id);
/// Rules for the group, about what belongs to it, and about this one group as a resource.
void erase_acls_of(db::Txn& txn, GroupId id);

}  // namespace neph::access::internal
