#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "site/vdc.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

class VdcMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_vdc_methods(rows);
    add_group_methods(rows);
    add_acl_methods(rows);
    add_user_methods(rows);
    world.serve(std::move(rows));
    world.in_transaction([](db::Txn& txn) { site::bootstrap_vdcs(txn); });
  }
  bool shows(const std::string& method, const std::string& params, const std::string& words) {
    const auto text = world.as_admin(method, params).text;
    EXPECT_NE(text.find(words), std::string::npos) << text;
    return text.find(words) != std::string::npos;
  }

  World world;
};

TEST_F(VdcMethods, ANewGroupIsInTheDefaultOneAndMayUseWhatThereIs) {
  const auto group = world.as_admin("one.group.allocate", as_string("team"));
  ASSERT_TRUE(group.is_success) << group.text;
  EXPECT_TRUE(shows("one.vdc.info", as_int(0),
                    "<GROUPS><ID>1</ID><ID>100</ID></GROUPS><CLUSTERS><CLUSTER><ZONE_ID>0</ZONE_ID>"
                    "<CLUSTER_ID>-10</CLUSTER_ID></CLUSTER></CLUSTERS><HOSTS></HOSTS>"));
  EXPECT_TRUE(shows("one.acl.info", "", "@100 HOST/* MANAGE #0"));
  ASSERT_TRUE(world.as_admin("one.group.delete", as_int(100)).is_success);
  EXPECT_TRUE(shows("one.vdc.info", as_int(0), "<GROUPS><ID>1</ID></GROUPS>"));
}

TEST_F(VdcMethods, OneIsMadeFilledAndDeleted) {
  const auto vdc = world.as_admin("one.vdc.allocate", as_string("NAME=lab"));
  ASSERT_EQ(vdc.number, 100) << vdc.text;
  const std::string id = as_int(100);
  EXPECT_TRUE(world.as_admin("one.vdc.addgroup", id + as_int(1)).is_success);
  EXPECT_TRUE(world.as_admin("one.vdc.addhost", id + as_int(0) + as_int(-10)).is_success);
  EXPECT_EQ(world.as_admin("one.vdc.addhost", id + as_int(0) + as_int(7)).code, 1024);
  EXPECT_EQ(world.as_admin("one.vdc.addhost", id + as_int(3) + as_int(-10)).code, 1024);
  EXPECT_TRUE(shows("one.vdcpool.info", "", "<HOST><ZONE_ID>0</ZONE_ID><HOST_ID>-10</HOST_ID>"));
  EXPECT_TRUE(world.as_admin("one.vdc.rename", id + as_string("lab2")).is_success);
  EXPECT_TRUE(world.as_admin("one.vdc.update", id + as_string("A=1") + as_int(1)).is_success);
  EXPECT_TRUE(world.as_admin("one.vdc.delhost", id + as_int(0) + as_int(-10)).is_success);
  EXPECT_EQ(world.as_admin("one.vdc.delhost", id + as_int(0) + as_int(-10)).code, 8192);
  EXPECT_TRUE(world.as_admin("one.vdc.delete", id).is_success);
  EXPECT_EQ(world.as_admin("one.vdc.delete", as_int(0)).code, 2048);
}

TEST_F(VdcMethods, TheyAreAdministrators) {
  EXPECT_EQ(world.as_alice("one.vdc.allocate", as_string("NAME=x")).code, 512);
  EXPECT_EQ(world.as_alice("one.vdc.info", as_int(0)).code, 512);
  EXPECT_EQ(world.as_alice("one.vdc.addgroup", as_int(0) + as_int(1)).code, 512);
}

TEST_F(VdcMethods, DefaultQuotasAreSetByAdministratorsAndShownToAll) {
  const auto told = world.as_admin("one.userquota.update", as_string("VM=[VMS=3]"));
  EXPECT_NE(told.text.find("<VMS><![CDATA[3]]></VMS>"), std::string::npos) << told.text;
  EXPECT_EQ(world.as_alice("one.userquota.info").text, told.text);
  EXPECT_EQ(world.as_alice("one.groupquota.info").text.find("<VM>"), std::string::npos);
  EXPECT_TRUE(shows("one.user.info", as_int(2), told.text));
  EXPECT_TRUE(shows("one.userpool.info", "", told.text));
  EXPECT_EQ(world.as_alice("one.userquota.update", as_string("VM=[VMS=3]")).code, 512);
  EXPECT_EQ(world.as_admin("one.groupquota.update", as_string("VM=[VMS=x]")).code, 8192);
}

TEST_F(VdcMethods, AGroupAdministratorMakesUsersInTheGroup) {
  ASSERT_EQ(world.as_admin("one.group.addadmin", as_int(1) + as_int(2)).number, 1);
  EXPECT_TRUE(shows("one.group.info", as_int(1), "<ADMINS><ID>2</ID></ADMINS>"));
  const auto made = world.as_alice("one.user.allocate",
                                   as_string("carol") + as_string("pass") + as_string("public"));
  EXPECT_TRUE(made.is_success) << made.text;
  ASSERT_EQ(world.as_admin("one.group.deladmin", as_int(1) + as_int(2)).number, 1);
  EXPECT_EQ(world.as_alice("one.user.allocate", as_string("dave") + as_string("pass") +
                                                    as_string("public")).code, 512);
}

}  // namespace
}  // namespace neph::api
