#include "access/permissions.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

namespace neph::access {
namespace {

constexpr std::int64_t kIndividual = 0x1'0000'0000;
constexpr std::int64_t kGroup = 0x2'0000'0000;
constexpr std::int64_t kAll = 0x4'0000'0000;
constexpr std::int64_t kCluster = 0x8'0000'0000;
constexpr std::int64_t kVms = 0x10'0000'0000;

constexpr std::array kOps = {Op::kUse, Op::kManage, Op::kAdmin};

Actor actor(std::int64_t user, std::vector<GroupId> groups) {
  return {UserId{user}, "u", groups.front(), "g", groups, 0177};
}

Subject vm_3() {
  Subject vm;
  vm.kind = Resource::kVm;
  vm.id = 3;
  vm.owner = UserId{5};
  vm.group = GroupId{100};
  vm.permissions = Permissions{0};
  vm.clusters = {ClusterId{7}};
  return vm;
}

AclRule rule(std::int64_t user, std::int64_t resource, std::int64_t rights,
             std::int64_t zone = kAll) {
  return {AclId{1}, user, resource, rights, zone};
}

bool is_allowed(const Actor& who, Op op, const Subject& what, std::vector<AclRule> rules = {}) {
  return authorize(who, op, what, rules).has_value();
}

struct Role {
  const char* name;
  Actor actor;
  std::vector<int> shifts;  ///< whose bits count for this role
  bool is_admin = false;
};

std::vector<Role> roles() {
  return {{"root", actor(0, {GroupId{1}}), {0}, true},
          {"admin by a secondary group", actor(9, {GroupId{1}, GroupId{0}}), {0}, true},
          {"owner", actor(5, {GroupId{1}}), {6, 0}},
          {"owner and member", actor(5, {GroupId{100}}), {6, 3, 0}},
          {"member", actor(6, {GroupId{100}}), {3, 0}},
          {"member by a secondary group", actor(6, {GroupId{1}, GroupId{100}}), {3, 0}},
          {"stranger", actor(6, {GroupId{1}}), {0}}};
}

int bit_of(Op op) { return op == Op::kUse ? 4 : op == Op::kManage ? 2 : 1; }

bool bits_should_allow(const Role& role, Op op, int bits) {
  for (const int shift : role.shifts) {
    if (((bits >> shift) & bit_of(op)) != 0) return true;
  }
  return false;
}

TEST(Permissions, EveryCombinationOfRoleBitsAndOperationIsDecidedAsTheBitsSay) {
  for (const Role& role : roles()) {
    for (int bits = 0; bits <= 0777; ++bits) {
      Subject vm = vm_3();
      vm.permissions = Permissions{bits};
      for (const Op op : kOps) {
        const bool expected = role.is_admin || bits_should_allow(role, op, bits);
        ASSERT_EQ(is_allowed(role.actor, op, vm), expected)
            << role.name << " " << name_of(op) << fmt::format(" {:o}", bits);
      }
    }
  }
}

/// A field of a rule, and whether it fits user 6 of group 1 and VM 3 of group 100 in cluster 7.
using Field = std::pair<std::int64_t, bool>;

struct AclCase {
  AclRule rule;
  bool is_fitting;
};

/// All rights under one combination of fields.
void add_rights(std::vector<AclCase>& cases, const Field& user, const Field& resource,
                const Field& zone) {
  for (std::int64_t rights = 1; rights <= 15; ++rights)
    cases.push_back({rule(user.first, resource.first, rights, zone.first),
                     user.second && resource.second && zone.second});
}

std::vector<AclCase> acl_cases() {
  const std::vector<Field> users = {{kAll, true},       {kIndividual | 6, true},
                                    {kGroup | 1, true}, {kIndividual | 7, false},
                                    {kGroup | 6, false}, {kGroup | 100, false}};
  const std::vector<Field> resources = {
      {kVms | kAll, true},             {kVms | kIndividual | 3, true},
      {kVms | kIndividual | 4, false}, {kVms | kGroup | 100, true},
      {kVms | kGroup | 1, false},      {kVms | kCluster | 7, true},
      {kVms | kCluster | 8, false},    {0x80'0000'0000 | kAll, false},
      {0x80'0000'0000 | kVms | kAll, true}};
  const std::vector<Field> zones = {
      {kAll, true}, {kIndividual | 0, true}, {kIndividual | 100, false}};
  std::vector<AclCase> cases;
  for (const auto& user : users) {
    for (const auto& resource : resources) {
      for (const auto& zone : zones) add_rights(cases, user, resource, zone);
    }
  }
  return cases;
}

TEST(Permissions, EveryKindOfAclRuleGrantsWhatItNamesAndNothingElse) {
  const Actor stranger = actor(6, {GroupId{1}});
  for (const auto& [acl, is_fitting] : acl_cases()) {
    for (const Op op : kOps) {
      const bool has_right = (acl.rights & static_cast<std::int64_t>(op)) != 0;
      ASSERT_EQ(is_allowed(stranger, op, vm_3(), {acl}), is_fitting && has_right)
          << to_text(acl) << " " << name_of(op);
    }
  }
}

TEST(Permissions, CreateIsGrantedByRulesAlone) {
  Subject none;
  none.kind = Resource::kImage;
  none.permissions = Permissions{0777};
  const Actor someone = actor(6, {GroupId{1}});
  EXPECT_FALSE(is_allowed(someone, Op::kCreate, none));
  EXPECT_TRUE(is_allowed(someone, Op::kCreate, none, {rule(kGroup | 1, 0x80'0000'0000 | kAll, 8)}));
  EXPECT_FALSE(
      is_allowed(someone, Op::kCreate, none, {rule(kGroup | 1, 0x80'0000'0000 | kAll, 7)}));
  EXPECT_TRUE(is_allowed(actor(0, {GroupId{0}}), Op::kCreate, none));
}

TEST(Permissions, HostsHaveNoBitsSoOnlyRulesLetSomebodyIn) {
  Subject host;
  host.kind = Resource::kHost;
  host.id = 2;
  host.owner = UserId{6};
  host.group = GroupId{1};
  host.permissions = Permissions{0777};
  host.clusters = {ClusterId{100}};
  const Actor someone = actor(6, {GroupId{1}});
  EXPECT_FALSE(is_allowed(someone, Op::kUse, host));
  EXPECT_TRUE(is_allowed(someone, Op::kManage, host,
                         {rule(kGroup | 1, 0x20'0000'0000 | kCluster | 100, 2)}));
}

TEST(Permissions, UsersUseAndManageThemselvesOnly) {
  Subject self;
  self.kind = Resource::kUser;
  self.id = 6;
  self.owner = UserId{6};
  self.group = GroupId{1};
  self.permissions = Permissions{0777};
  EXPECT_TRUE(is_allowed(actor(6, {GroupId{1}}), Op::kUse, self));
  EXPECT_TRUE(is_allowed(actor(6, {GroupId{1}}), Op::kManage, self));
  EXPECT_FALSE(is_allowed(actor(6, {GroupId{1}}), Op::kAdmin, self));
  EXPECT_FALSE(is_allowed(actor(7, {GroupId{1}}), Op::kUse, self));
}

TEST(Permissions, MembersUseTheirGroupAndNoMore) {
  Subject group;
  group.kind = Resource::kGroup;
  group.id = 100;
  group.group = GroupId{100};
  EXPECT_TRUE(is_allowed(actor(6, {GroupId{1}, GroupId{100}}), Op::kUse, group));
  EXPECT_FALSE(is_allowed(actor(6, {GroupId{100}}), Op::kManage, group));
  EXPECT_FALSE(is_allowed(actor(6, {GroupId{1}}), Op::kUse, group));
}

TEST(Permissions, AnObjectWithoutOwnerBelongsToNobody) {
  Subject vm = vm_3();
  vm.owner = UserId{};
  vm.group = GroupId{};
  vm.permissions = Permissions{0770};
  Actor nobody;
  EXPECT_FALSE(is_allowed(nobody, Op::kUse, vm));
}

TEST(Permissions, ARefusalNamesTheRightTheObjectAndTheWayIn) {
  const auto refused = authorize(actor(6, {GroupId{100}}), Op::kManage, vm_3(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_EQ(refused.error().message,
            "Not authorized to perform MANAGE VM [3]. It needs the MANAGE bit of its group "
            "permissions, or the ACL rule \"#6 VM/#3 MANAGE *\".");
  Subject none;
  none.kind = Resource::kImage;
  EXPECT_EQ(authorize(actor(6, {GroupId{100}}), Op::kCreate, none, {}).error().message,
            "Not authorized to perform CREATE IMAGE. An administrator can allow it with the ACL "
            "rule \"#6 IMAGE/* CREATE *\".");
}

TEST(Permissions, ARuleThatARefusalNamesWouldHaveHelped) {
  EXPECT_TRUE(is_allowed(actor(6, {GroupId{100}}), Op::kManage, vm_3(),
                         {rule(kIndividual | 6, kVms | kIndividual | 3, 2)}));
}

TEST(Permissions, RulesAreWrittenAsOpenNebulaWritesThem) {
  EXPECT_EQ(to_text(rule(kGroup | 1, 0x121'4290'0000'0000 | kAll, 8)),
            "@1 VM+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VMGROUP+BACKUPJOB/* CREATE *");
  EXPECT_EQ(to_text(rule(kIndividual | 5, kVms | kCluster | 100, 7, kIndividual | 0)),
            "#5 VM/%100 USE+MANAGE+ADMIN #0");
  EXPECT_EQ(to_text(rule(kAll, 0x40'0000'0000 | kGroup | 3, 1)), "* NET/@3 USE *");
}

TEST(Permissions, NewObjectsGetTheBitsThatTheUmaskLeaves) {
  Actor user = actor(6, {GroupId{1}});
  EXPECT_EQ(initial_permissions(user).bits, 0600);
  user.umask = 0137;
  EXPECT_EQ(initial_permissions(user).bits, 0640);
  user.umask = 0;
  EXPECT_EQ(initial_permissions(user).bits, 0666);
  Actor admin = actor(0, {GroupId{0}});
  admin.umask = 0;
  EXPECT_EQ(initial_permissions(admin).bits, 0777);
}

TEST(Permissions, ChmodKeepsClearsAndSets) {
  const auto changed = apply(Permissions{0640}, {{-1, 0, 1, 0, 1, -1, 1, -1, 0}});
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->bits, 0524);
  EXPECT_EQ(apply(Permissions{0640}, {std::vector<std::int64_t>(9, -1)})->bits, 0640);
}

TEST(Permissions, ChmodRefusesOtherNumbersAndNamesThem) {
  const auto refused = apply(Permissions{0640}, {{-1, 2, -1, -1, -1, -1, -1, -1, -1}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalid);
  EXPECT_NE(refused.error().message.find("Permission 2 is 2"), std::string::npos);
  EXPECT_FALSE(apply(Permissions{0640}, {{1, 1}}));
}

TEST(Permissions, OnlyAnAdminBitThatChangesTakesTheAdminRight) {
  const PermissionChange octal_640{{1, 1, 0, 1, 0, 0, 0, 0, 0}};
  EXPECT_EQ(right_needed(Permissions{0600}, octal_640), Op::kManage);
  EXPECT_EQ(right_needed(Permissions{0700}, octal_640), Op::kAdmin);
  EXPECT_EQ(right_needed(Permissions{0600}, {{-1, -1, 1, -1, -1, -1, -1, -1, -1}}), Op::kAdmin);
  EXPECT_EQ(right_needed(Permissions{0700}, {{1, 1, -1, 1, 0, -1, 0, 0, -1}}), Op::kManage);
}

}  // namespace
}  // namespace neph::access
