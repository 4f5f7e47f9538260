#include "access/internal/acl_rows.h"
#include "access/internal/user_rows.h"
#include "db/counters.h"

namespace neph::access::internal {

UserId insert_user(db::Txn& txn, const User& user) {
  User numbered = user;
  numbered.id = db::take_id<UserId>(txn, "user");
  insert_user_as(txn, numbered);
  return numbered.id;
}

void insert_user_as(db::Txn& txn, const User& user) {
  txn.exec(
      "INSERT INTO users(id, name, password_hash, auth_driver, is_enabled, group_id, template) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      user.id, user.name, user.password_hash, user.auth_driver, user.is_enabled, user.group,
      user.attributes.to_text());
  save_groups(txn, user.id, user.group, user.groups);
}

namespace {

void touch_with_groups(db::Txn& txn, UserId id) {
  txn.touch(ObjectKind::kUser, id);
  auto rows = txn.query("SELECT group_id FROM user_groups WHERE user_id = ?", id);
  while (rows.next()) txn.touch(ObjectKind::kGroup, rows.get<GroupId>(0));
}

}  // namespace

void erase_user(db::Txn& txn, UserId id) {
  touch_with_groups(txn, id);
  erase_acls_of(txn, id);
  txn.exec("DELETE FROM quota_limits WHERE owner_kind = 1 AND owner_id = ?", id);
  txn.exec("DELETE FROM login_tokens WHERE user_id = ?", id);
  txn.exec("DELETE FROM user_groups WHERE user_id = ?", id);
  txn.exec("DELETE FROM users WHERE id = ?", id);
}

void save_password_hash(db::Txn& txn, UserId id, std::string_view hash) {
  txn.exec("UPDATE users SET password_hash = ? WHERE id = ?", hash, id);
  txn.touch(ObjectKind::kUser, id);
}

void save_enabled(db::Txn& txn, UserId id, bool is_enabled) {
  txn.exec("UPDATE users SET is_enabled = ? WHERE id = ?", is_enabled, id);
  txn.touch(ObjectKind::kUser, id);
}

void save_auth_driver(db::Txn& txn, UserId id, std::string_view auth_driver) {
  txn.exec("UPDATE users SET auth_driver = ? WHERE id = ?", auth_driver, id);
  txn.touch(ObjectKind::kUser, id);
}

void save_attributes(db::Txn& txn, UserId id, const text::Template& attributes) {
  txn.exec("UPDATE users SET template = ? WHERE id = ?", attributes.to_text(), id);
  txn.touch(ObjectKind::kUser, id);
}

void save_groups(db::Txn& txn, UserId id, GroupId primary, const std::vector<GroupId>& groups) {
  touch_with_groups(txn, id);
  txn.exec("DELETE FROM user_groups WHERE user_id = ?", id);
  txn.exec("UPDATE users SET group_id = ? WHERE id = ?", primary, id);
  for (const GroupId group : groups)
    txn.exec("INSERT INTO user_groups(user_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING", id,
             group);
  touch_with_groups(txn, id);
}

void save_token(db::Txn& txn, UserId id, const LoginToken& token) {
  txn.exec(
      "INSERT INTO login_tokens(user_id, token, expires_at, effective_group_id) "
      "VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at, "
      "effective_group_id = excluded.effective_group_id",
      id, token.token, token.expires.seconds(), token.effective_group.value);
  txn.touch(ObjectKind::kUser, id);
}

bool erase_token(db::Txn& txn, UserId id, std::string_view token) {
  txn.exec("DELETE FROM login_tokens WHERE user_id = ? AND token = ?", id, token);
  txn.touch(ObjectKind::kUser, id);
  return txn.changed_rows() > 0;
}

void erase_tokens(db::Txn& txn, UserId id) {
  txn.exec("DELETE FROM login_tokens WHERE user_id = ?", id);
  txn.touch(ObjectKind::kUser, id);
}

void erase_useless_tokens(db::Txn& txn, UserId id) {
  txn.exec("DELETE FROM login_tokens WHERE user_id = ? AND expires_at > 0 AND expires_at <= ?", id,
           txn.at().seconds());
  txn.exec(
      "DELETE FROM login_tokens WHERE user_id = ? AND effective_group_id >= 0 AND "
      "effective_group_id NOT IN (SELECT group_id FROM user_groups WHERE user_id = ?)",
      id, id);
  txn.touch(ObjectKind::kUser, id);
}

std::int64_t count_vms_of(db::Txn& txn, UserId id) {
  constexpr int kDone = 6;
  return *txn.value<std::int64_t>("SELECT COUNT(*) FROM vms WHERE user_id = ? AND state <> ?", id,
                                  kDone);
}

std::int64_t count_images_of(db::Txn& txn, UserId id) {
  return *txn.value<std::int64_t>("SELECT COUNT(*) FROM images WHERE user_id = ?", id);
}

std::int64_t count_networks_of(db::Txn& txn, UserId id) {
  return *txn.value<std::int64_t>("SELECT COUNT(*) FROM networks WHERE user_id = ?", id);
}

}  // namespace neph::access::internal
