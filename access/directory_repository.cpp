#include "access/directory.h"
#include "db/list_ids.h"
#include "db/stored_template.h"

namespace neph::access {
namespace {

constexpr std::string_view kUserColumns =
    "SELECT u.id, u.name, u.password_hash, u.auth_driver, u.is_enabled, u.group_id, g.name, "
    "u.template FROM users u JOIN groups g ON g.id = u.group_id ";

std::vector<GroupId> list_groups_of(db::Txn& txn, UserId user) {
  std::vector<GroupId> groups;
  auto rows = txn.query("SELECT group_id FROM user_groups WHERE user_id = ? ORDER BY group_id",
                        user);
  while (rows.next()) groups.push_back(rows.get<GroupId>(0));
  return groups;
}

std::vector<LoginToken> list_tokens_of(db::Txn& txn, UserId user) {
  std::vector<LoginToken> tokens;
  auto rows = txn.query(
      "SELECT token, expires_at, effective_group_id FROM login_tokens WHERE user_id = ? "
      "ORDER BY expires_at, token",
      user);
  while (rows.next())
    tokens.push_back({rows.text(0), Instant{rows.integer(1) * 1000}, rows.get<GroupId>(2)});
  return tokens;
}

User read_user(db::Txn& txn, const db::Cursor& row) {
  User user;
  user.id = row.get<UserId>(0);
  user.name = row.text(1);
  user.password_hash = row.text(2);
  user.auth_driver = row.text(3);
  user.is_enabled = row.get<bool>(4);
  user.group = row.get<GroupId>(5);
  user.group_name = row.text(6);
  user.attributes = db::stored_template(row.text(7));
  user.groups = list_groups_of(txn, user.id);
  user.tokens = list_tokens_of(txn, user.id);
  return user;
}

}  // namespace

Result<User> find_user(db::Txn& txn, UserId id) {
  auto rows = txn.query(std::string(kUserColumns) + "WHERE u.id = ?", id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting user [{}].", id);
  return read_user(txn, rows);
}

std::optional<User> find_user_by_name(db::Txn& txn, std::string_view name) {
  auto rows = txn.query(std::string(kUserColumns) + "WHERE u.name = ?", name);
  if (!rows.next()) return std::nullopt;
  return read_user(txn, rows);
}

std::vector<UserId> list_users(db::Txn& txn) {
  return db::list_ids<UserId>(txn, "SELECT id FROM users ORDER BY id");
}

Result<Group> find_group(db::Txn& txn, GroupId id) {
  auto rows = txn.query("SELECT name, template FROM groups WHERE id = ?", id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting group [{}].", id);
  Group group{id, rows.text(0), {}, db::stored_template(rows.text(1))};
  auto members = txn.query("SELECT user_id FROM user_groups WHERE group_id = ? ORDER BY user_id",
                           id);
  while (members.next()) group.users.push_back(members.get<UserId>(0));
  return group;
}

std::vector<GroupId> list_groups(db::Txn& txn) {
  return db::list_ids<GroupId>(txn, "SELECT id FROM groups ORDER BY id");
}

std::vector<AclRule> list_acls(db::Txn& txn) {
  std::vector<AclRule> rules;
  // The selector stands above the 32 bits of the id: 4 for all, 1 one user, 2 a group.
  auto rows = txn.query(
      "SELECT id, user_field, resource, rights, zone FROM acls "
      "ORDER BY CASE user_field >> 32 WHEN 4 THEN 0 WHEN 1 THEN 1 ELSE 2 END, id");
  while (rows.next())
    rules.push_back({rows.get<AclId>(0), rows.integer(1), rows.integer(2), rows.integer(3),
                     rows.integer(4)});
  return rules;
}

std::string user_name(db::Txn& txn, UserId id) {
  return txn.value<std::string>("SELECT name FROM users WHERE id = ?", id).value_or("");
}

std::string group_name(db::Txn& txn, GroupId id) {
  return txn.value<std::string>("SELECT name FROM groups WHERE id = ?", id).value_or("");
}

}  // namespace neph::access
