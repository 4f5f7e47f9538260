#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/directory.h"
#include "text/template.h"

/// What one.user.* does. All functions run in a transaction on the store lane; rights are the
/// caller's business. Passwords arrive hashed: hashing is slow and runs on the passwords lane.
namespace neph::access {

struct NewUser {
  std::string name;
  std::string password_hash;
  std::string auth_driver;     ///< "core" when empty
  std::vector<GroupId> groups; ///< first is primary; empty: as auth.md section 2 says
};
Result<UserId> create_user(db::Txn& txn, const Actor& actor, const NewUser& ask);
/// With its tokens, quotas and the ACL rules that name it.
/// \returns kInvalid for users 0 and 1, kWrongState while it owns VMs, images or networks
Result<void> delete_user(db::Txn& txn, UserId id);
/// What is stored for a password: core has its argon2id hash, server_cipher the SHA-256 it needs as
/// a key, other drivers the text as given.
[[nodiscard]] std::string stored_secret(std::string_view auth_driver, const std::string& password,
                                        const std::string& argon2id_hash);
/// Whether this caller may change a password of this driver: OpenNebula's PASSWORD_CHANGE, which
/// does not bind administrators. \returns kDenied
[[nodiscard]] Result<void> check_password_change(const Actor& actor, const User& user);
/// Ends the login tokens, too.
Result<void> set_password_hash(db::Txn& txn, UserId id, std::string_view hash);
/// Replaces or merges the template. TOKEN_PASSWORD stays when a new template does not name it.
/// \returns kInvalid for a UMASK that is none, kDenied when somebody who is no administrator
/// changes a restricted attribute
Result<void> update_user(db::Txn& txn, const Actor& actor, UserId id, const text::Template& change,
                         bool is_append);
/// A secondary group becomes the primary one and the old one stays; for any other, the old one is
/// left. Tokens of groups that were left end.
Result<void> set_primary_group(db::Txn& txn, UserId id, GroupId group);

/// A secondary group more. \returns kConflict when the user is in it already
Result<void> add_to_group(db::Txn& txn, UserId id, GroupId group);
/// Tokens of the group end. \returns kInvalid when it is the primary one or none of the user's
Result<void> remove_from_group(db::Txn& txn, UserId id, GroupId group);
/// Who is disabled cannot log in, neither with a password nor with a token.
/// \returns kWrongState for user 0, who is always enabled
Result<void> set_enabled(db::Txn& txn, UserId id, bool is_enabled);
/// Another auth driver. With a secret, as stored_secret() makes it, it replaces the old one and the
/// login tokens end. \returns kInvalid for an unknown driver, and when there is no new secret and
/// the driver cannot do with the old one
Result<void> set_auth_driver(db::Txn& txn, UserId id, std::string_view auth_driver,
                             const std::optional<std::string>& secret);

struct TokenAsk {
  std::string token;          ///< empty: a random one
  std::int64_t seconds = 0;   ///< -1 never expires, 0 deletes (all when the token is empty)
  GroupId effective_group;
};
/// A user has ten tokens at most; those that expired do not count and are removed.
/// \returns the token; "" after a deletion
Result<std::string> set_login_token(db::Txn& txn, UserId id, const TokenAsk& ask);

/// Unless the caller is an administrator, the group of a token must be one of his own, and a
/// session limited to a group makes no token that is not. \returns kInvalid
[[nodiscard]] Result<void> check_token_rights(const Actor& actor, const User& user,
                                              const TokenAsk& ask);

/// Checks a password the way one.user.allocate and passwd do: not empty, no white space.
[[nodiscard]] Result<void> check_password(std::string_view password);

/// What a fresh store holds: groups 0 and 1, users 0 and 1, the default ACL rules.
struct Bootstrap {
  std::string oneadmin_hash;
  std::string serveradmin_hash;
};
Result<void> bootstrap(db::Txn& txn, const Bootstrap& ask);

}  // namespace neph::access
