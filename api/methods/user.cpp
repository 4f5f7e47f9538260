#include <optional>

#include "access/quota.h"
#include "access/users.h"
#include "api/internal/methods.h"

namespace neph::api {
namespace {

using access::Op;

constexpr int kRpcApiCode = 4096;

struct AllocateUser {
  std::string name;
  std::string password;
  std::string driver;
  std::vector<std::int64_t> groups;
};
struct ShowUser {
  UserId user;
  bool decrypt = false;
};
struct DeleteUser {
  UserId user;
};
struct SetPassword {
  UserId user;
  std::string password;
};
struct LogIn {
  std::string user;
  std::string token;
  std::int64_t seconds = 0;
  GroupId group;
};
struct UpdateUser {
  UserId user;
  std::string content;
  std::int64_t update_type = 0;
};
struct SetDefaultUserQuota {
  std::string content;
};
struct SetUserQuota {
  UserId user;
  std::string content;
};
struct Enable {
  UserId user;
  bool is_enabled = true;
};
struct SetDriver {
  UserId user;
  std::string driver;
  std::string password;
};
struct ChangeGroup {
  UserId user;
  GroupId group;
};

/// The right on the user, for arguments that have a field `user`.
template <Op op>
constexpr auto on_user = [](Call& call, const auto& ask) {
  return need(call, op, ObjectKind::kUser, ask.user);
};

// Users come and go.

Result<void> may_manage_groups(Call& call, const AllocateUser& ask) {
  for (const auto group : ask.groups)
    CHECK_OK(need(call, Op::kManage, ObjectKind::kGroup, GroupId{group}));
  return {};
}

Result<UserId> allocate_user(Call& call, const AllocateUser& ask) {
  const std::string secret = access::stored_secret(ask.driver, ask.password, call.password_hash);
  access::NewUser fresh{ask.name, secret, ask.driver, {}};
  for (const auto group : ask.groups) fresh.groups.emplace_back(group);
  return access::create_user(call.txn(), call.actor(), fresh);
}

Result<UserId> delete_user(Call& call, const DeleteUser& ask) {
  CHECK_OK(access::delete_user(call.txn(), ask.user));
  call.services().authenticator.forget(ask.user);
  return ask.user;
}

// Passwords and tokens.

Result<UserId> set_password(Call& call, const SetPassword& ask) {
  const auto user = TRY(access::find_user(call.txn(), ask.user));
  CHECK_OK(access::check_password_change(call.actor(), user));
  const auto secret = access::stored_secret(user.auth_driver, ask.password, call.password_hash);
  CHECK_OK(access::set_password_hash(call.txn(), ask.user, secret));
  call.services().authenticator.forget(ask.user);
  return ask.user;
}

Result<UserId> set_driver(Call& call, const SetDriver& ask) {
  std::optional<std::string> secret;
  if (!ask.password.empty())
    secret = access::stored_secret(ask.driver, ask.password, call.password_hash);
  CHECK_OK(access::set_auth_driver(call.txn(), ask.user, ask.driver, secret));
  call.services().authenticator.forget(ask.user);
  return ask.user;
}

Result<UserId> enable_user(Call& call, const Enable& ask) {
  CHECK_OK(access::set_enabled(call.txn(), ask.user, ask.is_enabled));
  call.services().authenticator.forget(ask.user);
  return ask.user;
}

Result<access::User> find_named(Call& call, const std::string& name) {
  auto user = access::find_user_by_name(call.txn(), name);
  if (user) return std::move(*user);
  return fail(Errc::kNotFound, "Error getting user [{}].", name);
}

Result<void> may_log_in(Call& call, const LogIn& ask) {
  return need(call, Op::kManage, ObjectKind::kUser, TRY(find_named(call, ask.user)).id);
}

Result<std::string> log_in(Call& call, const LogIn& ask) {
  const auto user = TRY(find_named(call, ask.user));
  const access::TokenAsk token{ask.token, ask.seconds, ask.group};
  CHECK_OK(access::check_token_rights(call.actor(), user, token));
  const auto answer = TRY(access::set_login_token(call.txn(), user.id, token));
  return ask.seconds == 0 ? ask.token : answer;
}

// What a user says and may use.

Result<UserId> update_user(Call& call, const UpdateUser& ask) {
  const bool appends = TRY(is_append(ask.update_type));
  const auto change = TRY(text::Template::parse(ask.content));
  CHECK_OK(access::update_user(call.txn(), call.actor(), ask.user, change, appends));
  return ask.user;
}

Result<UserId> set_user_quota(Call& call, const SetUserQuota& ask) {
  const auto limits = TRY(text::Template::parse(ask.content));
  CHECK_OK(access::set_quota(call.txn(), access::QuotaOwner::kUser, ask.user.value, limits));
  return ask.user;
}

template <Op op>
constexpr auto on_group = [](Call& call, const ChangeGroup& ask) {
  return need(call, op, ObjectKind::kGroup, ask.group);
};

Result<UserId> add_group(Call& call, const ChangeGroup& ask) {
  CHECK_OK(access::add_to_group(call.txn(), ask.user, ask.group));
  return ask.user;
}

Result<UserId> remove_group(Call& call, const ChangeGroup& ask) {
  CHECK_OK(access::remove_from_group(call.txn(), ask.user, ask.group));
  return ask.user;
}

Result<UserId> change_group(Call& call, const ChangeGroup& ask) {
  CHECK_OK(access::set_primary_group(call.txn(), ask.user, ask.group));
  return ask.user;
}

// Documents.

/// -1 is the caller.
UserId user_of(const Call& call, const ShowUser& ask) {
  return ask.user == UserId{-1} ? call.actor().user : ask.user;
}

Result<void> may_see_user(Call& call, const ShowUser& ask) {
  return need(call, Op::kUse, ObjectKind::kUser, user_of(call, ask));
}

Result<EscapedText> show_user(Call& call, const ShowUser& ask) {
  return show(call, ObjectKind::kUser, user_of(call, ask).value);
}

Result<EscapedText> list_users(Call& call) {
  return list(call, ObjectKind::kUser, "USER_POOL", {});
}

Result<EscapedText> show_default_user_quotas(Call& call) {
  return as_document(call.view().default_user_quotas);
}

Result<EscapedText> set_default_user_quotas(Call& call, const SetDefaultUserQuota& ask) {
  constexpr auto kKind = access::QuotaOwner::kUser;
  CHECK_OK(access::set_default_quota(call.txn(), kKind, TRY(text::Template::parse(ask.content))));
  return as_document(view::default_quotas_document(
      kKind, access::list_default_quotas(call.txn(), kKind)));
}

void add_accounts(Registry<Call>& registry) {
  registry.add({
      method("one.user.allocate", &allocate_user)
          .writes()
          .args("name", "password", "driver", "groups")
          .required(3)
          .needs("CREATE USER", may_create<access::Resource::kUser>)
          .needs("MANAGE of each GROUP named", &may_manage_groups)
          .doc("Makes a user. An empty driver is core, whose password is kept as an argon2id hash. "
               "The first group is the primary one; without groups it is \"users\" when the "
               "caller's own is group 0, else the caller's own.")
          .answers("id of the new user"),
      method("one.user.delete", &delete_user)
          .writes()
          .args("user")
          .needs("ADMIN USER", on_user<Op::kAdmin>)
          .legacy_code(Errc::kInvalid, kActionCode)
          .doc("Deletes a user with its tokens, quotas and ACL rules. Users 0 and 1 stay, and so "
               "does one that owns VMs or images.")
          .answers("id of the user"),
      method("one.user.passwd", &set_password)
          .writes()
          .args("user", "password")
          .needs("MANAGE USER", on_user<Op::kManage>)
          .doc("Changes a password. Sessions and login tokens of the user end with the old one.")
          .answers("id of the user"),
      method("one.user.chauth", &set_driver)
          .writes()
          .args("user", "driver", "password")
          .keeps_password()
          .needs("ADMIN USER", on_user<Op::kAdmin>)
          .doc("Sets the auth driver, and the password unless it is empty. Users of core, "
               "ssh and server_cipher log in themselves; all others come in through serveradmin or "
               "a login token. The password of ssh is a public RSA key as `oneuser key` prints it.")
          .answers("id of the user"),
      method("one.user.enable", &enable_user)
          .writes()
          .args("user", "enable")
          .needs("ADMIN USER", on_user<Op::kAdmin>)
          .doc("Enables or disables a user: who is disabled cannot log in. User 0 is always "
               "enabled.")
          .answers("id of the user"),
      method("one.user.login", &log_in)
          .writes()
          .args("user", "token", "seconds", "group")
          .required(3)
          .needs("MANAGE USER", &may_log_in)
          .legacy_code(Errc::kInvalid, kRpcApiCode)
          .doc("Makes a login token for the user of that name, at most ten. An empty token is a "
               "random one; -1 seconds never expire, 0 deletes the token, or all when it is empty. "
               "With a group, sessions of the token are in that group alone.")
          .answers("the token"),
  });
}

void add_user_attributes(Registry<Call>& registry) {
  registry.add({
      method("one.user.update", &update_user)
          .writes()
          .args("user", "template", "update_type")
          .required(2)
          .needs("MANAGE USER", on_user<Op::kManage>)
          .doc("Changes the template of a user: update type 0 replaces it, 1 merges. UMASK in it "
               "masks the permissions of what the user makes.")
          .answers("id of the user"),
      method("one.user.quota", &set_user_quota)
          .writes()
          .args("user", "template")
          .needs("ADMIN USER", on_user<Op::kAdmin>)
          .doc("Sets limits: VM=[VMS=...,CPU=...,MEMORY=...,RUNNING_*=...,SYSTEM_DISK_SIZE=...], "
               "DATASTORE=[ID=...,IMAGES=...,SIZE=...], IMAGE=[ID=...,RVMS=...]; sizes in MB. -2 "
               "is no limit, as is -1, the default. What is not named stays.")
          .answers("id of the user"),
  });
}

void add_groups(Registry<Call>& registry) {
  registry.add({
      method("one.user.addgroup", &add_group)
          .writes()
          .args("user", "group")
          .needs("MANAGE USER", on_user<Op::kManage>)
          .needs("MANAGE GROUP", on_group<Op::kManage>)
          .doc("Adds a user to a further group.")
          .answers("id of the user"),
      method("one.user.delgroup", &remove_group)
          .writes()
          .args("user", "group")
          .needs("MANAGE USER", on_user<Op::kManage>)
          .needs("MANAGE GROUP", on_group<Op::kManage>)
          .doc("Takes a user out of a group that is not the primary one. Login tokens of that "
               "group end.")
          .answers("id of the user"),
      method("one.user.chgrp", &change_group)
          .writes()
          .args("user", "group")
          .needs("MANAGE USER", on_user<Op::kManage>)
          .needs("USE GROUP", on_group<Op::kUse>)
          .doc("Sets the primary group. A secondary group changes places with the old one; for any "
               "other the old one is left.")
          .answers("id of the user"),
  });
}

void add_user_documents(Registry<Call>& registry) {
  registry.add({
      method("one.user.info", &show_user)
          .reads()
          .args("user", "decrypt")
          .required(1)
          .needs("USE USER", &may_see_user)
          .doc("Shows a user with quotas; -1 is the caller. Nothing is stored encrypted, so "
               "decrypt changes nothing.")
          .answers("USER document"),
      method("one.userpool.info", &list_users)
          .reads()
          .for_anyone()
          .doc("Lists the users the caller may use: oneself, for administrators all.")
          .answers("USER_POOL document"),
      method("one.userquota.info", &show_default_user_quotas)
          .reads()
          .for_anyone()
          .doc("Shows the limits of users that have none of their own.")
          .answers("DEFAULT_USER_QUOTAS document"),
      method("one.userquota.update", &set_default_user_quotas)
          .writes()
          .args("template")
          .needs("group 0", only_admins)
          .doc("Sets the limits of users that have none of their own, in the words of "
               "one.user.quota; -1 and -2 are no limit.")
          .answers("DEFAULT_USER_QUOTAS document"),
  });
}

}  // namespace

void add_user_methods(Registry<Call>& registry) {
  add_accounts(registry);
  add_user_attributes(registry);
  add_groups(registry);
  add_user_documents(registry);
}

}  // namespace neph::api
