#include "api/codec.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace neph::api {
namespace {

std::string call_with(const std::string& values) {
  return "<?xml version=\"1.0\"?><methodCall><methodName>one.test</methodName><params>" + values +
         "</params></methodCall>";
}

OrFault<MethodCall> parse(const std::string& body) {
  auto scanned = scan_call(body);
  if (!scanned) return tl::unexpected(scanned.error());
  return parse_call(*scanned);
}

Value parsed(const std::string& value) {
  const auto call = parse(call_with("<param><value>" + value + "</value></param>"));
  EXPECT_TRUE(call) << call.error().text;
  return call ? call->params.at(0) : Value{};
}

FaultCode fault_of(const std::string& body) {
  const auto call = parse(body);
  EXPECT_FALSE(call) << body.substr(0, 200);
  return call ? FaultCode::kInternal : call.error().code;
}

FaultCode fault_of_value(const std::string& value) {
  return fault_of(call_with("<param><value>" + value + "</value></param>"));
}

TEST(Codec, ReadsEveryType) {
  EXPECT_EQ(parsed("<int>-7</int>"), Value{std::int32_t{-7}});
  EXPECT_EQ(parsed("<i4>2147483647</i4>"), Value{std::numeric_limits<std::int32_t>::max()});
  EXPECT_EQ(parsed("<i8>9007199254740993</i8>"), Value{std::int64_t{9007199254740993}});
  EXPECT_EQ(parsed("<boolean>1</boolean>"), Value{true});
  EXPECT_EQ(parsed("<boolean>0</boolean>"), Value{false});
  EXPECT_EQ(parsed("<double>-1.5</double>"), Value{-1.5});
  EXPECT_EQ(parsed("<string>a &lt;b&gt; &amp; \xC3\xA9</string>"), Value{"a <b> & \xC3\xA9"});
  EXPECT_EQ(parsed("bare"), Value{"bare"});
  EXPECT_EQ(parsed("<string/>"), Value{std::string{}});
  EXPECT_EQ(parsed("<string><![CDATA[NAME=\"<x>\"]]></string>"), Value{"NAME=\"<x>\""});
}

TEST(Codec, ReadsArraysAndStructs) {
  EXPECT_EQ(parsed("<array><data><value><int>1</int></value><value>b</value></data></array>"),
            (Value{Array{Value{std::int32_t{1}}, Value{"b"}}}));
  EXPECT_EQ(parsed("<array><data/></array>"), Value{Array{}});
  EXPECT_EQ(parsed("<struct><member><name>id</name><value><int>4</int></value></member></struct>"),
            (Value{Struct{{"id", Value{std::int32_t{4}}}}}));
}

TEST(Codec, ReadsTypesThatNoMethodTakesAsNothing) {
  EXPECT_EQ(parsed("<nil/>"), Value{});
  EXPECT_EQ(parsed("<base64>aGVsbG8=</base64>"), Value{});
  EXPECT_EQ(parsed("<dateTime.iso8601>20260101T00:00:00</dateTime.iso8601>"), Value{});
}

TEST(Codec, ReadsTheMethodAndAllParametersInOrder) {
  const auto call = parse(call_with("<param><value>u:p</value></param>"
                                    "<param><value><int>1</int></value></param>"
                                    "<param><value><boolean>1</boolean></value></param>"));
  ASSERT_TRUE(call);
  EXPECT_EQ(call->method, "one.test");
  EXPECT_EQ(call->params,
            (std::vector<Value>{Value{"u:p"}, Value{std::int32_t{1}}, Value{true}}));
}

TEST(Codec, AgreesWithTheScannerOnMethodAndSession) {
  for (const std::string value :
       {"<value>u:p</value>", "<value><string>u:&lt;p&gt;</string></value>",
        " <value> <string> u:p </string> </value> ", "<value> u:p </value>", "<value/>",
        "<value><string>u:<![CDATA[&amp;]]>&amp;<!-- x -->p</string></value>",
        "<value>u:\r\np\r&#xE9;\xC3\xA9</value>", "<value><i8>5</i8></value>",
        "<value><array><data><value>u:p</value></data></array></value>", "<value><nil/></value>"}) {
    const auto scanned = scan_call(call_with("<param>" + value + "</param>"));
    ASSERT_TRUE(scanned) << value;
    const auto call = parse_call(*scanned);
    ASSERT_TRUE(call) << value;
    EXPECT_EQ(call->method, scanned->method());
    const auto* session = std::get_if<std::string>(&call->params.at(0).data);
    EXPECT_EQ(session != nullptr, scanned->session().has_value()) << value;
    if (session != nullptr && scanned->session()) {
      EXPECT_EQ(*session, *scanned->session());
    }
  }
}

TEST(Codec, ReadsACallWithoutParams) {
  const auto call = parse("<methodCall><methodName>system.listMethods</methodName></methodCall>");
  ASSERT_TRUE(call) << call.error().text;
  EXPECT_TRUE(call->params.empty());
}

TEST(Codec, ReadsABodyOfManyMegabytes) {
  const auto call = parse(call_with("<param><value>u:p</value></param><param><value><string>" +
                                    std::string(8 * 1048576, 'x') + "</string></value></param>"));
  ASSERT_TRUE(call) << call.error().text;
  EXPECT_EQ(std::get<std::string>(call->params.at(1).data).size(), 8U * 1048576U);
}

TEST(Codec, RefusesMalformedDocuments) {
  EXPECT_EQ(fault_of("<methodCall><methodName>a</methodName>"), FaultCode::kParse);
  EXPECT_EQ(fault_of("<methodCall><methodName>a</methodCall></methodName>"), FaultCode::kParse);
  EXPECT_EQ(fault_of("<methodResponse><methodName>a</methodName></methodResponse>"),
            FaultCode::kParse);
  EXPECT_EQ(fault_of(call_with("<value/>")), FaultCode::kParse);
  EXPECT_EQ(fault_of(call_with("") + "trailing"), FaultCode::kParse);
}

TEST(Codec, RefusesValuesThatAreNotOfTheirType) {
  EXPECT_EQ(fault_of_value("<int>seven</int>"), FaultCode::kParse);
  EXPECT_EQ(fault_of_value("<int/>"), FaultCode::kParse);
  EXPECT_EQ(fault_of_value("<i4>2147483648</i4>"), FaultCode::kParse);
  EXPECT_EQ(fault_of_value("<boolean>2</boolean>"), FaultCode::kParse);
  EXPECT_EQ(fault_of_value("<double>one</double>"), FaultCode::kParse);
  EXPECT_EQ(fault_of_value("<number>1</number>"), FaultCode::kParse);
}

TEST(Codec, RefusesI8ThatIsNoNumberWhichTheParserWouldDieOf) {
  for (const char* text : {"x", "5x", "5 ", " 5", "", "9223372036854775808", "--5", "+-5", "++5",
                           "+", "0x5", "&#x78;", "<![CDATA[x]]>", "5<!-- -->x"}) {
    EXPECT_EQ(fault_of_value(std::string("<i8>") + text + "</i8>"), FaultCode::kParse) << text;
    EXPECT_EQ(fault_of_value(std::string("<ex:i8>") + text + "</ex:i8>"), FaultCode::kParse);
  }
  EXPECT_EQ(fault_of_value("<i8/>"), FaultCode::kParse);
  EXPECT_EQ(parsed("<i8>-9223372036854775808</i8>"),
            Value{std::numeric_limits<std::int64_t>::min()});
  EXPECT_EQ(parsed("<i8>+<![CDATA[5]]></i8>"), Value{std::int64_t{5}});
}

TEST(Codec, RefusesEntitiesThatNobodyDefined) {
  EXPECT_EQ(fault_of(call_with("<param><value>u:p</value></param>"
                               "<param><value>&bomb;</value></param>")),
            FaultCode::kParse);
}

TEST(Codec, RefusesAnEntityBombBeforeItIsExpanded) {
  std::string bomb = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">";
  for (char level = 'b'; level <= 'g'; ++level) {
    const std::string inner = std::string("&") + static_cast<char>(level - 1) + ";";
    bomb += std::string("<!ENTITY ") + level + " \"";
    for (int i = 0; i < 10; ++i) bomb += inner;
    bomb += "\">";
  }
  bomb += "]><methodCall><methodName>one.test</methodName><params><param><value>&g;</value></param>"
          "</params></methodCall>";
  EXPECT_EQ(fault_of(bomb), FaultCode::kParse);
}

TEST(Codec, SurvivesEveryPrefixOfACall) {
  const auto body = call_with("<param><value><array><data><value><i4>1</i4></value></data></array>"
                              "</value></param><param><value><struct><member><name>n</name><value>"
                              "<double>1.5</double></value></member></struct></value></param>");
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(parse(body.substr(0, length))) << length;
  }
  EXPECT_TRUE(parse(body));
}

}  // namespace
}  // namespace neph::api
