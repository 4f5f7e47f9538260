#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "network/leases.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

Registry<Call> network_rows() {
  Registry<Call> rows;
  add_network_methods(rows);
  add_security_group_methods(rows);
  add_cluster_methods(rows);
  add_vdc_methods(rows);
  add_vm_change_methods(rows);
  return rows;
}

/// Network 0, "lan", of oneadmin in cluster 0; alice has VM 0 and oneadmin has VM 1.
class NetworkMethods : public testing::Test {
 protected:
  void SetUp() override {
    world.serve(network_rows());
    const auto made = world.as_admin(
        "one.vn.allocate",
        as_string("NAME=lan VN_MAD=bridge BRIDGE=br0 AR=[TYPE=IP4, IP=10.0.0.10, SIZE=10]") +
            as_int(-1));
    ASSERT_EQ(made.number, 0) << made.text;
    world.in_transaction([this](db::Txn& txn) {
      // Everybody may use what is in cluster 0 by an ACL rule of the first start.
      txn.exec("DELETE FROM acls");
      txn.touch(ObjectKind::kAcl, 0);
      for (const auto& [vm, owner] : {std::pair{0, world.alice}, std::pair{1, UserId{0}}}) {
        txn.exec("INSERT INTO vms(id, name, user_id, group_id, permissions, state, uuid, cpu,"
                 " vcpus, memory_mb, created_at, template) VALUES (?, 'vm', ?, ?, 384, 1, 'u', 1,"
                 " 1, 64, 0, '')",
                 vm, owner, owner.value == 0 ? 0 : 1);
        txn.touch(ObjectKind::kVm, vm);
      }
    });
  }
  void attach(int vm) {
    world.in_transaction([&](db::Txn& txn) {
      access::Actor admin;
      admin.user = UserId{0};
      admin.group = GroupId{0};
      admin.groups = {GroupId{0}};
      const auto nic = network::attach_nic(txn, admin, {VmId{vm}, NicId{0}, UserId{0}, GroupId{0}},
                                           text::Vector{{"NETWORK", "lan"}});
      ASSERT_TRUE(nic) << nic.error().text();
      compute::save_nic(txn, {VmId{vm}, NicId{0}, *nic});
    });
  }
  std::string shown_to_admin() { return world.as_admin("one.vn.info", as_int(0)).text; }

  World world;
};

bool holds(const std::string& document, const std::string& part) {
  return document.find(part) != std::string::npos;
}

TEST_F(NetworkMethods, AnUnknownNetworkIsNamedInTheRefusal) {
  EXPECT_EQ(world.as_admin("one.vn.info", as_int(7)).code, 1024);
  EXPECT_EQ(world.as_admin("one.vn.delete", as_int(7)).code, 1024);
  EXPECT_EQ(world.as_admin("one.vn.delete", as_int(7)).text,
            "[one.vn.delete] Error getting virtual network [7].");
  EXPECT_EQ(world.as_admin("one.secgroup.info", as_int(7)).text,
            "[one.secgroup.info] Error getting security group [7].");
}

TEST_F(NetworkMethods, ANicJoinsAGroupThatItsOwnerMayUse) {
  attach(0);
  ASSERT_EQ(world.as_admin("one.secgroup.allocate", as_string("NAME=web")).number, 100);
  const auto nic_and = [](int group) { return as_int(0) + as_int(0) + as_int(group); };
  const auto refused = world.as_alice("one.vm.attachsg", nic_and(100));
  EXPECT_EQ(refused.code, 512);
  EXPECT_TRUE(holds(refused.text, "USE SECGROUP [100]")) << refused.text;
  std::string bits;
  for (const int bit : {1, 1, 0, 0, 0, 0, 1, 0, 0}) bits += as_int(bit);
  ASSERT_TRUE(world.as_admin("one.secgroup.chmod", as_int(100) + bits).is_success);
  EXPECT_EQ(world.as_alice("one.vm.attachsg", nic_and(100)).number, 0);
  EXPECT_TRUE(holds(world.as_admin("one.secgroup.info", as_int(100)).text,
                    "<OUTDATED_VMS><ID>0</ID></OUTDATED_VMS>"));
  EXPECT_EQ(world.as_alice("one.vm.attachsg", nic_and(100)).code, 2048) << "it is in it already";
  EXPECT_EQ(world.as_admin("one.vm.attachsg", nic_and(7)).code, 1024);
  EXPECT_EQ(world.as_admin("one.vm.attachsg", as_int(0) + as_int(9) + as_int(100)).code, 2048);
  EXPECT_EQ(world.as_alice("one.vm.detachsg", nic_and(100)).number, 0);
  EXPECT_EQ(world.as_alice("one.vm.detachsg", nic_and(100)).code, 2048);
}

