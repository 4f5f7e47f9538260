#pragma once

#include <string>

#include "access/permissions.h"
#include "db/database.h"

/// What one.acl.* does. All functions run in a transaction on the store lane; rights are the
/// caller's business. Facts about rules: OpenNebula 7.4.
namespace neph::access {

/// The selectors that fields of rules are made of: one object or user, what belongs to a group (or
/// who is in it), what is in a cluster, everything.
[[nodiscard]] std::int64_t only(std::int64_t id);
[[nodiscard]] std::int64_t group_of(std::int64_t id);
[[nodiscard]] std::int64_t cluster_of(std::int64_t id);
[[nodiscard]] std::int64_t everything();

/// A rule as one.acl.addrule takes it: four hexadecimal numbers, with or without 0x. An empty zone
/// is this one.
struct AclText {
  std::string user;
  std::string resource;
  std::string rights;
  std::string zone;
};
/// Without an id. Reads the numbers alone; add_acl() asks whether they make a rule.
/// \returns kInvalid for what is no number of 64 bits
[[nodiscard]] Result<AclRule> parse_acl(const AclText& text);

/// \returns the id it gave the rule; kInvalid with all that is wrong with the rule, kConflict when
///          there is one that says the same
Result<AclId> add_acl(db::Txn& txn, const AclRule& rule);
/// Makes the rule unless there is one that says the same. \pre it is well-formed
void ensure_acl(db::Txn& txn, const AclRule& rule);
/// Removes the rule that says the same, if there is one.
void drop_acl(db::Txn& txn, const AclRule& rule);
/// \returns kNotFound
Result<void> delete_acl(db::Txn& txn, AclId id);

}  // namespace neph::access
