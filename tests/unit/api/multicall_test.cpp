#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

class Multicall : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_document_methods(rows);
    add_system_methods(rows);
    world.serve(std::move(rows));
  }
  static std::string call_within(const std::string& method, const std::string& values) {
    return "<value><struct><member><name>methodName</name><value>" + method +
           "</value></member><member><name>params</name><value><array><data>" + values +
           "</data></array></value></member></struct></value>";
  }
  static std::string text(const std::string& value) {
    return "<value><string>" + value + "</string></value>";
  }
  /// The results, as a client of another make reads them.
  std::vector<xmlrpc_c::value> results(const std::string& calls) {
    const auto reply = world.ask("<methodCall><methodName>system.multicall</methodName><params>"
                                 "<param><value><array><data>" + calls +
                                 "</data></array></value></param></params></methodCall>");
    xmlrpc_c::rpcOutcome outcome;
    xmlrpc_c::xml::parseResponse(reply, &outcome);
    EXPECT_TRUE(outcome.succeeded()) << reply;
    if (!outcome.succeeded()) return {};
    return xmlrpc_c::value_array(outcome.getResult()).vectorValueValue();
  }
  static bool is_success(const xmlrpc_c::value& result) {
    const auto wrapped = xmlrpc_c::value_array(result).vectorValueValue().at(0);
    return xmlrpc_c::value_boolean(xmlrpc_c::value_array(wrapped).vectorValueValue().at(0));
  }

  World world;
};

TEST_F(Multicall, EveryCallHasItsResultAndItsOwnSession) {
  const auto all =
      results(call_within("one.document.allocate",
                          text("alice:alice-token") + text("NAME=a") +
                              "<value><int>7</int></value>") +
              call_within("one.document.info",
                          text("oneadmin:root-token") + "<value><int>0</int></value>") +
              call_within("one.document.info",
                          text("nobody:x") + "<value><int>0</int></value>"));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(is_success(all[0]));
  EXPECT_TRUE(is_success(all[1])) << "it sees what the first one made";
  EXPECT_FALSE(is_success(all[2]));
}

TEST_F(Multicall, AFaultStandsWhereTheResultWould) {
  const auto all = results(call_within("one.nothing", text("oneadmin:root-token")) +
                           call_within("one.system.version", text("oneadmin:root-token")));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].type(), xmlrpc_c::value::TYPE_STRUCT);
  EXPECT_TRUE(is_success(all[1]));
}

TEST_F(Multicall, ItselfAndOtherFormsAreRefused) {
  const auto told = [&](const std::string& calls) {
    return told_by(world.ask("<methodCall><methodName>system.multicall</methodName><params>" +
                             calls + "</params></methodCall>"));
  };
  const auto list = [](const std::string& items) {
    return "<param><value><array><data>" + items + "</data></array></value></param>";
  };
  EXPECT_EQ(told(list(call_within("system.multicall", ""))).code, -509);
  EXPECT_EQ(told(list(text("x"))).code, -501);
  EXPECT_EQ(told("").code, -501);
  std::string many;
  for (int i = 0; i < 65; ++i) many += call_within("a", "");
  EXPECT_EQ(told(list(many)).code, -509);
}

}  // namespace
}  // namespace neph::api
