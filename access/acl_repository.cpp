#include "access/internal/acl_bits.h"
#include "access/internal/acl_rows.h"
#include "db/counters.h"

namespace neph::access::internal {
namespace {

void touch_each(db::Txn& txn, db::Cursor rows) {
  while (rows.next()) txn.touch(ObjectKind::kAcl, rows.get<AclId>(0));
}

/// A rule's resource field that is this one object and nothing else.
std::int64_t just(Resource kind, std::int64_t id) {
  return static_cast<std::int64_t>(kind) | acl::kIndividual | id;
}

}  // namespace

AclId insert_acl(db::Txn& txn, const AclRule& rule) {
  AclRule numbered = rule;
  numbered.id = db::take_id<AclId>(txn, "acl");
  insert_acl_as(txn, numbered);
  return numbered.id;
}

void insert_acl_as(db::Txn& txn, const AclRule& rule) {
  txn.exec("INSERT INTO acls(id, user_field, resource, rights, zone) VALUES (?, ?, ?, ?, ?)",
           rule.id, rule.user, rule.resource, rule.rights, rule.zone);
  txn.touch(ObjectKind::kAcl, rule.id);
}

std::optional<AclId> find_same_acl(db::Txn& txn, const AclRule& rule) {
  return txn.value<AclId>(
      "SELECT id FROM acls WHERE user_field = ? AND resource = ? AND rights = ? AND zone = ?",
      rule.user, rule.resource, rule.rights, rule.zone);
}

bool has_acl(db::Txn& txn, AclId id) {
  return txn.value<AclId>("SELECT id FROM acls WHERE id = ?", id).has_value();
}

void erase_acl(db::Txn& txn, AclId id) {
  txn.exec("DELETE FROM acls WHERE id = ?", id);
  txn.touch(ObjectKind::kAcl, id);
}

void erase_acls_of(db::Txn& txn, UserId id) {
  touch_each(txn, txn.query("DELETE FROM acls WHERE user_field = ? OR resource = ? RETURNING id",
                            acl::kIndividual | id.value, just(Resource::kUser, id.value)));
}

void erase_acls_of(db::Txn& txn, GroupId id) {
  const std::int64_t field = acl::kGroup | id.value;
  touch_each(txn, txn.query("DELETE FROM acls WHERE user_field = ? OR resource & ? = ? "
                            "OR resource = ? RETURNING id",
                            field, acl::kGroup | acl::kIdMask, field,
                            just(Resource::kGroup, id.value)));
}

}  // namespace neph::access::internal
