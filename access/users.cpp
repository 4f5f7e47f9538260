#include "access/users.h"

#include <algorithm>
#include <array>

#include "access/authenticator.h"
#include "access/groups.h"
#include "access/internal/acl_bits.h"
#include "access/internal/acl_rows.h"
#include "access/internal/group_rows.h"
#include "access/internal/restricted.h"
#include "access/internal/user_rows.h"

namespace neph::access {
namespace {

constexpr UserId kOneadmin{0};
constexpr UserId kServeradmin{1};
constexpr std::string_view kTokenPassword = "TOKEN_PASSWORD";
constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kTokenLengthMax = 256;
constexpr std::size_t kTokensMax = 10;
/// A hundred years: longer periods would only overflow.
constexpr std::int64_t kTokenSecondsMax = 3'153'600'000;

/// The drivers of OpenNebula's AUTH_MAD_CONF. Only core and server_cipher log in here; users of
/// the others come in through serveradmin, or not at all (dummy).
constexpr std::array<std::string_view, 9> kDrivers = {
    "core", "public", "ssh", "x509", "ldap", "saml", "server_cipher", "server_x509", "dummy"};

/// Those with PASSWORD_CHANGE=YES.
constexpr std::array<std::string_view, 4> kPasswordChangers = {"core", "ssh", "ldap", "saml"};

bool is_white(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

Result<void> check_user_name(std::string_view name) {
  CHECK_OK(check_name("user", name));
  if (std::ranges::any_of(name, &is_white))
    return fail(Errc::kInvalid, "Invalid NAME of the user, blanks are not allowed");
  return {};
}

Result<void> check_driver(std::string_view auth_driver) {
  if (std::ranges::find(kDrivers, auth_driver) != kDrivers.end()) return {};
  return fail(Errc::kInvalid, "There is no auth driver \"{}\"; {} are known", auth_driver,
              fmt::join(kDrivers, ", "));
}

Result<std::string> driver_of(const NewUser& ask) {
  if (ask.auth_driver.empty()) return "core";
  CHECK_OK(check_driver(ask.auth_driver));
  return ask.auth_driver;
}

/// Whether a driver can work with what is stored. To the drivers of servers it is a key: a hash of
/// another make begins as all of its make do, so that anybody could guess most of it.
bool is_fit(std::string_view auth_driver, const std::string& secret) {
  if (auth_driver == "core") return secret.starts_with("$argon2id$");
  if (auth_driver.starts_with("server")) return server_cipher_hash(secret) == secret;
  return true;
}

/// First is primary; without a wish, an administrator makes plain users and others their like.
Result<std::vector<GroupId>> groups_of(db::Txn& txn, const Actor& actor, const NewUser& ask) {
  if (ask.groups.empty()) return std::vector{actor.group == kAdmins ? kUsers : actor.group};
  for (const GroupId group : ask.groups) (void)TRY(find_group(txn, group));
  return ask.groups;
}

User with_token_password(User user) {
  user.attributes.set(kTokenPassword, random_word(kTokenBytes));
  return user;
}

/// A new template: what is restricted or needed and not named in it is carried over.
text::Template replaced(const User& user, const text::Template& change) {
  text::Template attributes = internal::replaced(user.attributes, change);
  // Front ends make their tokens with it and would lock the user out without.
  const std::string* old = user.attributes.find(kTokenPassword);
  if (old != nullptr && !attributes.has(kTokenPassword)) attributes.set(kTokenPassword, *old);
  return attributes;
}

Result<void> check_umask(const text::Template& attributes) {
  const std::string* umask = attributes.find("UMASK");
  if (umask == nullptr || parse_umask(*umask)) return {};
  return fail(Errc::kInvalid, "UMASK is \"{}\"; it must be octal, from 0 to 777", *umask);
}

Result<std::string> delete_tokens(db::Txn& txn, UserId id, const std::string& token) {
  if (token.empty()) {
    internal::erase_tokens(txn, id);
  } else if (!internal::erase_token(txn, id, token)) {
    return fail(Errc::kInvalid, "Could not find the token of user [{}]", id);
  }
  return std::string{};
}

Result<void> check_token(const User& user, const TokenAsk& ask) {
  if (ask.token.size() > kTokenLengthMax)
    return fail(Errc::kInvalid, "The token has {} bytes and {} are allowed", ask.token.size(),
                kTokenLengthMax);
  if (ask.effective_group.is_set() &&
      std::ranges::find(user.groups, ask.effective_group) == user.groups.end())
    return fail(Errc::kInvalid, "User [{}] is not in group [{}], so no token can be limited to it",
                user.id, ask.effective_group);
  const bool is_known = std::ranges::find(user.tokens, ask.token, &LoginToken::token) !=
                        user.tokens.end();
  if (user.tokens.size() >= kTokensMax && !is_known)
    return fail(Errc::kInvalid, "Max number of tokens limit reached: user [{}] has {}", user.id,
                user.tokens.size());
  return {};
}

constexpr std::int64_t kGroupOne = internal::acl::kGroup | 1;
constexpr std::int64_t kAll = internal::acl::kAll;
constexpr std::int64_t kZoneZero = internal::acl::kThisZone;
/// VM, IMAGE, TEMPLATE, DOCUMENT, SECGROUP, VMGROUP and BACKUPJOB.
constexpr std::int64_t kWhatUsersCreate = 0x121'4290'0000'0000;

/// MARKETPLACE and MARKETPLACEAPP.
constexpr std::int64_t kMarkets = 0x18'0000'0000'0000;

/// OpenNebula's default rules by their numbers.
constexpr std::array<AclRule, 6> kDefaultRules = {{
    {AclId{0}, kGroupOne, kWhatUsersCreate | kAll, 8, kAll},
    {AclId{1}, kAll, static_cast<std::int64_t>(Resource::kZone) | kAll, 1, kAll},
    {AclId{2}, kAll, kMarkets | kAll, 1, kAll},
    {AclId{3}, kGroupOne, 0x20'0000'0000 | kAll, 2, kZoneZero},
    {AclId{4}, kGroupOne, 0x40'0000'0000 | kAll, 1, kZoneZero},
    {AclId{5}, kGroupOne, 0x1000'0000'0000 | kAll, 1, kZoneZero},
}};

}  // namespace

Result<UserId> create_user(db::Txn& txn, const Actor& actor, const NewUser& ask) {
  CHECK_OK(check_user_name(ask.name));
  if (const auto other = find_user_by_name(txn, ask.name))
    return fail(Errc::kConflict, "NAME is already taken by USER {}.", other->id);
  User user;
  user.name = ask.name;
  user.password_hash = ask.password_hash;
  user.auth_driver = TRY(driver_of(ask));
  user.groups = TRY(groups_of(txn, actor, ask));
  user.group = user.groups.front();
  return internal::insert_user(txn, with_token_password(std::move(user)));
}

Result<void> delete_user(db::Txn& txn, UserId id) {
  (void)TRY(find_user(txn, id));
  if (id == kOneadmin || id == kServeradmin)
    return fail(Errc::kInvalid, "User [{}] is needed by the system and cannot be deleted", id);
  const auto vms = internal::count_vms_of(txn, id);
  const auto images = internal::count_images_of(txn, id);
  const auto networks = internal::count_networks_of(txn, id);
  if (vms > 0 || images > 0 || networks > 0)
    return fail(Errc::kWrongState,
                "User [{}] cannot be deleted: it owns {} VMs, {} images and {} virtual networks",
                id, vms, images, networks);
  for (const GroupId group : TRY(find_user(txn, id)).groups)
    internal::end_group_admin(txn, group, id);
  internal::erase_user(txn, id);
  return {};
}

Result<void> set_password_hash(db::Txn& txn, UserId id, std::string_view hash) {
  (void)TRY(find_user(txn, id));
  internal::save_password_hash(txn, id, hash);
  internal::erase_tokens(txn, id);
  return {};
}

std::string stored_secret(std::string_view auth_driver, const std::string& password,
                          const std::string& argon2id_hash) {
  if (auth_driver.empty() || auth_driver == "core") return argon2id_hash;
  return auth_driver == "server_cipher" ? server_cipher_hash(password) : password;
}

Result<void> check_password_change(const Actor& actor, const User& user) {
  const bool is_changeable = std::ranges::find(kPasswordChangers, user.auth_driver) !=
                             kPasswordChangers.end();
  if (is_changeable || actor.is_admin()) return {};
  return fail(Errc::kDenied, "Passwords of the auth driver \"{}\" are changed by administrators",
              user.auth_driver);
}

Result<void> update_user(db::Txn& txn, const Actor& actor, UserId id, const text::Template& change,
                         bool is_append) {
  const User user = TRY(find_user(txn, id));
  const text::Template attributes =
      is_append ? internal::merged(user.attributes, change) : replaced(user, change);
  CHECK_OK(internal::check_restricted(actor, user.attributes, attributes));
  CHECK_OK(check_umask(attributes));
  CHECK_OK(attributes.check_limits(text::kStoredLimits));
  internal::save_attributes(txn, id, attributes);
  return {};
}

Result<void> set_primary_group(db::Txn& txn, UserId id, GroupId group) {
  const User user = TRY(find_user(txn, id));
  (void)TRY(find_group(txn, group));
  if (group == user.group) return {};
  std::vector<GroupId> groups = user.groups;
  // As OpenNebula does it: a secondary group becomes the primary one and the old one stays, but
  // moving into a new group means leaving the old one.
  const bool was_member = std::ranges::find(groups, group) != groups.end();
  if (!was_member) {
    std::erase(groups, user.group);
    groups.push_back(group);
    internal::end_group_admin(txn, user.group, id);
  }
  internal::save_groups(txn, id, group, groups);
  internal::erase_useless_tokens(txn, id);
  return {};
}

Result<void> add_to_group(db::Txn& txn, UserId id, GroupId group) {
  const User user = TRY(find_user(txn, id));
  (void)TRY(find_group(txn, group));
  std::vector<GroupId> groups = user.groups;
  if (std::ranges::find(groups, group) != groups.end())
    return fail(Errc::kConflict, "User [{}] is already in group [{}]", id, group);
  groups.push_back(group);
  internal::save_groups(txn, id, user.group, groups);
  return {};
}

Result<void> remove_from_group(db::Txn& txn, UserId id, GroupId group) {
  const User user = TRY(find_user(txn, id));
  (void)TRY(find_group(txn, group));
  if (group == user.group)
    return fail(Errc::kInvalid, "Group [{}] is the primary one of user [{}]", group, id);
  std::vector<GroupId> groups = user.groups;
  if (std::erase(groups, group) == 0)
    return fail(Errc::kInvalid, "User [{}] is not in group [{}]", id, group);
  internal::end_group_admin(txn, group, id);
  internal::save_groups(txn, id, user.group, groups);
  internal::erase_useless_tokens(txn, id);
  return {};
}

Result<void> set_enabled(db::Txn& txn, UserId id, bool is_enabled) {
  (void)TRY(find_user(txn, id));
  if (id == kOneadmin)
    return fail(Errc::kWrongState, "User [{}] is always enabled", id);
  internal::save_enabled(txn, id, is_enabled);
  return {};
}

Result<void> set_auth_driver(db::Txn& txn, UserId id, std::string_view auth_driver,
                             const std::optional<std::string>& secret) {
  const User user = TRY(find_user(txn, id));
  CHECK_OK(check_driver(auth_driver));
  if (!secret && !is_fit(auth_driver, user.password_hash))
    return fail(Errc::kInvalid, "The password of user [{}] does not fit auth driver \"{}\"; it "
                                "needs a new one", id, auth_driver);
  internal::save_auth_driver(txn, id, auth_driver);
  if (secret) return set_password_hash(txn, id, *secret);
  return {};
}

Result<std::string> set_login_token(db::Txn& txn, UserId id, const TokenAsk& ask) {
  if (ask.seconds < -1)
    return fail(Errc::kInvalid, "Wrong valid period for token: {}", ask.seconds);
  (void)TRY(find_user(txn, id));
  if (ask.seconds == 0) return delete_tokens(txn, id, ask.token);
  internal::erase_useless_tokens(txn, id);
  CHECK_OK(check_token(TRY(find_user(txn, id)), ask));
  LoginToken token{ask.token, {}, ask.effective_group};
  if (token.token.empty()) token.token = random_word(kTokenBytes);
  if (ask.seconds > 0)
    token.expires = Instant{(txn.at().seconds() + std::min(ask.seconds, kTokenSecondsMax)) * 1000};
  internal::save_token(txn, id, token);
  return token.token;
}

Result<void> check_token_rights(const Actor& actor, const User& user, const TokenAsk& ask) {
  if (actor.is_admin() || ask.seconds == 0) return {};
  if (ask.effective_group.is_set() && !actor.is_in(ask.effective_group))
    return fail(Errc::kInvalid, "This session is not in group [{}], so it cannot give a token "
                                "that is", ask.effective_group);
  const bool is_limited = actor.user == user.id && actor.groups.size() < user.groups.size();
  if (is_limited && !ask.effective_group.is_set())
    return fail(Errc::kInvalid, "A session limited to a group cannot give a token without one");
  return {};
}

Result<void> check_password(std::string_view password) {
  if (password.empty()) return fail(Errc::kInvalid, "Invalid password, it cannot be empty");
  if (std::ranges::any_of(password, &is_white))
    return fail(Errc::kInvalid, "Invalid password, it cannot contain white space");
  return {};
}

Result<void> bootstrap(db::Txn& txn, const Bootstrap& ask) {
  if (find_group(txn, kAdmins))
    return fail(Errc::kConflict, "The store has its first users and groups already");
  internal::insert_group_as(txn, kAdmins, "oneadmin");
  internal::insert_group_as(txn, kUsers, "users");
  User oneadmin;
  oneadmin.id = kOneadmin;
  oneadmin.name = "oneadmin";
  oneadmin.password_hash = ask.oneadmin_hash;
  oneadmin.auth_driver = "core";
  oneadmin.group = kAdmins;
  oneadmin.groups = {kAdmins};
  internal::insert_user_as(txn, with_token_password(oneadmin));
  User serveradmin = oneadmin;
  serveradmin.id = kServeradmin;
  serveradmin.name = "serveradmin";
  serveradmin.password_hash = ask.serveradmin_hash;
  serveradmin.auth_driver = "server_cipher";
  internal::insert_user_as(txn, with_token_password(serveradmin));
  for (const AclRule& rule : kDefaultRules) internal::insert_acl_as(txn, rule);
  return {};
}

}  // namespace neph::access
