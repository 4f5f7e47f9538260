#include "access/acls.h"

#include "tests/unit/access/world.h"

namespace neph::access {
namespace {

/// A rule that is fine: "@1 IMAGE/#7 USE *".
AclRule good() { return {{}, 0x2'0000'0001, 0x81'0000'0007, 1, 0x4'0000'0000}; }

class Acls : public AccessTest {
 protected:
  Result<AclId> add(const AclRule& rule) {
    return in_txn([&](db::Txn& txn) { return add_acl(txn, rule); });
  }
  /// Why a rule is refused; empty when it is not.
  std::string refusal(const AclRule& rule) {
    const auto added = add(rule);
    if (added) return {};
    EXPECT_EQ(added.error().code, Errc::kInvalid);
    return added.error().message;
  }
  std::string refusal_of_user(std::uint64_t user) {
    AclRule rule = good();
    rule.user = static_cast<std::int64_t>(user);
    return refusal(rule);
  }
  std::string refusal_of_resource(std::uint64_t resource) {
    AclRule rule = good();
    rule.resource = static_cast<std::int64_t>(resource);
    return refusal(rule);
  }
  std::string refusal_of_rights(std::uint64_t rights) {
    AclRule rule = good();
    rule.rights = static_cast<std::int64_t>(rights);
    return refusal(rule);
  }
  std::string refusal_of_zone(std::uint64_t zone) {
    AclRule rule = good();
    rule.zone = static_cast<std::int64_t>(zone);
    return refusal(rule);
  }
};

bool says(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

TEST_F(Acls, TheFirstRuleOfAnAdministratorFollowsTheDefaultOnes) {
  EXPECT_EQ(add(good()).value(), AclId{6});
  const auto rules = in_txn([](db::Txn& txn) -> Result<std::vector<AclRule>> {
    return list_acls(txn);
  });
  EXPECT_EQ(to_text(rules->back()), "@1 IMAGE/#7 USE *");
}

TEST_F(Acls, NumbersAreHexadecimalWithOrWithoutPrefix) {
  const auto rule = parse_acl({"200000001", "0x8100000007", "0XF", "400000000"}).value();
  EXPECT_EQ(rule.user, 0x2'0000'0001);
  EXPECT_EQ(rule.resource, 0x81'0000'0007);
  EXPECT_EQ(rule.rights, 15);
  EXPECT_EQ(rule.zone, 0x4'0000'0000);
  EXPECT_EQ(parse_acl({"1", "1", "1", ""}).value().zone, 0x1'0000'0000);
  EXPECT_EQ(parse_acl({"1", "FFFFFFFFFFFFFFFF", "1", ""}).value().resource, -1);
  for (const char* wrong : {"", "0x", "xyz", "1 ", "-1", "12G", "10000000000000000", "0x0x1"})
    EXPECT_EQ(parse_acl({wrong, "1", "1", ""}).error().code, Errc::kInvalid) << wrong;
  EXPECT_TRUE(says(parse_acl({"1", "1", "1", "here"}).error().message, "[zone]"));
}

TEST_F(Acls, ARuleIsForOneUserOneGroupOrAll) {
  for (const std::uint64_t user : {0x1'0000'0002u, 0x2'0000'0064u, 0x4'0000'0000u})
    EXPECT_EQ(refusal_of_user(user), "") << std::hex << user;
  EXPECT_TRUE(says(refusal_of_user(0x3'0000'0001), "exclude each other"));
  EXPECT_TRUE(says(refusal_of_user(0x6'0000'0000), "exclude each other"));
  EXPECT_TRUE(says(refusal_of_user(0x1), "neither"));
  EXPECT_TRUE(says(refusal_of_user(0x8'0000'0001), "neither"));
  EXPECT_TRUE(says(refusal_of_user(0x1'FFFF'FFFF), "negative id"));
  EXPECT_TRUE(says(refusal_of_user(0x4'0000'0001), "has an id"));
}

TEST_F(Acls, AResourceHasATypeAndOneSelector) {
  EXPECT_TRUE(says(refusal_of_resource(0x83'0000'0001), "exclude each other"));
  EXPECT_TRUE(says(refusal_of_resource(0x2C'0000'0000), "exclude each other"));
  EXPECT_TRUE(says(refusal_of_resource(0x80'0000'0001), "neither"));
  EXPECT_TRUE(says(refusal_of_resource(0x4'0000'0000), "no kind of object"));
  EXPECT_TRUE(says(refusal_of_resource(0x84'0000'0001), "has an id"));
  EXPECT_TRUE(says(refusal_of_resource(0x81'8000'0000), "negative id"));
  // BACKUPJOB may be in a rule; hooks, scheduled actions and higher bits may not.
  EXPECT_EQ(refusal_of_resource(0x0100'0004'0000'0000), "");
  for (const std::uint64_t bit :
       {0x0080'0000'0000'0000u, 0x0200'0000'0000'0000u, 0x8000'0000'0000'0000u})
    EXPECT_TRUE(says(refusal_of_resource(0x84'0000'0000 | bit), "no kind of object has")) << bit;
}

TEST_F(Acls, ClustersSelectOnlyWhatCanBeInOne) {
  EXPECT_EQ(refusal_of_resource(0x1068'0000'0064), "");  // DATASTORE+HOST+NET/%100
  for (const std::uint64_t type : {0x10'0000'0000u, 0x80'0000'0000u, 0x2000'0000'0000u})
    EXPECT_TRUE(says(refusal_of_resource(type | 0x28'0000'0064), "CLUSTER (%)"));
}

TEST_F(Acls, GroupsSelectOnlyWhatBelongsToOne) {
  EXPECT_EQ(refusal_of_resource(0x312'0000'0064), "");  // VM+USER+TEMPLATE/@100
  for (const std::uint64_t type : {0x20'0000'0000u, 0x400'0000'0000u, 0x2000'0000'0000u,
                                   0x8000'0000'0000u, 0x2'0000'0000'0000u})
    EXPECT_TRUE(says(refusal_of_resource(type | 0x12'0000'0064), "GROUP (@)")) << type;
}

TEST_F(Acls, RightsAreOneToFifteen) {
  EXPECT_EQ(refusal_of_rights(1), "");
  EXPECT_EQ(refusal_of_rights(15), "");
  EXPECT_TRUE(says(refusal_of_rights(0), "no right"));
  EXPECT_TRUE(says(refusal_of_rights(16), "more than"));
  EXPECT_TRUE(says(refusal_of_rights(0x8000'0000'0000'0001), "more than"));
}

TEST_F(Acls, AZoneIsOneOrAll) {
  EXPECT_EQ(refusal_of_zone(0x1'0000'0000), "");
  EXPECT_EQ(refusal_of_zone(0x1'0000'0064), "");
  EXPECT_EQ(refusal_of_zone(0x4'0000'0000), "");
  EXPECT_TRUE(says(refusal_of_zone(0x3'0000'0001), "cannot be a group"));
  EXPECT_TRUE(says(refusal_of_zone(0), "neither"));
  EXPECT_TRUE(says(refusal_of_zone(0x8'0000'0000), "neither"));
  EXPECT_TRUE(says(refusal_of_zone(0x4'0000'0001), "has an id"));
}

TEST_F(Acls, AllThatIsWrongIsToldAtOnce) {
  EXPECT_EQ(refusal({{}, 0x4'0000'0001, 0x84'0000'0000, 0, 0x4'0000'0000}),
            "ACL rule malformed: [user] is ALL (*) and has an id nevertheless; "
            "[rights] names no right");
}

TEST_F(Acls, ARuleIsNotAddedTwice) {
  const AclId first = add(good()).value();
  const auto again = add(good());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kConflict);
  EXPECT_EQ(again.error().message, "ACL rule 6 says the same: @1 IMAGE/#7 USE *");
  ASSERT_TRUE(in_txn([&](db::Txn& txn) { return delete_acl(txn, first); }));
  EXPECT_EQ(add(good()).value(), AclId{7});
}

TEST_F(Acls, DeletingARuleTouchesItAndNothingElse) {
  const AclId id = add(good()).value();
  const auto outcome = database_->transact(now_, {[&](db::Txn& txn) {
    return delete_acl(txn, id);
  }});
  EXPECT_EQ(outcome.changes.all(), (db::ChangeSet::Touched{{ObjectKind::kAcl, id.value}}));
  const auto again = in_txn([&](db::Txn& txn) { return delete_acl(txn, id); });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace neph::access
