#include "access/groups.h"

#include "access/quota.h"
#include "tests/unit/access/world.h"

namespace neph::access {
namespace {

class Groups : public AccessTest {
 protected:
  Result<GroupId> create(const std::string& name) {
    return in_txn([&](db::Txn& txn) { return create_group(txn, name); });
  }
  Result<void> remove(GroupId id) {
    return in_txn([&](db::Txn& txn) { return delete_group(txn, id); });
  }
  Result<void> update(const Actor& actor, GroupId id, const std::string& text, bool is_append) {
    return in_txn([&](db::Txn& txn) {
      return update_group(txn, actor, id, *text::Template::parse(text), is_append);
    });
  }
  Result<void> replace(GroupId id, const std::string& text) {
    constexpr bool kReplaces = false;
    return update(root(), id, text, kReplaces);
  }
  Result<void> merge(const Actor& actor, GroupId id, const std::string& text) {
    constexpr bool kMerges = true;
    return update(actor, id, text, kMerges);
  }
  Group group(GroupId id) {
    return in_txn([&](db::Txn& txn) { return find_group(txn, id); }).value_or(Group{});
  }
  /// What the rules beyond the default ones say, by id.
  std::vector<std::string> own_rules() {
    std::vector<std::string> texts;
    database_->read(now_, [&](db::Txn& txn) {
      for (const auto& rule : list_acls(txn))
        if (rule.id > AclId{5}) texts.push_back(to_text(rule));
    });
    return texts;
  }
};

TEST_F(Groups, TheFirstGroupIsNumber100) {
  EXPECT_EQ(create("team").value(), GroupId{100});
  EXPECT_EQ(group(GroupId{100}).name, "team");
  EXPECT_EQ(create("other").value(), GroupId{101});
}

TEST_F(Groups, NamesArePlainAndTakenOnce) {
  EXPECT_EQ(create("").error().code, Errc::kInvalid);
  EXPECT_EQ(create("a:b").error().code, Errc::kInvalid);
  const auto taken = create("users");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::kConflict);
  EXPECT_EQ(taken.error().message, "NAME is already taken by GROUP 1.");
}

TEST_F(Groups, GroupsThatAreNeededOrHaveMembersStay) {
  const GroupId team = create("team").value();
  (void)add_user("anna", {GroupId{1}, team});
  EXPECT_EQ(remove(GroupId{0}).error().code, Errc::kWrongState);
  EXPECT_EQ(remove(GroupId{1}).error().code, Errc::kWrongState);
  EXPECT_EQ(remove(team).error().code, Errc::kWrongState);
  EXPECT_EQ(remove(GroupId{77}).error().code, Errc::kNotFound);
  EXPECT_EQ(group(team).users, std::vector{UserId{2}});
}

TEST_F(Groups, DeletionTakesQuotasAndEveryRuleThatNamesTheGroup) {
  const GroupId team = create("team").value();
  // "@100 VM/* USE *", "* VM+IMAGE/@100 USE *" and "* GROUP/#100 USE *" go; "#100 VM/* USE *",
  // "* VM/#100 USE *" and "@101 VM/* USE *" are about others.
  sql(fmt::format("INSERT INTO acls VALUES (20, {0}, {3}, 1, {4}), (21, {4}, {5}, 1, {4}), "
                  "(22, {4}, {6}, 1, {4}), (23, {1}, {3}, 1, {4}), (24, {4}, {7}, 1, {4}), "
                  "(25, {2}, {3}, 1, {4})",
                  0x2'0000'0064, 0x1'0000'0064, 0x2'0000'0065, 0x14'0000'0000, 0x4'0000'0000,
                  0x92'0000'0064, 0x401'0000'0064, 0x11'0000'0064));
  sql("INSERT INTO quota_limits VALUES (2, 100, 'VM', '', 'VMS', 3), (1, 100, 'VM', '', 'VMS', 3)");
  ASSERT_TRUE(remove(team));
  EXPECT_EQ(own_rules(), (std::vector<std::string>{"* VM/#100 USE *", "#100 VM/* USE *",
                                                   "@101 VM/* USE *"}));
  (void)in_txn([&](db::Txn& txn) -> Result<void> {
    EXPECT_FALSE(find_group(txn, team));
    EXPECT_TRUE(list_quotas(txn, QuotaOwner::kGroup, 100).empty());
    EXPECT_EQ(list_quotas(txn, QuotaOwner::kUser, 100).size(), 1u);
    return {};
  });
  EXPECT_EQ(create("team").value(), GroupId{101});
}

TEST_F(Groups, DeletionTouchesTheGroupAndItsRules) {
  const GroupId team = create("team").value();
  sql(fmt::format("INSERT INTO acls VALUES (20, {}, {}, 1, {})", 0x2'0000'0064, 0x14'0000'0000,
                  0x4'0000'0000));
  const auto outcome = database_->transact(now_, {[&](db::Txn& txn) {
    return delete_group(txn, team);
  }});
  EXPECT_EQ(outcome.changes.all(),
            (db::ChangeSet::Touched{{ObjectKind::kGroup, 100}, {ObjectKind::kAcl, 20}}));
}

TEST_F(Groups, ATemplateIsReplacedOrMerged) {
  const GroupId team = create("team").value();
  ASSERT_TRUE(replace(team, "A=1\nB=2"));
  ASSERT_TRUE(merge(root(), team, "B=3\nC=4"));
  EXPECT_EQ(group(team).attributes, *text::Template::parse("A=1\nB=3\nC=4"));
  ASSERT_TRUE(replace(team, "D=5"));
  EXPECT_EQ(group(team).attributes, *text::Template::parse("D=5"));
}

TEST_F(Groups, RestrictedAttributesAreForAdministratorsAndSurviveAReplacement) {
  const GroupId team = create("team").value();
  const Actor anna{UserId{2}, "anna", GroupId{1}, "users", {GroupId{1}}, 0177};
  const auto denied = merge(anna, team, "VM_USE_OPERATIONS=\"delete\"");
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Errc::kDenied);
  ASSERT_TRUE(merge(root(), team, "VM_USE_OPERATIONS=\"delete\""));
  ASSERT_TRUE(replace(team, "A=1"));
  EXPECT_EQ(group(team).attributes.get("VM_USE_OPERATIONS"), "delete");
}

}  // namespace
}  // namespace neph::access
