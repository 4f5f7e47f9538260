#include "cli/rpc.h"

#include <gtest/gtest.h>

#include "cli/rpc_client.h"
#include "fake_server.h"

namespace neph::cli {
namespace {

TEST(RpcCodec, WritesEveryTypeOfArgument) {
  const std::string call = encode_call(
      "one.x.y", {std::string("a:b<&>"), std::int64_t{-3}, true, std::vector<std::int64_t>{1, 2}});
  EXPECT_EQ(call,
            "<?xml version=\"1.0\"?><methodCall><methodName>one.x.y</methodName><params>"
            "<param><value><string>a:b&lt;&amp;&gt;</string></value></param>"
            "<param><value><int>-3</int></value></param>"
            "<param><value><boolean>1</boolean></value></param>"
            "<param><value><array><data><value><int>1</int></value><value><int>2</int></value>"
            "</data></array></value></param></params></methodCall>");
}

TEST(RpcCodec, ReadsAnIdAndAText) {
  EXPECT_EQ(std::get<std::int64_t>(*decode_answer(ok_id(42))), 42);
  EXPECT_EQ(std::get<std::string>(*decode_answer(ok_text("<A>x & y</A>"))), "<A>x & y</A>");
  EXPECT_EQ(std::get<std::int64_t>(*decode_answer(answer_of("1", "<i8>5000000000</i8>", "0"))),
            5'000'000'000);
}

TEST(RpcCodec, ReadsATextWithoutATypeElementAndOneOfBlanks) {
  EXPECT_EQ(std::get<std::string>(*decode_answer(answer_of("1", "plain", "0"))), "plain");
  EXPECT_EQ(std::get<std::string>(*decode_answer(ok_text(" "))), " ");
}

TEST(RpcCodec, ReadsAnIndentedAnswer) {
  const std::string answer =
      "<methodResponse>\n <params>\n <param><value><array> <data>\n  <value> <boolean>1</boolean> "
      "</value>\n <value><i4>7</i4>\n</value> <value><i4>0</i4></value></data></array></value>"
      "</param></params>\n</methodResponse>\n";
  EXPECT_EQ(std::get<std::int64_t>(*decode_answer(answer)), 7);
}

TEST(RpcCodec, TellsRefusalsApartAndKeepsTheServersWords) {
  const std::vector<std::pair<int, Errc>> expected{
      {256, Errc::kUnauthenticated}, {512, Errc::kDenied},     {1024, Errc::kNotFound},
      {2048, Errc::kWrongState},     {4096, Errc::kInternal},  {8192, Errc::kInternal},
      {16384, Errc::kConflict}};
  for (const auto& [wire, code] : expected) {
    const auto refused = decode_answer(refusal(wire, "[one.x.y] No <way>."));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, code) << wire;
    EXPECT_EQ(refused.error().message, "[one.x.y] No <way>.");
  }
}

TEST(RpcCodec, ReadsAFault) {
  const auto fault = decode_answer(
      "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>-506</int>"
      "</value></member><member><name>faultString</name><value><string>Method 'x' not defined"
      "</string></value></member></struct></value></fault></methodResponse>");
  ASSERT_FALSE(fault);
  EXPECT_EQ(fault.error().code, Errc::kInternal);
  EXPECT_EQ(fault.error().message, "the server could not read the call: Method 'x' not defined");
}

TEST(RpcCodec, RefusesWhatIsNotXmlRpc) {
  for (const char* body : {"", "<html><body>It works!</body></html>", "not < xml",
                           "<methodResponse><params/></methodResponse>"}) {
    const auto answer = decode_answer(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().code, Errc::kUnavailable) << body;
  }
}

TEST(RpcClient, SendsTheSessionFirst) {
  FakeServer server;
  server.answer("one.vm.info", ok_text("<VM><ID>3</ID></VM>"));
  FakeTransport transport(server);
  RpcClient rpc(transport, "ann:se<cr>et");
  const auto vm = rpc.call_document("one.vm.info", {3});
  ASSERT_TRUE(vm) << vm.error().text();
  EXPECT_EQ(vm->number("ID"), 3);
  EXPECT_EQ(server.session, "\"ann:se<cr>et\"");
  EXPECT_EQ(server.calls.front(), "one.vm.info(3)");
}

TEST(RpcClient, RefusesAnAnswerOfTheWrongType) {
  FakeServer server;
  server.answer("one.vm.allocate", ok_text("seven"));
  server.answer("one.vm.info", ok_id(7));
  FakeTransport transport(server);
  RpcClient rpc(transport, "a:b");
  EXPECT_FALSE(rpc.call_id("one.vm.allocate", {}));
  EXPECT_FALSE(rpc.call_document("one.vm.info", {}));
}

TEST(Element, FollowsPathsAndListsChildren) {
  const auto vm = Element::parse(
      "<VM><ID>3</ID><TEMPLATE><DISK><SIZE><![CDATA[10]]></SIZE></DISK><DISK><SIZE>20</SIZE>"
      "</DISK><NAME/></TEMPLATE></VM>");
  ASSERT_TRUE(vm);
  EXPECT_EQ(vm->number("TEMPLATE/DISK/SIZE"), 10);
  EXPECT_EQ(vm->all("TEMPLATE/DISK").size(), 2U);
  EXPECT_EQ(vm->all("TEMPLATE/DISK")[1]->get("SIZE"), "20");
  EXPECT_EQ(vm->get("TEMPLATE/NAME", "x"), "");
  EXPECT_EQ(vm->get("NOWHERE/NAME", "x"), "x");
  EXPECT_EQ(vm->number("TEMPLATE/NAME", -1), -1);
  EXPECT_TRUE(vm->all("NOWHERE/DISK").empty());
  EXPECT_FALSE(Element::parse("<VM><ID>"));
}

TEST(Element, RefusesADocumentThatIsNestedTooDeeply) {
  std::string xml = "x";
  for (int i = 0; i < 200; ++i) xml = "<A>" + xml + "</A>";
  EXPECT_FALSE(Element::parse(xml));
}

TEST(Json, KeepsListsListsAlsoWithOneMember) {
  const auto pool = Element::parse(
      "<VM_POOL><VM><ID>1</ID><NAME>a \"b\"</NAME><VMS><ID>9</ID></VMS><EMPTY/>"
      "<TEMPLATE><DISK><SIZE>1</SIZE></DISK><X>1</X><X>2</X></TEMPLATE></VM></VM_POOL>");
  ASSERT_TRUE(pool);
  EXPECT_EQ(to_json(*pool), R"({
  "VM_POOL": {
    "VM": [
      {
        "ID": "1",
        "NAME": "a \"b\"",
        "VMS": {
          "ID": [
            "9"
          ]
        },
        "EMPTY": "",
        "TEMPLATE": {
          "DISK": [
            {
              "SIZE": "1"
            }
          ],
          "X": [
            "1",
            "2"
          ]
        }
      }
    ]
  }
}
)");
}

}  // namespace
}  // namespace neph::cli
