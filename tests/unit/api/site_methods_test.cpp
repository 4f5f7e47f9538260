#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "events/outbox.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

class SiteMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_vm_group_methods(rows);
    add_hook_methods(rows);
    add_document_methods(rows);
    add_zone_methods(rows);
    add_market_methods(rows);
    add_methods_not_provided(rows);
    world.serve(std::move(rows));
  }
  void expect_shown(const std::string& method, std::int64_t id, const std::string& words) {
    const auto text = world.as_admin(method, as_int(id)).text;
    EXPECT_NE(text.find(words), std::string::npos) << text;
  }

  World world;
};

TEST_F(SiteMethods, AVmGroupIsMadeShownAndDeleted) {
  const auto made = world.as_alice(
      "one.vmgroup.allocate",
      as_string("NAME=app ROLE=[NAME=web, POLICY=ANTI_AFFINED] ROLE=[NAME=db]"
                " AFFINED=\"web, db\""));
  ASSERT_TRUE(made.is_success) << made.text;
  expect_shown("one.vmgroup.info", made.number,
               "<ROLES><ROLE><ID><![CDATA[0]]></ID><NAME><![CDATA[web]]></NAME>"
               "<POLICY><![CDATA[ANTI_AFFINED]]></POLICY></ROLE>");
  expect_shown("one.vmgroup.info", made.number, "<AFFINED><![CDATA[web, db]]></AFFINED>");
  const std::string id = as_int(made.number);
  EXPECT_TRUE(
      world.as_alice("one.vmgroup.roleadd", id + as_string("ROLE=[NAME=log]")).is_success);
  EXPECT_TRUE(world.as_alice("one.vmgroup.roleupdate",
                             id + as_int(2) + as_string("ROLE=[POLICY=AFFINED]")).is_success);
  EXPECT_TRUE(world.as_alice("one.vmgroup.roledelete", id + as_int(2)).is_success);
  EXPECT_EQ(world.as_alice("one.vmgroup.roledelete", id + as_int(9)).code, 1024);
  EXPECT_TRUE(world.as_alice("one.vmgroup.rename", id + as_string("app2")).is_success);
  const std::string window = as_int(-2) + as_int(-1) + as_int(-1);
  EXPECT_NE(world.as_alice("one.vmgrouppool.info", window).text.find("<NAME>app2<"),
            std::string::npos);
  EXPECT_TRUE(world.as_alice("one.vmgroup.delete", id).is_success);
  EXPECT_EQ(world.as_alice("one.vmgroup.info", id).code, 1024);
}

TEST_F(SiteMethods, TheZoneTakesAnotherNameAndAnEndpointForClientsAndGivesItBack) {
  expect_shown("one.zone.info", 0, "<ENDPOINT><![CDATA[http://127.0.0.1:2633/RPC2]]></ENDPOINT>");
  EXPECT_TRUE(world.as_admin("one.zone.rename", as_int(0) + as_string("lab")).is_success);
  const std::string changed = as_string("ENDPOINT=\"https://cloud/RPC2\" NOTE=x");
  EXPECT_TRUE(world.as_admin("one.zone.update", as_int(0) + changed + as_int(1)).is_success);
  expect_shown("one.zone.info", 0,
               "<NAME>lab</NAME><STATE>0</STATE><TEMPLATE>"
               "<ENDPOINT><![CDATA[https://cloud/RPC2]]></ENDPOINT><NOTE><![CDATA[x]]></NOTE>");
  EXPECT_TRUE(world.as_admin("one.zone.update", as_int(0) + as_string("")).is_success);
  expect_shown("one.zone.info", 0, "<ENDPOINT><![CDATA[http://127.0.0.1:2633/RPC2]]></ENDPOINT>");
  EXPECT_EQ(world.as_alice("one.zone.rename", as_int(0) + as_string("mine")).code, 512);
  EXPECT_EQ(world.as_admin("one.zone.rename", as_int(100) + as_string("x")).code, 1024);
  EXPECT_EQ(world.as_admin("one.zone.rename", as_int(0) + as_string("")).code, 2048);
}