TEST_F(NetworkMethods, ASystemSnapshotOfAVmThatDoesNotRunIsRefusedInOpenNebulasWords) {
  const auto told = world.as_alice("one.vm.snapshotcreate", as_int(0) + as_string("point"));
  EXPECT_EQ(told.code, 2048);
  EXPECT_TRUE(holds(told.text, "Error performing action \"snapshot-create\": This action is not "
                               "available for state PENDING"))
      << told.text;
  EXPECT_EQ(world.as_alice("one.vm.snapshotdelete", as_int(1) + as_int(0)).code, 512);
  EXPECT_EQ(world.as_alice("one.vm.snapshotrevert", as_int(7) + as_int(0)).code, 1024);
}

TEST_F(NetworkMethods, LeasesOfVmsThatAreNoneOfTheCallersAreLeftOut) {
  attach(0);
  attach(1);
  world.as_admin("one.vn.hold", as_int(0) + as_string("LEASES=[IP=10.0.0.15]"));
  EXPECT_EQ(world.as_alice("one.vn.info", as_int(0)).code, 512);
  std::string bits;
  for (const int bit : {1, 1, 0, 0, 0, 0, 1, 0, 0}) bits += as_int(bit);
  ASSERT_TRUE(world.as_admin("one.vn.chmod", as_int(0) + bits).is_success);
  const auto all = shown_to_admin();
  EXPECT_TRUE(holds(all, "<VM>0</VM>") && holds(all, "<VM>1</VM>") && holds(all, "<VM>-1</VM>"));
  const auto hers = world.as_alice("one.vn.info", as_int(0)).text;
  EXPECT_TRUE(holds(hers, "<VM>0</VM>")) << hers;
  EXPECT_FALSE(holds(hers, "<VM>1</VM>")) << hers;
  EXPECT_TRUE(holds(hers, "<USED_LEASES>3</USED_LEASES>"));
  EXPECT_TRUE(hers.ends_with("</LEASES></AR></AR_POOL></VNET>")) << hers;
}

TEST_F(NetworkMethods, PoolsShowRangesWithoutLeases) {
  attach(1);
  const auto pool =
      world.as_admin("one.vnpool.info", as_int(-2) + as_int(-1) + as_int(-1)).text;
  EXPECT_TRUE(pool.starts_with("<VNET_POOL><VNET><ID>0</ID>")) << pool;
  EXPECT_TRUE(holds(pool, "<ALLOCATED><![CDATA[]]></ALLOCATED>"));
  EXPECT_FALSE(holds(pool, "<LEASES>"));
  const auto hers = world.as_alice("one.vnpool.info", as_int(-2) + as_int(-1) + as_int(-1));
  EXPECT_EQ(hers.text, "<VNET_POOL></VNET_POOL>");
  EXPECT_EQ(world.as_alice("one.vnpool.info", as_int(-7) + as_int(-1) + as_int(-1)).code, 4096);
}

TEST_F(NetworkMethods, ANetworkInUseIsNotDeleted) {
  attach(1);
  const auto refused = world.as_admin("one.vn.delete", as_int(0));
  EXPECT_EQ(refused.code, 2048);
  EXPECT_TRUE(holds(refused.text, "VM 1")) << refused.text;
}

