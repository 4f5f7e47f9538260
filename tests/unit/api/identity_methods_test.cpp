#include <gtest/gtest.h>

#include "access/groups.h"
#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

Registry<Call> identity_rows() {
  Registry<Call> rows;
  add_system_methods(rows);
  add_user_methods(rows);
  add_group_methods(rows);
  add_acl_methods(rows);
  add_zone_methods(rows);
  return rows;
}

std::string as_bool(const char* digit) {
  return fmt::format("<param><value><boolean>{}</boolean></value></param>", digit);
}
const std::string kYes = as_bool("1");
const std::string kNo = as_bool("0");

bool says(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

class IdentityMethods : public testing::Test {
 protected:
  void SetUp() override { world.serve(identity_rows()); }

  GroupId make_group(const std::string& name) {
    return GroupId{world.as_admin("one.group.allocate", as_string(name)).number};
  }
  Told add_rule(const char* user, const char* resource, const char* rights,
                const std::string& zone = {}) {
    const std::string params = as_string(user) + as_string(resource) + as_string(rights);
    return world.as_admin("one.acl.addrule", zone.empty() ? params : params + as_string(zone));
  }
  /// Gives alice a right on all objects of a kind.
  void let_alice(access::Resource resource, const char* rights) {
    const auto type = fmt::format("{:x}", static_cast<std::int64_t>(resource) | 0x4'0000'0000);
    ASSERT_TRUE(add_rule("100000002", type.c_str(), rights).is_success);
  }
  Told on_alice(const std::string& method, const std::string& more = {}) {
    return world.as_admin(method, as_int(world.alice.value) + more);
  }
  void expect_denied(const std::string& method, const std::string& params) {
    const auto told = world.as_alice(method, params);
    EXPECT_EQ(told.code, 512) << method << ": " << told.text;
  }

  World world;
};

// ACL rules.

TEST_F(IdentityMethods, ARuleIsAddedListedAndDeleted) {
  const auto added = add_rule("0x100000002", "2400000000", "2");
  EXPECT_EQ(added.number, 6);
  EXPECT_EQ(added.elements, 3u);
  const std::string pool = world.as_admin("one.acl.info").text;
  EXPECT_TRUE(says(pool, "<ACL><ID>6</ID><USER>100000002</USER><RESOURCE>2400000000</RESOURCE>"
                         "<RIGHTS>2</RIGHTS><ZONE>100000000</ZONE>"
                         "<STRING>#2 HOST/* MANAGE #0</STRING></ACL>"));
  EXPECT_EQ(world.as_admin("one.acl.delrule", as_int(6)).number, 6);
  EXPECT_FALSE(says(world.as_admin("one.acl.info").text, "<ID>6</ID>"));
  const auto gone = world.as_admin("one.acl.delrule", as_int(6));
  EXPECT_EQ(gone.code, 1024);
  EXPECT_EQ(gone.object, 6);
  EXPECT_EQ(gone.text, "[one.acl.delrule] Error getting ACL [6].");
}

TEST_F(IdentityMethods, RulesAreListedByTheirUserField) {
  ASSERT_TRUE(add_rule("100000002", "2400000000", "2").is_success);
  const std::string pool = world.as_admin("one.acl.info").text;
  std::vector<std::size_t> places;
  for (const int id : {6, 0, 3, 4, 5, 1, 2})
    places.push_back(pool.find(fmt::format("<ID>{}</ID>", id)));
  EXPECT_TRUE(std::ranges::is_sorted(places)) << pool;
  EXPECT_NE(places.back(), std::string::npos);
}

TEST_F(IdentityMethods, RulesThatAreRefusedAreInternalErrors) {
  ASSERT_TRUE(add_rule("100000002", "2400000000", "2", "400000000").is_success);
  const auto twice = add_rule("100000002", "2400000000", "2", "400000000");
  EXPECT_EQ(twice.code, 8192);
  EXPECT_EQ(twice.elements, 5u);
  EXPECT_EQ(add_rule("100000002", "2400000000", "0").code, 8192);
  EXPECT_EQ(add_rule("rabbit", "2400000000", "1").code, 8192);
}

TEST_F(IdentityMethods, RulesAreForWhoMayManageAllOfThem) {
  const std::string rule = as_string("100000002") + as_string("2400000000") + as_string("2");
  expect_denied("one.acl.addrule", rule);
  expect_denied("one.acl.delrule", as_int(0));
  expect_denied("one.acl.delrule", as_int(77));
  expect_denied("one.acl.info", {});
  let_alice(access::Resource::kAcl, "2");
  EXPECT_TRUE(says(world.as_alice("one.acl.info").text, "<ID>0</ID>"));
  EXPECT_EQ(world.as_alice("one.acl.addrule", rule).number, 7);
  EXPECT_EQ(world.as_alice("one.acl.delrule", as_int(7)).number, 7);
}

TEST_F(IdentityMethods, ARuleHoldsFromTheNextCallOnUntilItIsDeleted) {
  expect_denied("one.group.allocate", as_string("mine"));
  const auto rule = add_rule("100000002", "40400000000", "8");
  EXPECT_EQ(world.as_alice("one.group.allocate", as_string("mine")).number, 100);
  ASSERT_TRUE(world.as_admin("one.acl.delrule", as_int(rule.number)).is_success);
  expect_denied("one.group.allocate", as_string("ours"));
}

// Groups.

TEST_F(IdentityMethods, AGroupComesAndGoes) {
  EXPECT_EQ(make_group("team"), GroupId{100});
  EXPECT_TRUE(says(world.as_admin("one.acl.info").text, "@100 HOST/* MANAGE #0"));
  EXPECT_TRUE(says(world.as_admin("one.grouppool.info").text, "<NAME>team</NAME>"));
  const auto taken = world.as_admin("one.group.allocate", as_string("team"));
  EXPECT_EQ(taken.code, 8192);
  EXPECT_EQ(taken.text, "[one.group.allocate] NAME is already taken by GROUP 100.");
  EXPECT_EQ(world.as_admin("one.group.allocate", as_string("a:b")).code, 8192);
  EXPECT_EQ(world.as_admin("one.group.delete", as_int(100)).number, 100);
  EXPECT_FALSE(says(world.as_admin("one.grouppool.info").text, "team"));
  EXPECT_FALSE(says(world.as_admin("one.acl.info").text, "@100"));
  EXPECT_EQ(world.as_admin("one.group.delete", as_int(100)).text,
            "[one.group.delete] Error getting group [100].");
}

TEST_F(IdentityMethods, GroupsThatAreNeededOrHaveMembersAreNotDeleted) {
  const GroupId team = make_group("team");
  ASSERT_TRUE(on_alice("one.user.addgroup", as_int(team.value)).is_success);
  for (const std::int64_t group : {std::int64_t{0}, std::int64_t{1}, team.value})
    EXPECT_EQ(world.as_admin("one.group.delete", as_int(group)).code, 2048) << group;
  EXPECT_EQ(world.as_admin("one.group.delete", as_int(77)).code, 1024);
}

TEST_F(IdentityMethods, TheTemplateAndTheQuotasOfAGroupAreShown) {
  const std::string group = as_int(make_group("team").value);
  EXPECT_EQ(world.as_admin("one.group.update", group + as_string("COLOUR=red")).number, 100);
  EXPECT_EQ(world.as_admin("one.group.update", group + as_string("SIZE=big") + as_int(1)).number,
            100);
  EXPECT_EQ(world.as_admin("one.group.quota", group + as_string("VM=[VMS=3]")).number, 100);
  const std::string shown = world.as_admin("one.group.info", group).text;
  EXPECT_TRUE(says(shown, "<COLOUR><![CDATA[red]]></COLOUR><SIZE><![CDATA[big]]></SIZE>"));
  EXPECT_TRUE(says(shown, "<VMS><![CDATA[3]]></VMS>"));
  EXPECT_EQ(world.as_admin("one.group.quota", as_int(0) + as_string("VM=[VMS=3]")).code, 2048);
  EXPECT_EQ(world.as_admin("one.group.quota", group + as_string("VM=[VMS=many]")).code, 8192);
  EXPECT_EQ(world.as_admin("one.group.update", group + as_string("= [")).code, 8192);
}

TEST_F(IdentityMethods, GroupsAreForWhoMayAdministerThem) {
  const std::string own = as_int(1);
  expect_denied("one.group.delete", own);
  expect_denied("one.group.update", own + as_string("A=1"));
  expect_denied("one.group.quota", own + as_string("VM=[VMS=3]"));
  let_alice(access::Resource::kGroup, "4");
  EXPECT_TRUE(world.as_alice("one.group.update", own + as_string("A=1")).is_success);
  expect_denied("one.group.update", own + as_string("VM_USE_OPERATIONS=delete"));
}

// Users.

TEST_F(IdentityMethods, AUserJoinsAndLeavesGroups) {
  const std::string team = as_int(make_group("team").value);
  EXPECT_EQ(on_alice("one.user.addgroup", team).number, world.alice.value);
  EXPECT_TRUE(says(on_alice("one.user.info").text, "<GROUPS><ID>1</ID><ID>100</ID></GROUPS>"));
  EXPECT_TRUE(says(world.as_alice("one.group.info", team).text, "<USERS><ID>2</ID></USERS>"));
  EXPECT_EQ(on_alice("one.user.addgroup", team).code, 8192);
  EXPECT_EQ(on_alice("one.user.addgroup", as_int(77)).code, 1024);
  EXPECT_EQ(on_alice("one.user.delgroup", team).number, world.alice.value);
  expect_denied("one.group.info", team);
  EXPECT_EQ(on_alice("one.user.delgroup", team).code, 8192);
  EXPECT_EQ(on_alice("one.user.delgroup", as_int(1)).code, 8192);
}

TEST_F(IdentityMethods, NobodyJoinsAGroupByHimself) {
  const std::string ask = as_int(world.alice.value) + as_int(make_group("team").value);
  expect_denied("one.user.addgroup", ask);
  expect_denied("one.user.delgroup", ask);
  expect_denied("one.user.addgroup", as_int(world.alice.value) + as_int(0));
  let_alice(access::Resource::kGroup, "2");
  EXPECT_TRUE(world.as_alice("one.user.addgroup", ask).is_success);
  EXPECT_TRUE(world.as_alice("one.user.delgroup", ask).is_success);
}

TEST_F(IdentityMethods, ADisabledUserIsNotLetIn) {
  ASSERT_TRUE(world.call("one.system.version", "alice:wonder", {}).is_success);
  EXPECT_EQ(on_alice("one.user.enable", kNo).number, world.alice.value);
  EXPECT_TRUE(says(on_alice("one.user.info").text, "<ENABLED>0</ENABLED>"));
  EXPECT_EQ(world.call("one.system.version", "alice:wonder", {}).code, 256);
  EXPECT_EQ(world.as_alice("one.system.version").code, 256);
  EXPECT_TRUE(on_alice("one.user.enable", kYes).is_success);
  EXPECT_TRUE(world.as_alice("one.system.version").is_success);
  EXPECT_TRUE(world.call("one.system.version", "alice:wonder", {}).is_success);
  EXPECT_EQ(world.as_admin("one.user.enable", as_int(0) + kNo).code, 2048);
  EXPECT_EQ(world.as_admin("one.user.enable", as_int(77) + kNo).code, 1024);
  expect_denied("one.user.enable", as_int(world.alice.value) + kNo);
}

TEST_F(IdentityMethods, AnEmptyPasswordKeepsTheOldOneOfAChangedDriver) {
  ASSERT_TRUE(world.call("one.system.version", "alice:wonder", {}).is_success);
  EXPECT_EQ(on_alice("one.user.chauth", as_string("public") + as_string("")).number,
            world.alice.value);
  EXPECT_EQ(world.call("one.system.version", "alice:wonder", {}).code, 256);
  ASSERT_TRUE(on_alice("one.user.chauth", as_string("core") + as_string("")).is_success);
  EXPECT_TRUE(world.call("one.system.version", "alice:wonder", {}).is_success);
}

TEST_F(IdentityMethods, APasswordIsChangedWithTheDriver) {
  ASSERT_TRUE(on_alice("one.user.chauth", as_string("core") + as_string("new")).is_success);
  EXPECT_EQ(world.call("one.system.version", "alice:wonder", {}).code, 256);
  EXPECT_TRUE(world.call("one.system.version", "alice:new", {}).is_success);
  EXPECT_EQ(world.as_alice("one.system.version").code, 256) << "tokens end";
}

TEST_F(IdentityMethods, DriversAndPasswordsThatDoNotFitAreRefused) {
  EXPECT_EQ(on_alice("one.user.chauth", as_string("magic") + as_string("x")).code, 8192);
  EXPECT_EQ(on_alice("one.user.chauth", as_string("core") + as_string("a b")).code, 8192);
  EXPECT_EQ(on_alice("one.user.chauth", as_string("server_cipher") + as_string("")).code, 8192);
  expect_denied("one.user.chauth", as_int(world.alice.value) + as_string("core") + as_string(""));
  EXPECT_EQ(on_alice("one.user.passwd", as_string("")).code, 8192) << "only chauth keeps one";
  EXPECT_TRUE(world.call("one.system.version", "alice:wonder", {}).is_success);
}

// The zone and the default quotas.

constexpr const char* kZone =
    "<ZONE><ID>0</ID><NAME>OpenNebula</NAME><STATE>0</STATE><TEMPLATE>"
    "<ENDPOINT><![CDATA[http://127.0.0.1:2633/RPC2]]></ENDPOINT></TEMPLATE><SERVER_POOL/></ZONE>";

TEST_F(IdentityMethods, EverybodySeesTheOneZone) {
  EXPECT_EQ(world.as_alice("one.zone.info", as_int(0)).text, kZone);
  EXPECT_EQ(world.as_alice("one.zone.info", as_int(0) + kYes).text, kZone);
  EXPECT_EQ(world.as_alice("one.zonepool.info").text,
            fmt::format("<ZONE_POOL>{}</ZONE_POOL>", kZone));
  const auto other = world.as_admin("one.zone.info", as_int(100));
  EXPECT_EQ(other.code, 1024);
  EXPECT_EQ(other.object, 100);
  EXPECT_EQ(other.text, "[one.zone.info] Error getting zone [100].");
}

TEST_F(IdentityMethods, WithoutItsRuleTheZoneIsForAdministrators) {
  ASSERT_TRUE(world.as_admin("one.acl.delrule", as_int(1)).is_success);
  expect_denied("one.zone.info", as_int(0));
  EXPECT_EQ(world.as_alice("one.zonepool.info").text, "<ZONE_POOL></ZONE_POOL>");
  EXPECT_EQ(world.as_admin("one.zone.info", as_int(0)).text, kZone);
}

TEST_F(IdentityMethods, ThereAreNoDefaultQuotas) {
  constexpr const char* kNone =
      "<DATASTORE_QUOTA/><NETWORK_QUOTA/><VM_QUOTA/><IMAGE_QUOTA/>";
  EXPECT_EQ(world.as_alice("one.userquota.info").text,
            fmt::format("<DEFAULT_USER_QUOTAS>{}</DEFAULT_USER_QUOTAS>", kNone));
  EXPECT_EQ(world.as_alice("one.groupquota.info").text,
            fmt::format("<DEFAULT_GROUP_QUOTAS>{}</DEFAULT_GROUP_QUOTAS>", kNone));
}

}  // namespace
}  // namespace neph::api
