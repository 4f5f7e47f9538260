#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/directory.h"

/// Rows behind access/users.h.
namespace neph::access::internal {

/// Takes the next id. Groups are those of `user`, with the primary one among them.
UserId insert_user(db::Txn& txn, const User& user);
/// With the given id: for what a fresh store holds.
void insert_user_as(db::Txn& txn, const User& user);
/// With tokens, quotas and the ACL rules that name the user.
void erase_user(db::Txn& txn, UserId id);
void save_password_hash(db::Txn& txn, UserId id, std::string_view hash);
void save_enabled(db::Txn& txn, UserId id, bool is_enabled);
void save_auth_driver(db::Txn& txn, UserId id, std::string_view auth_driver);
void save_attributes(db::Txn& txn, UserId id, const text::Template& attributes);
void save_groups(db::Txn& txn, UserId id, GroupId primary, const std::vector<GroupId>& groups);

void save_token(db::Txn& txn, UserId id, const LoginToken& token);
/// False when there was none.
[[nodiscard]] bool erase_token(db::Txn& txn, UserId id, std::string_view token);
void erase_tokens(db::Txn& txn, UserId id);
/// Those whose time is over and those of groups the user has left.
void erase_useless_tokens(db::Txn& txn, UserId id);

[[nodiscard]] std::int64_t count_vms_of(db::Txn& txn, UserId id);
[[nodiscard]] std::int64_t count_images_of(db::Txn& txn, UserId id);
[[nodiscard]] std::int64_t count_networks_of(db::Txn& txn, UserId id);

}  // namespace neph::access::internal