TEST_F(NetworkMethods, ALockedNetworkShowsItAndIsLeftAlone) {
  ASSERT_EQ(world.as_admin("one.vn.lock", as_int(0) + as_int(1)).number, 0);
  EXPECT_TRUE(holds(shown_to_admin(), "</GNAME><NAME>lan</NAME><LOCK><LOCKED>1</LOCKED>"
                                      "<OWNER>0</OWNER><TIME>"));
  EXPECT_TRUE(holds(world.as_admin("one.vnpool.info", as_int(-2) + as_int(-1) + as_int(-1)).text,
                    "<LOCK><LOCKED>1</LOCKED>"));
  for (const auto* method : {"one.vn.rename", "one.vn.hold", "one.vn.reserve"})
    EXPECT_EQ(world.as_admin(method, as_int(0) + as_string("SIZE=1")).code, 512) << method;
  EXPECT_EQ(world.as_alice("one.vn.unlock", as_int(0)).code, 512);
  ASSERT_EQ(world.as_admin("one.vn.unlock", as_int(0)).number, 0);
  EXPECT_FALSE(holds(shown_to_admin(), "<LOCK>"));
  EXPECT_EQ(world.as_admin("one.vn.rename", as_int(0) + as_string("wan")).number, 0);
}

TEST_F(NetworkMethods, ADeletedNetworkLeavesItsVdcs) {
  ASSERT_EQ(world.as_admin("one.vdc.allocate", as_string("NAME=lab")).number, 100);
  const std::string vdc = as_int(100);
  EXPECT_EQ(world.as_admin("one.vdc.addvnet", vdc + as_int(0) + as_int(7)).code, 1024);
  ASSERT_TRUE(world.as_admin("one.vdc.addgroup", vdc + as_int(1)).is_success);
  ASSERT_TRUE(world.as_admin("one.vdc.addvnet", vdc + as_int(0) + as_int(0)).is_success);
  EXPECT_TRUE(holds(world.as_admin("one.vdc.info", vdc).text, "<VNET_ID>0</VNET_ID>"));
  EXPECT_TRUE(world.as_alice("one.vn.info", as_int(0)).is_success) << "by a rule of the VDC";
  ASSERT_TRUE(world.as_admin("one.vdc.delvnet", vdc + as_int(0) + as_int(0)).is_success);
  EXPECT_EQ(world.as_alice("one.vn.info", as_int(0)).code, 512);
  ASSERT_TRUE(world.as_admin("one.vdc.addvnet", vdc + as_int(0) + as_int(0)).is_success);
  ASSERT_TRUE(world.as_admin("one.vn.delete", as_int(0)).is_success);
  EXPECT_TRUE(holds(world.as_admin("one.vdc.info", vdc).text, "<VNETS></VNETS>"));
}

TEST_F(NetworkMethods, ClustersShowTheirNetworks) {
  world.in_transaction([](db::Txn& txn) {
    txn.exec("INSERT INTO clusters(id, name) VALUES (100, 'west')");
    txn.touch(ObjectKind::kCluster, 100);
  });
  EXPECT_EQ(world.as_admin("one.cluster.addvnet", as_int(100) + as_int(0)).number, 100);
  EXPECT_TRUE(holds(world.as_admin("one.cluster.info", as_int(100)).text,
                    "<VNETS><ID>0</ID></VNETS>"));
  EXPECT_TRUE(holds(shown_to_admin(), "<CLUSTERS><ID>0</ID><ID>100</ID></CLUSTERS>"));
  EXPECT_EQ(world.as_alice("one.cluster.delvnet", as_int(100) + as_int(0)).code, 512);
  EXPECT_EQ(world.as_admin("one.cluster.delvnet", as_int(100) + as_int(0)).number, 100);
  EXPECT_EQ(world.as_admin("one.cluster.delvnet", as_int(100) + as_int(0)).code, 8192);
  EXPECT_EQ(world.as_admin("one.cluster.addvnet", as_int(7) + as_int(0)).code, 1024);
  EXPECT_EQ(world.as_admin("one.cluster.addvnet", as_int(100) + as_int(7)).code, 1024);
}

