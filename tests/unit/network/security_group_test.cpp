#include "network/security_group_service.h"
#include "tests/unit/network/world.h"

namespace neph::network {
namespace {

class SecurityGroupTest : public NetworkTest {
 protected:
  Result<SecurityGroupId> create(const std::string& text) {
    return in_txn([&](db::Txn& txn) {
      return create_security_group(txn, root(), text::Template::parse(text).value());
    });
  }
  template <class F>
  Result<void> run(F&& work) {
    return in_txn([&](db::Txn& txn) -> Result<void> { return work(txn); });
  }
};

TEST_F(SecurityGroupTest, TheDefaultOneIsThereFromTheStartAndStays) {
  const auto found = in_txn([](db::Txn& txn) {
    return find_security_group(txn, kDefaultSecurityGroup);
  });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "default");
  EXPECT_EQ(found->permissions.bits, 0744);
  EXPECT_TRUE(allows_everything(*found));
  EXPECT_FALSE(run([](db::Txn& txn) {
    return delete_security_group(txn, kDefaultSecurityGroup);
  }));
  EXPECT_EQ(*create("NAME=first"), SecurityGroupId{100});
}

TEST_F(SecurityGroupTest, NonsenseInARuleIsRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"PROTOCOL=GRE, RULE_TYPE=INBOUND", "PROTOCOL"},
      {"PROTOCOL=TCP, RULE_TYPE=SIDEWAYS", "RULE_TYPE"},
      {"PROTOCOL=TCP", "RULE_TYPE"},
      {"PROTOCOL=TCP, RULE_TYPE=INBOUND, RANGE=\"80:70\"", "RANGE"},
      {"PROTOCOL=TCP, RULE_TYPE=INBOUND, RANGE=\"70000\"", "RANGE"},
      {"PROTOCOL=ICMP, RULE_TYPE=INBOUND, RANGE=\"80\"", "RANGE"},
      {"PROTOCOL=TCP, RULE_TYPE=INBOUND, ICMP_TYPE=8", "ICMP_TYPE"},
      {"PROTOCOL=ICMPV6, RULE_TYPE=INBOUND, ICMPV6_TYPE=300", "ICMPV6_TYPE"},
      {"PROTOCOL=ALL, RULE_TYPE=INBOUND, IP=10.0.0", "IP"},
      {"PROTOCOL=ALL, RULE_TYPE=INBOUND, IP=10.0.0.1", "SIZE"},
      {"PROTOCOL=ALL, RULE_TYPE=INBOUND, NETWORK_ID=9", "virtual network [9]"}};
  for (const auto& [rule, culprit] : cases) {
    const auto refused = create("NAME=a RULE=[" + rule + "]");
    ASSERT_FALSE(refused) << rule;
    EXPECT_NE(refused.error().message.find(culprit), std::string::npos) << refused.error().text();
  }
  EXPECT_TRUE(create("NAME=a RULE=[PROTOCOL=tcp, RULE_TYPE=inbound, RANGE=\"22,80:90\"]"));
}

TEST_F(SecurityGroupTest, CommittingTellsWhenNothingIsFiltered) {
  const auto group = *create("NAME=web RULE=[PROTOCOL=TCP, RULE_TYPE=INBOUND, RANGE=80]");
  const auto commit = [&](SecurityGroupId id) {
    return run([&](db::Txn& txn) { return check_committed(txn, id); });
  };
  EXPECT_TRUE(commit(group));
  add_network("lan", "10.0.0.10", 5);
  ASSERT_TRUE(attach(3, 0, fmt::format("NETWORK=lan, SECURITY_GROUPS={}", group)));
  const auto refused = commit(group);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  EXPECT_TRUE(refused.error().message.ends_with(": 3")) << refused.error().message;
  EXPECT_TRUE(commit(kDefaultSecurityGroup));
  EXPECT_FALSE(run([&](db::Txn& txn) { return delete_security_group(txn, group); }));
  detach(3, 0);
  EXPECT_TRUE(run([&](db::Txn& txn) { return delete_security_group(txn, group); }));
}

TEST_F(SecurityGroupTest, NothingIsMissingWhereHostsAreAskedForNothing) {
  const auto group = *create("NAME=web RULE=[PROTOCOL=TCP, RULE_TYPE=INBOUND, RANGE=80]");
  const NetworkId lan = add_network("lan", "10.0.0.10", 5);
  ASSERT_TRUE(run([&](db::Txn& txn) -> Result<void> {
    auto network = TRY(find_network(txn, lan));
    network.vn_mad = "dummy";
    save_network(txn, network);
    return {};
  }));
  ASSERT_TRUE(attach(3, 0, fmt::format("NETWORK=lan, SECURITY_GROUPS={}", group)));
  const auto commit = [&] {
    return run([&](db::Txn& txn) { return check_committed(txn, group); });
  };
  EXPECT_TRUE(commit());
  add_network("filtered", "10.0.1.10", 5);
  ASSERT_TRUE(attach(3, 1, fmt::format("NETWORK=filtered, SECURITY_GROUPS={}", group)));
  EXPECT_FALSE(commit());
}

TEST_F(SecurityGroupTest, ANicShowsTheRulesOfItsNetworkAndItsOwn) {
  const auto group = *create("NAME=web RULE=[PROTOCOL=TCP, RULE_TYPE=INBOUND, RANGE=80]");
  add_network("lan", "10.0.0.10", 5);
  const auto nic = attach(3, 0, fmt::format("NETWORK=lan, SECURITY_GROUPS={}", group));
  ASSERT_TRUE(nic);
  EXPECT_EQ(nic->get("SECURITY_GROUPS"), "0,100");
  const auto rules = in_txn([](db::Txn& txn) -> Result<std::vector<text::Vector>> {
    return list_rules_of(txn, VmId{3});
  });
  ASSERT_EQ(rules->size(), 3U);
  EXPECT_EQ(rules->back().get("RANGE"), "80");
  EXPECT_EQ(rules->back().get("SECURITY_GROUP_NAME"), "web");
}

}  // namespace
}  // namespace neph::network
