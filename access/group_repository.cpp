#include "access/groups.h"
#include "access/internal/acl_rows.h"
#include "access/internal/group_rows.h"
#include "db/counters.h"

namespace neph::access::internal {

GroupId insert_group(db::Txn& txn, std::string_view name) {
  const auto id = db::take_id<GroupId>(txn, "group");
  insert_group_as(txn, id, name);
  return id;
}

void insert_group_as(db::Txn& txn, GroupId id, std::string_view name) {
  txn.exec("INSERT INTO groups(id, name) VALUES (?, ?)", id, name);
  txn.touch(ObjectKind::kGroup, id);
}

std::optional<GroupId> find_group_named(db::Txn& txn, std::string_view name) {
  return txn.value<GroupId>("SELECT id FROM groups WHERE name = ?", name);
}

void erase_group(db::Txn& txn, GroupId id) {
  erase_acls_of(txn, id);
  txn.exec("DELETE FROM quota_limits WHERE owner_kind = 2 AND owner_id = ?", id);
  txn.exec("DELETE FROM groups WHERE id = ?", id);
  txn.touch(ObjectKind::kGroup, id);
}

bool is_group_admin(db::Txn& txn, GroupId id, UserId user) {
  return txn.value<int>("SELECT 1 FROM group_admins WHERE group_id = ? AND user_id = ?", id, user)
      .has_value();
}

bool administers_a_group(db::Txn& txn, UserId user) {
  return txn.value<int>("SELECT 1 FROM group_admins WHERE user_id = ?", user).has_value();
}

void insert_group_admin(db::Txn& txn, GroupId id, UserId user) {
  txn.exec("INSERT INTO group_admins(group_id, user_id) VALUES (?, ?)", id, user);
  txn.touch(ObjectKind::kGroup, id);
}

void delete_group_admin(db::Txn& txn, GroupId id, UserId user) {
  txn.exec("DELETE FROM group_admins WHERE group_id = ? AND user_id = ?", id, user);
  txn.touch(ObjectKind::kGroup, id);
}

void save_attributes(db::Txn& txn, GroupId id, const text::Template& attributes) {
  txn.exec("UPDATE groups SET template = ? WHERE id = ?", attributes.to_text(), id);
  txn.touch(ObjectKind::kGroup, id);
}

}  // namespace neph::access::internal

namespace neph::access {

std::vector<UserId> list_admins(db::Txn& txn, GroupId id) {
  std::vector<UserId> users;
  auto rows = txn.query("SELECT user_id FROM group_admins WHERE group_id = ? ORDER BY user_id", id);
  while (rows.next()) users.push_back(rows.get<UserId>(0));
  return users;
}

}  // namespace neph::access