TEST_F(NetworkMethods, RangesHoldsAndReservationsAreServed) {
  EXPECT_EQ(world.as_admin("one.vn.add_ar", as_int(0) +
                                                as_string("AR=[TYPE=IP4, IP=10.1.0.1, SIZE=4]"))
                .number,
            0);
  EXPECT_EQ(world.as_admin("one.vn.update_ar", as_int(0) + as_string("AR=[AR_ID=1, SIZE=5]"))
                .number,
            0);
  EXPECT_TRUE(holds(shown_to_admin(), "<IP_END><![CDATA[10.1.0.5]]></IP_END>"));
  EXPECT_EQ(world.as_admin("one.vn.rm_ar", as_int(0) + as_int(1)).number, 0);
  EXPECT_EQ(world.as_admin("one.vn.rm_ar", as_int(0) + as_int(1)).code, 8192);
  EXPECT_EQ(world.as_admin("one.vn.reserve", as_int(0) + as_string("NAME=part SIZE=2")).number, 1);
  EXPECT_TRUE(holds(shown_to_admin(), "<VNET>1</VNET>"));
  EXPECT_EQ(world.as_admin("one.vn.reserve", as_int(1) + as_string("NAME=x SIZE=1")).code, 2048);
  EXPECT_EQ(world.as_admin("one.vn.free_ar", as_int(1) + as_int(0)).number, 1);
  EXPECT_FALSE(holds(shown_to_admin(), "<VNET>1</VNET>"));
  EXPECT_EQ(world.as_admin("one.vn.recover", as_int(0) + as_int(3)).code, 2048);
}

TEST_F(NetworkMethods, ARangeOfImpossibleSizeLeavesTheNetworkInErrorUntilItIsRecovered) {
  const auto made = world.as_admin(
      "one.vn.allocate",
      as_string("NAME=odd VN_MAD=dummy BRIDGE=br0 AR=[TYPE=IP4, IP=10.0.0.1, SIZE=\"-1\"]") +
          as_int(-1));
  ASSERT_GE(made.number, 0) << made.text;
  const auto id = as_int(static_cast<int>(made.number));
  const auto shown = [&] { return world.as_admin("one.vn.info", id).text; };
  EXPECT_TRUE(holds(shown(), "<STATE><![CDATA[5]]></STATE>")) << shown();
  EXPECT_TRUE(holds(shown(), "<ERROR><![CDATA[AR/SIZE")) << shown();
  EXPECT_EQ(world.as_admin("one.vn.recover", id + as_int(4)).code, 8192);
  for (const int leaves_it : {0, 3}) {
    EXPECT_EQ(world.as_admin("one.vn.recover", id + as_int(leaves_it)).number, made.number);
    EXPECT_TRUE(holds(shown(), "<STATE><![CDATA[5]]></STATE>"));
  }
  EXPECT_EQ(world.as_admin("one.vn.recover", id + as_int(1)).number, made.number);
  EXPECT_TRUE(holds(shown(), "<STATE><![CDATA[1]]></STATE>"));
  EXPECT_FALSE(holds(shown(), "<ERROR>"));
  EXPECT_EQ(world.as_admin("one.vn.recover", id + as_int(2)).code, 2048);
  EXPECT_EQ(world.as_admin("one.vn.add_ar",
                           id + as_string("AR=[TYPE=IP4, IP=10.0.0.1, SIZE=\"-1\"]")).code, 8192);
}

TEST_F(NetworkMethods, SecurityGroupsAreServedFromTheDefaultOneOn) {
  const auto window = as_int(-2) + as_int(-1) + as_int(-1);
  const auto pool = world.as_alice("one.secgrouppool.info", window).text;
  EXPECT_TRUE(holds(pool, "<NAME>default</NAME>")) << pool;
  const auto made = world.as_admin(
      "one.secgroup.allocate",
      as_string("NAME=web RULE=[PROTOCOL=TCP, RULE_TYPE=INBOUND, RANGE=80]"));
  EXPECT_EQ(made.number, 100) << made.text;
  EXPECT_EQ(world.as_admin("one.secgroup.clone", as_int(100) + as_string("copy")).number, 101);
  EXPECT_EQ(world.as_admin("one.secgroup.commit", as_int(100) + as_int(0)).number, 100);
  EXPECT_EQ(world.as_admin("one.secgroup.delete", as_int(0)).code, 2048);
  EXPECT_EQ(world.as_admin("one.secgroup.delete", as_int(101)).number, 101);
  EXPECT_EQ(world.as_alice("one.secgroup.rename", as_int(100) + as_string("x")).code, 512);
  EXPECT_EQ(world.as_alice("one.secgroup.allocate", as_string("NAME=a")).code, 512);
}

}  // namespace
}  // namespace neph::api
