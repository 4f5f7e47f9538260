#include "tests/unit/network/world.h"

#include "access/quota.h"

namespace neph::network {
namespace {

class LeasesTest : public NetworkTest {};

TEST_F(LeasesTest, TheLowestFreeAddressComesFirst) {
  add_network("lan", "10.0.0.10", 3);
  EXPECT_EQ(ip_of(attach(0, 0, "NETWORK=lan")), "10.0.0.10");
  EXPECT_EQ(ip_of(attach(0, 1, "NETWORK_ID=0")), "10.0.0.11");
  EXPECT_EQ(ip_of(attach(1, 0, "NETWORK=lan")), "10.0.0.12");
  detach(0, 1);
  EXPECT_EQ(ip_of(attach(2, 0, "NETWORK=lan")), "10.0.0.11");
  const auto none = attach(3, 0, "NETWORK=lan");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kExhausted);
  EXPECT_NE(none.error().message.find("no free address"), std::string::npos);
}

TEST_F(LeasesTest, AnAddressTakenOutOfOrderIsPassedOver) {
  add_network("lan", "10.0.0.10", 5);
  EXPECT_EQ(ip_of(attach(0, 0, "NETWORK=lan, IP=10.0.0.11")), "10.0.0.11");
  EXPECT_EQ(ip_of(attach(1, 0, "NETWORK=lan")), "10.0.0.10");
  EXPECT_EQ(ip_of(attach(2, 0, "NETWORK=lan")), "10.0.0.12");
  EXPECT_EQ(ip_of(attach(3, 0, "NETWORK=lan")), "10.0.0.13");
}

TEST_F(LeasesTest, NobodyGetsAnAddressThatSomebodyHas) {
  add_network("lan", "10.0.0.10", 5);
  ASSERT_TRUE(attach(0, 0, "NETWORK=lan, IP=10.0.0.12"));
  const auto by_ip = attach(1, 0, "NETWORK=lan, IP=10.0.0.12");
  ASSERT_FALSE(by_ip);
  EXPECT_EQ(by_ip.error().code, Errc::kConflict);
  EXPECT_NE(by_ip.error().message.find("NIC 0 of VM 0"), std::string::npos);
  EXPECT_FALSE(attach(1, 0, R"(NETWORK=lan, MAC="02:00:0a:00:00:0c")"));
  const auto outside = attach(1, 0, "NETWORK=lan, IP=10.0.0.99");
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::kInvalid);
}

TEST_F(LeasesTest, TheDatabaseItselfRefusesASecondOwner) {
  const auto id = add_network("lan", "10.0.0.10", 5);
  ASSERT_TRUE(attach(0, 0, "NETWORK=lan"));
  const auto forced = in_txn([&](db::Txn& txn) -> Result<void> {
    const auto range = TRY(find_range(txn, id, AddressRangeId{0}));
    insert_leases(txn, range, {.network = id, .range = range.id, .vm = VmId{1}, .nic = NicId{0}});
    return {};
  });
  EXPECT_FALSE(forced);
}

TEST_F(LeasesTest, ANicShowsWhatItHasFromItsNetwork) {
  add_network("lan", "10.0.0.10", 5);
  const auto nic = attach(0, 0, R"(NETWORK=lan, BRIDGE=other, VLAN_ID=7, DNS="9.9.9.9")");
  ASSERT_TRUE(nic) << nic.error().text();
  EXPECT_EQ(nic->get("MAC"), "02:00:0a:00:00:0a");
  EXPECT_EQ(nic->get("BRIDGE"), "br0");
  EXPECT_FALSE(nic->has("VLAN_ID"));
  EXPECT_EQ(nic->get("AR_ID"), "0");
  EXPECT_EQ(nic->get("NETWORK_ID"), "0");
  EXPECT_EQ(nic->get("VN_MAD"), "bridge");
  EXPECT_EQ(nic->get("CLUSTER_ID"), "0");
  EXPECT_EQ(nic->get("SECURITY_GROUPS"), "0");
  EXPECT_EQ(nic->get("GATEWAY"), "10.0.0.1");
  EXPECT_EQ(nic->get("DNS"), "9.9.9.9");
}

