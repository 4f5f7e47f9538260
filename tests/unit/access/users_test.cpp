#include "access/users.h"

#include <algorithm>

#include "access/authenticator.h"
#include "tests/unit/access/world.h"

namespace neph::access {
namespace {

class Users : public AccessTest {
 protected:
  Result<std::string> log_in(UserId id, const TokenAsk& ask) {
    return in_txn([&](db::Txn& txn) { return set_login_token(txn, id, ask); });
  }
  Result<void> update(const Actor& actor, UserId id, const std::string& text, bool is_append) {
    return in_txn([&](db::Txn& txn) {
      return update_user(txn, actor, id, *text::Template::parse(text), is_append);
    });
  }
  Actor actor(UserId id) { return actor_of(user(id), GroupId{}, 0177); }
  Result<void> chgrp(UserId id, int group) {
    return in_txn([&](db::Txn& txn) { return set_primary_group(txn, id, GroupId{group}); });
  }
  Result<UserId> create(const Actor& by, const NewUser& ask) {
    return in_txn([&](db::Txn& txn) { return create_user(txn, by, ask); });
  }
};

TEST_F(Users, AFreshStoreHoldsOneadminServeradminAndTheDefaultRules) {
  EXPECT_EQ(user(UserId{0}).name, "oneadmin");
  EXPECT_EQ(user(UserId{0}).auth_driver, "core");
  EXPECT_EQ(user(UserId{1}).name, "serveradmin");
  EXPECT_EQ(user(UserId{1}).auth_driver, "server_cipher");
  EXPECT_EQ(user(UserId{1}).group, GroupId{0});
  EXPECT_EQ(user(UserId{1}).attributes.get("TOKEN_PASSWORD").size(), 64u);
  EXPECT_NE(user(UserId{0}).attributes, user(UserId{1}).attributes);
  std::vector<std::string> rules;
  (void)in_txn([&](db::Txn& txn) -> Result<void> {
    EXPECT_EQ(list_groups(txn), (std::vector{GroupId{0}, GroupId{1}}));
    for (const auto& rule : list_acls(txn))
      rules.push_back(fmt::format("{} {}", rule.id, to_text(rule)));
    return {};
  });
  EXPECT_EQ(rules, (std::vector<std::string>{
                       "1 * ZONE/* USE *", "2 * MARKETPLACE+MARKETPLACEAPP/* USE *",
                       "0 @1 VM+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VMGROUP+BACKUPJOB/* CREATE *",
                       "3 @1 HOST/* MANAGE #0", "4 @1 NET/* USE #0", "5 @1 DATASTORE/* USE #0"}));
}

TEST_F(Users, ASecondBootstrapIsRefused) {
  const auto again = in_txn([](db::Txn& txn) { return bootstrap(txn, {"a", "b"}); });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kConflict);
  EXPECT_EQ(user(UserId{0}).password_hash, "hash-of-oneadmin");
}

TEST_F(Users, NewUsersGetTheNextIdAGroupAndATokenPassword) {
  const UserId first = add_user("anna");
  const UserId second = add_user("bert");
  EXPECT_EQ(first, UserId{2});
  EXPECT_EQ(second, UserId{3});
  EXPECT_EQ(user(first).group_name, "users");
  EXPECT_EQ(user(first).groups, std::vector{GroupId{1}});
  EXPECT_EQ(user(first).auth_driver, "core");
  EXPECT_EQ(user(first).attributes.get("TOKEN_PASSWORD").size(), 64u);
}

TEST_F(Users, UsersMadeByOthersThanAdministratorsShareTheirGroup) {
  add_group(100);
  const auto made = create({UserId{7}, "x", GroupId{100}, "group100", {GroupId{100}}, 0177},
                           {"anna", "h", "", {}});
  ASSERT_TRUE(made);
  EXPECT_EQ(user(*made).group, GroupId{100});
}

TEST_F(Users, TheFirstGroupGivenIsThePrimaryOne) {
  add_group(100);
  const UserId id = add_user("anna", {GroupId{100}, GroupId{1}});
  EXPECT_EQ(user(id).group, GroupId{100});
  EXPECT_EQ(user(id).groups, (std::vector{GroupId{1}, GroupId{100}}));
}

TEST_F(Users, BadNamesGroupsAndDriversAreRefused) {
  add_user("anna");
  EXPECT_EQ(create(root(), {"anna", "h", "", {}}).error().code, Errc::kConflict);
  EXPECT_EQ(create(root(), {"", "h", "", {}}).error().code, Errc::kInvalid);
  EXPECT_EQ(create(root(), {"a b", "h", "", {}}).error().code, Errc::kInvalid);
  EXPECT_EQ(create(root(), {"a:b", "h", "", {}}).error().code, Errc::kInvalid);
  EXPECT_EQ(create(root(), {"b", "h", "magic", {}}).error().code, Errc::kInvalid);
  EXPECT_EQ(create(root(), {"b", "h", "", {GroupId{77}}}).error().code, Errc::kNotFound);
}

TEST_F(Users, NamesAreBoundedAndPlain) {
  EXPECT_TRUE(check_name("VM", "web server-1_ä"));
  EXPECT_TRUE(check_name("VM", std::string(128, 'a')));
  EXPECT_FALSE(check_name("VM", std::string(129, 'a')));
  for (const char c : std::string("&|:\\;\"<>/\n\t\x7f"))
    EXPECT_FALSE(check_name("VM", std::string("a") + c)) << static_cast<int>(c);
}

TEST_F(Users, CreationTouchesTheUserAndTheGroup) {
  const auto outcome = database_->transact(now_, {[&](db::Txn& txn) -> Result<void> {
    (void)TRY(create_user(txn, root(), {"anna", "h", "", {}}));
    return {};
  }});
  EXPECT_EQ(outcome.changes.all(),
            (db::ChangeSet::Touched{{ObjectKind::kUser, 2}, {ObjectKind::kGroup, 1}}));
}

TEST_F(Users, DeletionTakesTokensQuotasAndRulesOfTheUser) {
  const UserId id = add_user("anna");
  ASSERT_TRUE(log_in(id, {"", 100, {}}));
  sql("INSERT INTO quota_limits VALUES (1, 2, 'VM', '', 'VMS', 3), (1, 3, 'VM', '', 'VMS', 3)");
  // #2 VM/* USE, and * USER/#2 USE; #3 VM/* USE stays.
  sql(fmt::format("INSERT INTO acls VALUES (10, {}, {}, 1, {}), (11, {}, {}, 1, {}), "
                  "(12, {}, {}, 1, {})",
                  0x1'0000'0002, 0x14'0000'0000, 0x4'0000'0000, 0x4'0000'0000, 0x101'0000'0002,
                  0x4'0000'0000, 0x1'0000'0003, 0x14'0000'0000, 0x4'0000'0000));
  ASSERT_TRUE(in_txn([&](db::Txn& txn) { return delete_user(txn, id); }));
  (void)in_txn([&](db::Txn& txn) -> Result<void> {
    EXPECT_FALSE(find_user(txn, id));
    EXPECT_EQ(user_name(txn, id), "");
    EXPECT_EQ(txn.value<int>("SELECT COUNT(*) FROM login_tokens"), 0);
    EXPECT_EQ(txn.value<int>("SELECT COUNT(*) FROM quota_limits"), 1);
    EXPECT_EQ(list_acls(txn).size(), 7u);
    return {};
  });
}

TEST_F(Users, SystemUsersAndOwnersAreNotDeleted) {
  const UserId id = add_user("anna");
  sql("INSERT INTO vms(id, name, user_id, group_id, permissions, state, uuid, cpu, vcpus, "
      "memory_mb, created_at, template) VALUES (0, 'v', 2, 1, 384, 8, 'u', 1, 1, 512, 1, '')");
  const auto remove = [&](UserId user) {
    return in_txn([&](db::Txn& txn) { return delete_user(txn, user); });
  };
  EXPECT_EQ(remove(UserId{0}).error().code, Errc::kInvalid);
  EXPECT_EQ(remove(UserId{1}).error().code, Errc::kInvalid);
  EXPECT_EQ(remove(UserId{99}).error().code, Errc::kNotFound);
  EXPECT_EQ(remove(id).error().code, Errc::kWrongState);
  sql("UPDATE vms SET state = 6");
  EXPECT_TRUE(remove(id));
}

TEST_F(Users, ANewPasswordEndsTheTokens) {
  const UserId id = add_user("anna");
  ASSERT_TRUE(log_in(id, {"", -1, {}}));
  ASSERT_TRUE(in_txn([&](db::Txn& txn) { return set_password_hash(txn, id, "new"); }));
  EXPECT_EQ(user(id).password_hash, "new");
  EXPECT_TRUE(user(id).tokens.empty());
}

TEST_F(Users, WhatIsStoredForAPasswordDependsOnTheDriver) {
  EXPECT_EQ(stored_secret("", "word", "$argon2id$"), "$argon2id$");
  EXPECT_EQ(stored_secret("core", "word", "$argon2id$"), "$argon2id$");
  EXPECT_EQ(stored_secret("x509", "/CN=anna", "$argon2id$"), "/CN=anna");
  const std::string sha256 = "98c1eb4ee93476743763878fcb96a25fbc9a175074d64004779ecb5242f645e6";
  EXPECT_EQ(stored_secret("server_cipher", "word", "$argon2id$"), sha256);
  EXPECT_EQ(stored_secret("server_cipher", sha256, "$argon2id$"), sha256);
}

TEST_F(Users, PasswordsOfForeignDriversAreForAdministrators) {
  User server = user(UserId{1});
  Actor anna{UserId{2}, "anna", GroupId{1}, "users", {GroupId{1}}, 0177};
  EXPECT_EQ(check_password_change(anna, server).error().code, Errc::kDenied);
  EXPECT_TRUE(check_password_change(root(), server));
  server.auth_driver = "core";
  EXPECT_TRUE(check_password_change(anna, server));
}

TEST_F(Users, PasswordsAreNotEmptyAndHoldNoWhiteSpace) {
  EXPECT_TRUE(check_password("s3cret:with:colons"));
  EXPECT_FALSE(check_password(""));
  for (const char c : std::string(" \t\n\v\f\r"))
    EXPECT_FALSE(check_password(std::string("a") + c)) << static_cast<int>(c);
}

TEST_F(Users, ReplacingATemplateKeepsTheTokenPassword) {
  const UserId id = add_user("anna");
  const std::string token = user(id).attributes.get("TOKEN_PASSWORD");
  ASSERT_TRUE(update(actor(id), id, "A=1 B=2", false));
  ASSERT_TRUE(update(actor(id), id, "C=3", false));
  EXPECT_EQ(user(id).attributes.get("TOKEN_PASSWORD"), token);
  EXPECT_FALSE(user(id).attributes.has("A"));
  EXPECT_EQ(user(id).attributes.get("C"), "3");
}

TEST_F(Users, MergingATemplateReplacesWhatItNames) {
  const UserId id = add_user("anna");
  ASSERT_TRUE(update(actor(id), id, "A=1 B=2", true));
  ASSERT_TRUE(update(actor(id), id, "B=3", true));
  EXPECT_EQ(user(id).attributes.get("A"), "1");
  EXPECT_EQ(user(id).attributes.get("B"), "3");
}

TEST_F(Users, RestrictedAttributesAreForAdministrators) {
  const UserId id = add_user("anna");
  ASSERT_TRUE(update(root(), id, "VM_USE_OPERATIONS=\"terminate\"", true));
  EXPECT_EQ(update(actor(id), id, "VM_USE_OPERATIONS=\"x\"", true).error().code, Errc::kDenied);
  EXPECT_EQ(update(actor(id), id, "VM_USE_OPERATIONS=\"x\"", false).error().code, Errc::kDenied);
  EXPECT_EQ(update(actor(id), id, "VM_USE_OPERATIONS=[A=1]", true).error().code, Errc::kDenied);
  EXPECT_EQ(update(actor(id), id, "VM_USE_OPERATIONS=[]", true).error().code, Errc::kDenied);
  EXPECT_EQ(update(actor(id), id, "VM_ADMIN_OPERATIONS=[A=1]", false).error().code, Errc::kDenied);
  ASSERT_TRUE(update(actor(id), id, "A=1", false));
  EXPECT_EQ(user(id).attributes.get("VM_USE_OPERATIONS"), "terminate");
}

TEST_F(Users, TheUmaskOfATemplateIsOctalAndCounts) {
  const UserId id = add_user("anna");
  EXPECT_EQ(actor(id).umask, 0177);
  ASSERT_TRUE(update(actor(id), id, "UMASK=\"137\"", true));
  EXPECT_EQ(actor(id).umask, 0137);
  EXPECT_EQ(update(actor(id), id, "UMASK=\"9\"", true).error().code, Errc::kInvalid);
  EXPECT_EQ(update(actor(id), id, "UMASK=\"1777\"", true).error().code, Errc::kInvalid);
  EXPECT_EQ(actor(id).umask, 0137);
}

TEST_F(Users, AnActorLimitedToAGroupIsInNoOther) {
  add_group(100);
  const UserId id = add_user("anna", {GroupId{1}, GroupId{100}, GroupId{0}});
  EXPECT_TRUE(actor(id).is_admin());
  const Actor limited = actor_of(user(id), GroupId{100}, 0177);
  EXPECT_EQ(limited.group, GroupId{100});
  EXPECT_EQ(limited.groups, std::vector{GroupId{100}});
  EXPECT_FALSE(limited.is_admin());
}

TEST_F(Users, ASecondaryGroupChangesPlacesWithThePrimaryOne) {
  add_group(100);
  add_group(101);
  const UserId id = add_user("anna", {GroupId{1}, GroupId{100}});
  ASSERT_TRUE(chgrp(id, 100));
  EXPECT_EQ(user(id).group, GroupId{100});
  EXPECT_EQ(user(id).groups, (std::vector{GroupId{1}, GroupId{100}}));
  ASSERT_TRUE(chgrp(id, 101));
  EXPECT_EQ(user(id).groups, (std::vector{GroupId{1}, GroupId{101}}));
  EXPECT_EQ(chgrp(id, 77).error().code, Errc::kNotFound);
}

TEST_F(Users, LeavingAGroupEndsItsTokens) {
  add_group(100);
  const UserId id = add_user("anna");
  ASSERT_TRUE(log_in(id, {"limited", -1, GroupId{1}}));
  ASSERT_TRUE(log_in(id, {"full", -1, {}}));
  ASSERT_TRUE(chgrp(id, 100));
  ASSERT_EQ(user(id).tokens.size(), 1u);
  EXPECT_EQ(user(id).tokens[0].token, "full");
}

TEST_F(Users, AUserIsAddedToAGroupOnceAndTheGroupShowsIt) {
  add_group(100);
  const UserId id = add_user("anna");
  const auto outcome = database_->transact(now_, {[&](db::Txn& txn) {
    return add_to_group(txn, id, GroupId{100});
  }});
  EXPECT_EQ(outcome.changes.all(), (db::ChangeSet::Touched{{ObjectKind::kUser, id.value},
                                                           {ObjectKind::kGroup, 1},
                                                           {ObjectKind::kGroup, 100}}));
  EXPECT_EQ(user(id).groups, (std::vector{GroupId{1}, GroupId{100}}));
  EXPECT_EQ(user(id).group, GroupId{1});
  const auto add = [&](UserId who, int group) {
    return in_txn([&](db::Txn& txn) { return add_to_group(txn, who, GroupId{group}); });
  };
  EXPECT_EQ(add(id, 100).error().code, Errc::kConflict);
  EXPECT_EQ(add(id, 1).error().code, Errc::kConflict);
  EXPECT_EQ(add(id, 77).error().code, Errc::kNotFound);
  EXPECT_EQ(add(UserId{77}, 100).error().code, Errc::kNotFound);
}

TEST_F(Users, LeavingASecondaryGroupEndsItsTokensAndThePrimaryOneStays) {
  add_group(100);
  const UserId id = add_user("anna", {GroupId{1}, GroupId{100}});
  ASSERT_TRUE(log_in(id, {"limited", -1, GroupId{100}}));
  ASSERT_TRUE(log_in(id, {"full", -1, {}}));
  const auto leave = [&](int group) {
    return in_txn([&](db::Txn& txn) { return remove_from_group(txn, id, GroupId{group}); });
  };
  EXPECT_EQ(leave(1).error().code, Errc::kInvalid);
  ASSERT_TRUE(leave(100));
  EXPECT_EQ(user(id).groups, std::vector{GroupId{1}});
  ASSERT_EQ(user(id).tokens.size(), 1u);
  EXPECT_EQ(user(id).tokens[0].token, "full");
  EXPECT_EQ(leave(100).error().code, Errc::kInvalid);
  EXPECT_EQ(leave(77).error().code, Errc::kNotFound);
}

TEST_F(Users, AllButTheFirstUserCanBeDisabled) {
  const UserId id = add_user("anna");
  const auto enable = [&](UserId who, bool is_enabled) {
    return in_txn([&](db::Txn& txn) { return set_enabled(txn, who, is_enabled); });
  };
  ASSERT_TRUE(enable(id, false));
  EXPECT_FALSE(user(id).is_enabled);
  ASSERT_TRUE(enable(id, true));
  EXPECT_TRUE(user(id).is_enabled);
  EXPECT_EQ(enable(UserId{0}, false).error().code, Errc::kWrongState);
  EXPECT_TRUE(user(UserId{0}).is_enabled);
  EXPECT_EQ(enable(UserId{77}, true).error().code, Errc::kNotFound);
}

TEST_F(Users, AnAuthDriverNeedsASecretItCanWorkWith) {
  const UserId id = add_user("anna");
  sql("UPDATE users SET password_hash = '$argon2id$anna' WHERE id = 2");
  const auto change = [&](const char* driver, const std::optional<std::string>& secret) {
    return in_txn([&](db::Txn& txn) { return set_auth_driver(txn, id, driver, secret); });
  };
  ASSERT_TRUE(log_in(id, {"token", -1, {}}));
  ASSERT_TRUE(change("public", {}));
  ASSERT_TRUE(change("core", {}));
  EXPECT_EQ(user(id).password_hash, "$argon2id$anna");
  EXPECT_EQ(user(id).tokens.size(), 1u);
  EXPECT_EQ(change("server_cipher", {}).error().code, Errc::kInvalid);
  EXPECT_EQ(change("server_x509", {}).error().code, Errc::kInvalid);
  EXPECT_EQ(change("magic", {}).error().code, Errc::kInvalid);
  EXPECT_EQ(change("", "secret").error().code, Errc::kInvalid);
  EXPECT_EQ(user(id).auth_driver, "core");
  ASSERT_TRUE(change("ssh", "public-key"));
  EXPECT_EQ(user(id).auth_driver, "ssh");
  EXPECT_EQ(user(id).password_hash, "public-key");
  EXPECT_TRUE(user(id).tokens.empty());
  EXPECT_EQ(change("core", {}).error().code, Errc::kInvalid);
  EXPECT_TRUE(change("server_cipher", server_cipher_hash("word")));
  EXPECT_TRUE(change("server_cipher", {}));
}

TEST_F(Users, TokensAreMadeKeptAndDeleted) {
  const UserId id = add_user("anna");
  const auto random = log_in(id, {"", 60, {}});
  ASSERT_TRUE(random);
  EXPECT_EQ(random->size(), 64u);
  EXPECT_EQ(*log_in(id, {"mine", -1, GroupId{1}}), "mine");
  const User after = user(id);
  ASSERT_EQ(after.tokens.size(), 2u);
  EXPECT_FALSE(after.tokens[0].expires.is_set());
  EXPECT_EQ(after.tokens[0].effective_group, GroupId{1});
  EXPECT_EQ(after.tokens[1].expires.seconds(), now_.seconds() + 60);
  EXPECT_FALSE(after.tokens[1].effective_group.is_set());

  EXPECT_EQ(*log_in(id, {"mine", 0, {}}), "");
  EXPECT_EQ(user(id).tokens.size(), 1u);
  EXPECT_EQ(log_in(id, {"mine", 0, {}}).error().code, Errc::kInvalid);
  EXPECT_TRUE(log_in(id, {"", 0, {}}));
  EXPECT_TRUE(user(id).tokens.empty());
}

TEST_F(Users, ATokenGivenTwiceIsRenewed) {
  const UserId id = add_user("anna");
  ASSERT_TRUE(log_in(id, {"mine", 10, {}}));
  ASSERT_TRUE(log_in(id, {"mine", 100, {}}));
  ASSERT_EQ(user(id).tokens.size(), 1u);
  EXPECT_EQ(user(id).tokens[0].expires.seconds(), now_.seconds() + 100);
}

TEST_F(Users, TenTokensAreEnoughButExpiredOnesDoNotCount) {
  const UserId id = add_user("anna");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(log_in(id, {"", 60, {}}));
  EXPECT_EQ(log_in(id, {"", 60, {}}).error().code, Errc::kInvalid);
  now_ = now_ + Duration{60'000};
  EXPECT_TRUE(log_in(id, {"", 60, {}}));
  EXPECT_EQ(user(id).tokens.size(), 1u);
}

TEST_F(Users, WrongPeriodsAndForeignGroupsAreRefused) {
  add_group(100);
  const UserId id = add_user("anna");
  EXPECT_EQ(log_in(id, {"", -2, {}}).error().code, Errc::kInvalid);
  EXPECT_EQ(log_in(id, {"", 60, GroupId{100}}).error().code, Errc::kInvalid);
  EXPECT_EQ(log_in(UserId{99}, {"", 60, {}}).error().code, Errc::kNotFound);
  EXPECT_TRUE(log_in(id, {"", INT64_MAX, {}}));
  EXPECT_GT(user(id).tokens[0].expires, now_);
}

TEST_F(Users, ALimitedSessionCannotWidenItself) {
  add_group(100);
  const UserId id = add_user("anna", {GroupId{1}, GroupId{100}});
  const Actor limited = actor_of(user(id), GroupId{100}, 0177);
  EXPECT_FALSE(check_token_rights(limited, user(id), {"", 60, {}}));
  EXPECT_FALSE(check_token_rights(limited, user(id), {"", 60, GroupId{1}}));
  EXPECT_TRUE(check_token_rights(limited, user(id), {"", 60, GroupId{100}}));
  EXPECT_TRUE(check_token_rights(actor(id), user(id), {"", 60, {}}));
  EXPECT_TRUE(check_token_rights(root(), user(id), {"", 60, GroupId{100}}));
}

TEST_F(Users, RulesForAllComeFirstAndThoseOfGroupsLast) {
  sql(fmt::format("INSERT INTO acls VALUES (10, {}, 1, 1, 1), (11, {}, 1, 1, 1)", 0x1'0000'0002,
                  0x4'0000'0000));
  std::vector<AclId> order;
  (void)in_txn([&](db::Txn& txn) -> Result<void> {
    for (const auto& rule : list_acls(txn)) order.push_back(rule.id);
    return {};
  });
  EXPECT_EQ(order, (std::vector{AclId{1}, AclId{2}, AclId{11}, AclId{10}, AclId{0}, AclId{3},
                                AclId{4}, AclId{5}}));
}

TEST_F(Users, AuthorizeReadsTheRulesOfTheTransaction) {
  const UserId id = add_user("anna");
  Subject image;
  image.kind = Resource::kImage;
  const auto check = [&](Op op) {
    return in_txn([&](db::Txn& txn) { return authorize(txn, actor_of(*find_user(txn, id), {}, 0),
                                                       op, image); });
  };
  EXPECT_TRUE(check(Op::kCreate));
  EXPECT_EQ(check(Op::kManage).error().code, Errc::kDenied);
  sql("DELETE FROM acls");
  EXPECT_EQ(check(Op::kCreate).error().code, Errc::kDenied);
}

}  // namespace
}  // namespace neph::access
