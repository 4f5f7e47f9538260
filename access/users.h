#pragma once

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
/// \returns kInvalid for users 0 and 1, kWrongState while it owns VMs or images
Result<void> delete_user(db::Txn& txn, UserId id);
Result<void> set_password_hash(db::Txn& txn, UserId id, std::string_view hash);
Result<void> update_user(db::Txn& txn, UserId id, const text::Template& change, bool is_append);
Result<void> set_primary_group(db::Txn& txn, UserId id, GroupId group);

struct TokenAsk {
  std::string token;          ///< empty: a random one
  std::int64_t seconds = 0;   ///< -1 never expires, 0 deletes (all when the token is empty)
  GroupId effective_group;
};
/// \returns the token; "" after a deletion
Result<std::string> set_login_token(db::Txn& txn, UserId id, const TokenAsk& ask);

/// Checks a password the way one.user.allocate and passwd do: not empty, no white space.
[[nodiscard]] Result<void> check_password(std::string_view password);

/// What a fresh store holds: groups 0 and 1, users 0 and 1, the default ACL rules.
struct Bootstrap {
  std::string oneadmin_hash;
  std::string serveradmin_hash;
};
Result<void> bootstrap(db::Txn& txn, const Bootstrap& ask);

}  // namespace neph::access