TEST_F(LeasesTest, TheSecurityGroupKnowsTheVmUntilTheNicIsGone) {
  add_network("lan", "10.0.0.10", 5);
  const auto members = [&] {
    return in_txn([](db::Txn& txn) -> Result<std::vector<VmId>> {
             return list_vms_in(txn, kDefaultSecurityGroup);
           }).value();
  };
  ASSERT_TRUE(attach(0, 0, "NETWORK=lan"));
  ASSERT_TRUE(attach(0, 1, "NETWORK=lan"));
  EXPECT_EQ(members(), std::vector<VmId>{VmId{0}});
  detach(0, 0);
  EXPECT_EQ(members(), std::vector<VmId>{VmId{0}});
  detach(0, 1);
  EXPECT_TRUE(members().empty());
}

TEST_F(LeasesTest, AStrangersNetworkNeedsTheRightToUseIt) {
  add_network("lan", "10.0.0.10", 5);
  const auto alice = add_user("alice");
  add_vm(20, alice);
  const auto as_alice = [&](const std::string& asked) {
    return in_txn([&](db::Txn& txn) {
      return attach_nic(txn, actor(alice), {VmId{20}, NicId{0}, alice, GroupId{1}}, vector(asked));
    });
  };
  const auto unknown = as_alice("NETWORK=lan");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("NETWORK_UNAME"), std::string::npos);
  sql("DELETE FROM acls");
  sql("UPDATE networks SET permissions = 384");
  const auto denied = as_alice("NETWORK=lan, NETWORK_UNAME=oneadmin");
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Errc::kDenied);
  sql("UPDATE networks SET permissions = 388");
  EXPECT_TRUE(as_alice("NETWORK=lan, NETWORK_UNAME=oneadmin"));
}

TEST_F(LeasesTest, AutomaticChoiceOfANetworkIsRefusedClearly) {
  const auto nic = attach(0, 0, "NETWORK_MODE=auto");
  ASSERT_FALSE(nic);
  EXPECT_EQ(nic.error().code, Errc::kInvalid);
  EXPECT_NE(nic.error().message.find("NETWORK_MODE"), std::string::npos);
}

TEST_F(LeasesTest, AQuotaOfLeasesHoldsForTheOwnerOfTheVm) {
  add_network("lan", "10.0.0.10", 5);
  const auto alice = add_user("alice");
  add_vm(20, alice);
  const auto attach_one = [&](int nic) {
    return in_txn([&](db::Txn& txn) {
      return attach_nic(txn, actor(alice), {VmId{20}, NicId{nic}, alice, GroupId{1}},
                        vector("NETWORK_ID=0"));
    });
  };
  ASSERT_TRUE(in_txn([&](db::Txn& txn) {
    return access::set_quota(txn, access::QuotaOwner::kUser, alice.value,
                             text::Template::parse("NETWORK=[ID=0, LEASES=1]").value());
  }));
  EXPECT_TRUE(attach_one(0));
  const auto refused = attach_one(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_NE(refused.error().message.find("LEASES quota in NETWORK with ID: 0"), std::string::npos);
  detach(20, 0);
  EXPECT_TRUE(attach_one(1));
}

TEST_F(LeasesTest, LeasesCountForWhoeverOwnsTheVm) {
  add_network("lan", "10.0.0.10", 5);
  const auto alice = add_user("alice");
  ASSERT_TRUE(attach(0, 0, "NETWORK=lan"));
  sql(fmt::format("UPDATE vms SET user_id = {}, group_id = 1 WHERE id = 0", alice));
  const auto used = [&](UserId user) {
    return in_txn([&](db::Txn& txn) -> Result<double> {
             for (const auto& quota :
                  access::list_quotas(txn, access::QuotaOwner::kUser, user.value)) {
               if (quota.section == "NETWORK") return quota.used;
             }
             return 0;
           }).value();
  };
  EXPECT_EQ(used(UserId{0}), 0);
  EXPECT_EQ(used(alice), 1);
  detach(0, 0);
  EXPECT_EQ(used(alice), 0);
}

}  // namespace
}  // namespace neph::network
