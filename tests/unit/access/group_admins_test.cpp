#include "access/groups.h"
#include "access/quota.h"
#include "tests/unit/access/world.h"

namespace neph::access {
namespace {

class GroupAdmins : public AccessTest {
 protected:
  void SetUp() override {
    AccessTest::SetUp();
    team_ = in_txn([&](db::Txn& txn) { return create_group(txn, "team"); }).value();
    anna_ = add_user("anna", {team_});
    bob_ = add_user("bob", {team_});
  }
  Result<void> add(UserId user) {
    return in_txn([&](db::Txn& txn) { return add_admin(txn, team_, user); });
  }
  Result<void> remove(UserId user) {
    return in_txn([&](db::Txn& txn) { return remove_admin(txn, team_, user); });
  }
  std::vector<std::string> rules() {
    std::vector<std::string> texts;
    database_->read(now_, [&](db::Txn& txn) {
      for (const auto& rule : list_acls(txn))
        if (rule.id > AclId{5}) texts.push_back(to_text(rule));
    });
    return texts;
  }
  Result<void> may(UserId who, Op op, const Subject& subject) {
    return in_txn([&](db::Txn& txn) -> Result<void> {
      const auto actor = actor_of(TRY(find_user(txn, who)), {}, 0177);
      return authorize(txn, actor, op, subject);
    });
  }

  GroupId team_;
  UserId anna_, bob_;
};

TEST_F(GroupAdmins, GetTheRulesThatOpenNebulaMakes) {
  ASSERT_TRUE(add(anna_));
  EXPECT_EQ(rules(),
            (std::vector<std::string>{
                "#2 USER/@100 USE+MANAGE+ADMIN+CREATE *",
                "#2 VM+NET+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VROUTER+VMGROUP+BACKUPJOB/@100 "
                "USE+MANAGE *",
                "#2 GROUP/#100 MANAGE *", "#2 VROUTER/* CREATE *"}));
  EXPECT_EQ(add(anna_).error().code, Errc::kConflict);
  ASSERT_TRUE(remove(anna_));
  EXPECT_EQ(rules(), std::vector<std::string>{});
  EXPECT_EQ(remove(anna_).error().code, Errc::kInvalid);
}

TEST_F(GroupAdmins, ManageTheMembersAndTheirThingsAndNoOthers) {
  ASSERT_TRUE(add(anna_));
  Subject vm{Resource::kVm, 7, "vm", bob_, team_, Permissions{0600}, {}};
  EXPECT_TRUE(may(anna_, Op::kManage, vm));
  EXPECT_FALSE(may(anna_, Op::kAdmin, vm));
  vm.group = GroupId{1};
  EXPECT_FALSE(may(anna_, Op::kUse, vm));
  EXPECT_TRUE(may(anna_, Op::kAdmin,
                  {Resource::kUser, bob_.value, "bob", bob_, team_, Permissions{0600}, {}}));
}

TEST_F(GroupAdmins, AreMembersAndEndWithTheMembership) {
  EXPECT_EQ(add(UserId{0}).error().code, Errc::kInvalid);
  ASSERT_TRUE(add(anna_));
  ASSERT_TRUE(in_txn([&](db::Txn& txn) { return set_primary_group(txn, anna_, GroupId{1}); }));
  EXPECT_EQ(rules(), std::vector<std::string>{});
  ASSERT_TRUE(add(bob_));
  ASSERT_TRUE(in_txn([&](db::Txn& txn) { return delete_user(txn, bob_); }));
  EXPECT_EQ(rules(), std::vector<std::string>{});
}

TEST_F(GroupAdmins, DefaultQuotasHoldForWhoHasNoneOfHisOwn) {
  const auto charge = [&](double vms) {
    return in_txn([&](db::Txn& txn) {
      return check_quota(txn, anna_, team_, {{"VM", "", "VMS", vms}});
    });
  };
  const auto parse = [](const char* text) { return *text::Template::parse(text); };
  ASSERT_TRUE(in_txn([&](db::Txn& txn) {
    return set_default_quota(txn, QuotaOwner::kUser, parse("VM=[VMS=2]"));
  }));
  EXPECT_TRUE(charge(2));
  EXPECT_EQ(charge(3).error().code, Errc::kDenied);
  ASSERT_TRUE(in_txn([&](db::Txn& txn) {
    return set_quota(txn, QuotaOwner::kUser, anna_.value, parse("VM=[VMS=-2]"));
  }));
  EXPECT_TRUE(charge(3)) << "unlimited, whatever the default";
  ASSERT_TRUE(in_txn([&](db::Txn& txn) {
    return set_quota(txn, QuotaOwner::kUser, anna_.value, parse("VM=[VMS=-1]"));
  }));
  EXPECT_FALSE(charge(3)) << "back to the default";
}

}  // namespace
}  // namespace neph::access