TEST_F(SiteMethods, ADisabledZoneIsLookedAtAndNotChanged) {
  const std::string no = "<param><value><boolean>0</boolean></value></param>";
  const std::string yes = "<param><value><boolean>1</boolean></value></param>";
  const std::string text = as_string("NAME=a") + as_int(7);
  EXPECT_EQ(world.as_alice("one.zone.enable", as_int(0) + no).code, 512);
  ASSERT_TRUE(world.as_admin("one.zone.enable", as_int(0) + no).is_success);
  expect_shown("one.zone.info", 0, "<STATE>1</STATE>");
  for (const auto& told : {world.as_alice("one.document.allocate", text),
                           world.as_admin("one.document.allocate", text)}) {
    EXPECT_EQ(told.code, 2048);
    EXPECT_NE(told.text.find("one.zone.enable"), std::string::npos) << told.text;
  }
  EXPECT_EQ(world.as_admin("one.zone.enable", as_int(7) + yes).code, 1024) << "another zone";
  ASSERT_TRUE(world.as_admin("one.zone.enable", as_int(0) + yes).is_success);
  EXPECT_TRUE(world.as_alice("one.document.allocate", text).is_success);
}

TEST_F(SiteMethods, HooksAreForAdministrators) {
  const auto hook = as_string("NAME=h TYPE=api CALL=\"one.vm.allocate\" COMMAND=hook");
  EXPECT_EQ(world.as_alice("one.hook.allocate", hook).code, 512);
  EXPECT_EQ(world.as_alice("one.hooklog.info",
                           as_int(-1) + as_int(-1) + as_int(-1) + as_int(0)).code, 512);
  EXPECT_EQ(world.as_alice("one.hookpool.info").text, "<HOOK_POOL></HOOK_POOL>");
  EXPECT_EQ(world.as_admin("one.hook.allocate", hook).code, 8192) << "there is no such program";
}

TEST_F(SiteMethods, ACallThatAHookWaitsForIsWrittenDownWithoutItsSecrets) {
  world.in_transaction([](db::Txn& txn) {
    txn.exec("INSERT INTO hooks(id, name, type, subject) VALUES (0, 'h', 'api',"
             " 'one.document.allocate')");
    txn.touch(ObjectKind::kHook, 0);
  });
  EXPECT_TRUE(world.as_alice("one.document.allocate", as_string("NAME=a") + as_int(7)).is_success);
  EXPECT_FALSE(world.as_alice("one.document.allocate", as_string("X=1") + as_int(7)).is_success);
  std::vector<events::Event> events;
  world.in_transaction([&](db::Txn& txn) { events = events::list_pending(txn, 10); });
  ASSERT_EQ(events.size(), 1u) << "the refused call did not happen";
  EXPECT_EQ(events[0].body,
            "<CALL_INFO><RESULT>1</RESULT><PARAMETERS>"
            "<PARAMETER><POSITION>1</POSITION><TYPE>IN</TYPE><VALUE><![CDATA[****]]></VALUE>"
            "</PARAMETER>"
            "<PARAMETER><POSITION>2</POSITION><TYPE>IN</TYPE><VALUE><![CDATA[NAME=a]]></VALUE>"
            "</PARAMETER>"
            "<PARAMETER><POSITION>3</POSITION><TYPE>IN</TYPE><VALUE><![CDATA[7]]></VALUE>"
            "</PARAMETER>"
            "<PARAMETER><POSITION>1</POSITION><TYPE>OUT</TYPE><VALUE><![CDATA[true]]></VALUE>"
            "</PARAMETER>"
            "<PARAMETER><POSITION>2</POSITION><TYPE>OUT</TYPE><VALUE><![CDATA[0]]></VALUE>"
            "</PARAMETER></PARAMETERS><EXTRA/></CALL_INFO>");
}

TEST_F(SiteMethods, WhatIsNotProvidedSaysSoAndNeverSucceeds) {
  const auto told = world.as_admin("one.vrouter.allocate", as_string("NAME=r"));
  EXPECT_FALSE(told.is_success);
  EXPECT_EQ(told.code, 8192);
  EXPECT_TRUE(told.text.starts_with("[one.vrouter.allocate] Not provided. ")) << told.text;
  EXPECT_EQ(world.call("one.vrouter.allocate", "nobody:x", "").code, 256);
}

TEST_F(SiteMethods, ADaemonByItselfIsSoloAndHasNoMarkets) {
  EXPECT_NE(world.as_admin("one.zone.raftstatus").text.find("<STATE>0</STATE><TERM>-1</TERM>"),
            std::string::npos);
  EXPECT_EQ(world.as_alice("one.zone.raftstatus").code, 512);
  EXPECT_EQ(world.as_alice("one.market.info", as_int(0)).code, 1024);
}

}  // namespace
}  // namespace neph::api
