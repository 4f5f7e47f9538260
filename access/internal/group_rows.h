#pragma once

#include <optional>
#include <string_view>

#include "access/directory.h"

/// Rows behind access/groups.h.
namespace neph::access::internal {

/// Takes the next id.
GroupId insert_group(db::Txn& txn, std::string_view name);
/// With the given id: for what a fresh store holds.
void insert_group_as(db::Txn& txn, GroupId id, std::string_view name);
[[nodiscard]] std::optional<GroupId> find_group_named(db::Txn& txn, std::string_view name);
/// With quotas and the ACL rules that name the group. \pre it has no members
void erase_group(db::Txn& txn, GroupId id);
[[nodiscard]] bool is_group_admin(db::Txn& txn, GroupId id, UserId user);
[[nodiscard]] bool administers_a_group(db::Txn& txn, UserId user);
void insert_group_admin(db::Txn& txn, GroupId id, UserId user);
void delete_group_admin(db::Txn& txn, GroupId id, UserId user);
/// With the rules that go with it; nothing for who is none.
void end_group_admin(db::Txn& txn, GroupId id, UserId user);
void save_attributes(db::Txn& txn, GroupId id, const text::Template& attributes);

}  // namespace neph::access::internal
