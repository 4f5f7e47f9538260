#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "base/clock.h"
#include "db/database.h"
#include "text/template.h"

/// Users, groups, tokens and ACL rules as rows. Store lane (or any transaction for reading).
namespace neph::access {

struct LoginToken {
  std::string token;
  Instant expires;       ///< unset: never
  GroupId effective_group;
};

struct User {
  UserId id;
  std::string name;
  std::string password_hash;  ///< argon2id; the hash server_cipher needs for serveradmin
  std::string auth_driver;
  bool is_enabled = true;
  GroupId group;              ///< primary
  std::string group_name;
  std::vector<GroupId> groups;  ///< the primary one among them
  std::vector<LoginToken> tokens;
  text::Template attributes;
};

struct Group {
  GroupId id;
  std::string name;
  std::vector<UserId> users;
  text::Template attributes;
};

[[nodiscard]] Result<User> find_user(db::Txn& txn, UserId id);
[[nodiscard]] std::optional<User> find_user_by_name(db::Txn& txn, std::string_view name);
[[nodiscard]] std::vector<UserId> list_users(db::Txn& txn);
[[nodiscard]] Result<Group> find_group(db::Txn& txn, GroupId id);
[[nodiscard]] std::vector<GroupId> list_groups(db::Txn& txn);
/// Rules in the order in which they are searched: for all, for users, for groups.
[[nodiscard]] std::vector<AclRule> list_acls(db::Txn& txn);

/// "" for an id that has no row (any more).
[[nodiscard]] std::string user_name(db::Txn& txn, UserId id);
[[nodiscard]] std::string group_name(db::Txn& txn, GroupId id);

/// UMASK of a user's template: octal text. nullopt for anything but 0..777.
[[nodiscard]] std::optional<int> parse_umask(std::string_view octal);

/// The actor for a user, limited to one group when a token says so. The name of a group that is
/// not the primary one stays empty.
[[nodiscard]] Actor actor_of(const User& user, GroupId effective_group, int default_umask);

/// authorize() with the rules and the locks of the transaction.
[[nodiscard]] Result<void> authorize(db::Txn& txn, const Actor& actor, Op op,
                                     const Subject& subject);
/// The same for what no lock stops: looking, locking and unlocking.
[[nodiscard]] Result<void> authorize_despite_lock(db::Txn& txn, const Actor& actor, Op op,
                                                  const Subject& subject);

/// Object names: 1..128 bytes, no control characters, none of & | : \ ; " < > /.
[[nodiscard]] Result<void> check_name(std::string_view what, std::string_view name);

}  // namespace neph::access
