#include "api/xmlrpc_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace neph::api {
namespace {

std::string body_of(const std::string& params) {
  return "<?xml version=\"1.0\"?>\n<methodCall><methodName>one.vm.info</methodName><params>" +
         params + "</params></methodCall>";
}

std::string session_in(const std::string& value) {
  const auto scanned = scan_call(body_of("<param>" + value + "</param>"));
  if (!scanned) return "fault: " + scanned.error().text;
  return scanned->session().value_or("none");
}

FaultCode scan_fault(const std::string& body, const ScanLimits& limits = {}) {
  const auto scanned = scan_call(body, limits);
  EXPECT_FALSE(scanned) << body.substr(0, 200);
  return scanned ? FaultCode::kInternal : scanned.error().code;
}

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

TEST(XmlrpcScan, FindsMethodAndSession) {
  const auto scanned = scan_call(body_of("<param><value><string>alice:secret</string></value>"
                                           "</param><param><value><int>3</int></value></param>"));
  ASSERT_TRUE(scanned) << scanned.error().text;
  EXPECT_EQ(scanned->method(), "one.vm.info");
  EXPECT_EQ(scanned->session(), "alice:secret");
}

TEST(XmlrpcScan, KeepsTheBodyAsItCame) {
  const auto body = body_of("<param><value>a:b</value></param>");
  const auto scanned = scan_call(body);
  ASSERT_TRUE(scanned);
  EXPECT_EQ(scanned->body(), body);
}

TEST(XmlrpcScan, ReadsTheSessionInEveryFormThatClientsWrite) {
  EXPECT_EQ(session_in("<value><string>a:b</string></value>"), "a:b");
  EXPECT_EQ(session_in("<value>a:b</value>"), "a:b");
  EXPECT_EQ(session_in("\n <value>\n  <string>a:b</string>\n </value>\n"), "a:b");
  EXPECT_EQ(session_in("<value><string><![CDATA[a:<b>&amp;]]></string></value>"), "a:<b>&amp;");
  EXPECT_EQ(session_in("<value><string>a:<!-- not me -->b</string></value>"), "a:b");
  EXPECT_EQ(session_in("<value><string/></value>"), "");
  EXPECT_EQ(session_in("<value/>"), "");
}

TEST(XmlrpcScan, DecodesTheEntitiesThatNeedNoDtd) {
  EXPECT_EQ(session_in("<value>a:&lt;&gt;&amp;&quot;&apos;</value>"), "a:<>&\"'");
  EXPECT_EQ(session_in("<value>a:&#65;&#x42;&#xE9;&#x20AC;&#x1F600;</value>"),
            "a:AB\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST(XmlrpcScan, SeesLineEndsAsTheParserDoes) {
  EXPECT_EQ(session_in("<value>a:\r\nb\rc\nd<![CDATA[\r\n]]>&#13;</value>"), "a:\nb\nc\nd\n\r");
}

TEST(XmlrpcScan, RefusesOtherEntitiesInTheSession) {
  EXPECT_EQ(session_in("<value>a:&bomb;</value>"), "fault: Unknown entity \"&bomb;\"");
  EXPECT_EQ(session_in("<value>a:&#0;</value>"), "fault: Unknown entity \"&#0;\"");
  EXPECT_EQ(session_in("<value>a:&#xD800;</value>"), "fault: Unknown entity \"&#xD800;\"");
  EXPECT_EQ(session_in("<value>a:&#x110000;</value>"), "fault: Unknown entity \"&#x110000;\"");
}

TEST(XmlrpcScan, HasNoSessionWhenTheFirstParameterIsNoString) {
  EXPECT_EQ(session_in("<value><int>5</int></value>"), "none");
  EXPECT_EQ(session_in("<value><array><data><value>a:b</value></data></array></value>"), "none");
  const auto scanned = scan_call(body_of(""));
  ASSERT_TRUE(scanned);
  EXPECT_FALSE(scanned->session());
}

TEST(XmlrpcScan, TakesTheSessionFromTheFirstParameterOnly) {
  const auto scanned = scan_call(body_of("<param><value><int>1</int></value></param>"
                                           "<param><value>mallory:x</value></param>"));
  ASSERT_TRUE(scanned);
  EXPECT_FALSE(scanned->session());
}

TEST(XmlrpcScan, RefusesDocumentTypesAndEntities) {
  EXPECT_EQ(scan_fault("<!DOCTYPE a [<!ENTITY b \"c\">]>" + body_of("")), FaultCode::kParse);
  EXPECT_EQ(scan_fault(body_of("<!ENTITY b \"c\">")), FaultCode::kParse);
  EXPECT_EQ(scan_fault(body_of("<!doctype a>")), FaultCode::kParse);
  EXPECT_EQ(scan_fault(body_of("<![INCLUDE[x]]>")), FaultCode::kParse);
}

TEST(XmlrpcScan, DoesNotTakeADocumentTypeInACommentForOne) {
  EXPECT_TRUE(scan_call("<!-- <!DOCTYPE a> -->" + body_of("")));
  EXPECT_TRUE(scan_call(body_of("<param><value><![CDATA[<!DOCTYPE a>]]></value></param>")));
}

TEST(XmlrpcScan, RefusesWhatIsNotUtf8) {
  for (const char* bytes : {"\xFF", "\x80", "\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80",
                            "\xF4\x90\x80\x80", "\xF0\x9F\x98"}) {
    EXPECT_EQ(scan_fault(body_of(std::string("<param><value>") + bytes + "</value></param>")),
              FaultCode::kParse);
  }
  EXPECT_TRUE(scan_call(body_of("<param><value>caf\xC3\xA9</value></param>")));
}

TEST(XmlrpcScan, RefusesControlCharacters) {
  EXPECT_EQ(scan_fault(body_of(std::string("<param><value>a\0b</value></param>", 32))),
            FaultCode::kParse);
  EXPECT_EQ(scan_fault(body_of("<param><value>\x1B[0m</value></param>")), FaultCode::kParse);
  EXPECT_TRUE(scan_call(body_of("<param><value>a\r\n\tb</value></param>")));
}

TEST(XmlrpcScan, RefusesAnotherDeclaredEncoding) {
  const std::string rest = "<methodCall><methodName>a</methodName></methodCall>";
  EXPECT_EQ(scan_fault("<?xml version='1.0' encoding='UTF-16'?>" + rest), FaultCode::kParse);
  EXPECT_EQ(scan_fault("<?xml version='1.0' encoding='ISO-8859-1'?><!-- \xC3\xA9 -->" + rest),
            FaultCode::kParse);
  EXPECT_TRUE(scan_call("<?xml version='1.0' encoding='ISO-8859-1'?>" + rest));
  EXPECT_TRUE(scan_call("<?xml version=\"1.0\" encoding=\"utf-8\" ?>" + rest));
  EXPECT_TRUE(scan_call("\xEF\xBB\xBF<?xml version=\"1.0\"?>" + rest));
}

TEST(XmlrpcScan, RefusesDeepNesting) {
  const auto nested = [](int depth) {
    return body_of("<param>" + repeated("<value><array><data>", depth) +
                     repeated("</data></array></value>", depth) + "</param>");
  };
  EXPECT_TRUE(scan_call(nested(9)));
  EXPECT_EQ(scan_fault(nested(10)), FaultCode::kLimit);
  EXPECT_EQ(scan_fault(nested(100'000)), FaultCode::kLimit);
}

TEST(XmlrpcScan, RefusesTooManyValues) {
  const auto with = [](int count) {
    return body_of("<param><value><array><data>" + repeated("<value/>", count) +
                     "</data></array></value></param>");
  };
  EXPECT_TRUE(scan_call(with(9'999)));
  EXPECT_EQ(scan_fault(with(10'000)), FaultCode::kLimit);
  EXPECT_EQ(scan_fault(with(5), {.values_max = 5}), FaultCode::kLimit);
}

TEST(XmlrpcScan, RefusesTooManyElementsOfOtherKinds) {
  EXPECT_EQ(scan_fault(body_of(repeated("<a/>", 50'000))), FaultCode::kLimit);
}

TEST(XmlrpcScan, RefusesLongAndUnfinishedTags) {
  EXPECT_EQ(scan_fault(body_of("<param a=\"" + std::string(300, 'x') + "\"/>")), FaultCode::kParse);
  EXPECT_EQ(scan_fault("<methodCall"), FaultCode::kParse);
  EXPECT_EQ(scan_fault("<!-- for ever"), FaultCode::kParse);
  EXPECT_EQ(scan_fault("<![CDATA[ for ever"), FaultCode::kParse);
  EXPECT_EQ(scan_fault("<?xml for ever"), FaultCode::kParse);
}

TEST(XmlrpcScan, DoesNotEndATagInsideAQuotedValue) {
  EXPECT_EQ(session_in("<value a=\"</value>\">a:b</value>"), "a:b");
}

TEST(XmlrpcScan, RefusesAMethodNameOrSessionThatIsTooLong) {
  EXPECT_EQ(scan_fault(body_of("<param><value>" + std::string(70'000, 'x') + "</value></param>")),
            FaultCode::kLimit);
  EXPECT_EQ(scan_fault(body_of("<param><value><![CDATA[" + std::string(70'000, 'x') +
                               "]]></value></param>")),
            FaultCode::kLimit);
}

TEST(XmlrpcScan, RefusesWhatIsNoCall) {
  EXPECT_EQ(scan_fault(""), FaultCode::kParse);
  EXPECT_EQ(scan_fault("hello"), FaultCode::kParse);
  EXPECT_EQ(scan_fault("{\"jsonrpc\": \"2.0\"}"), FaultCode::kParse);
  EXPECT_EQ(scan_fault("</a>"), FaultCode::kParse);
  EXPECT_EQ(scan_fault("<methodCall><methodName/></methodCall>"), FaultCode::kParse);
}

TEST(XmlrpcScan, SurvivesEveryPrefixOfACall) {
  const auto body = body_of("<param><value a='b'><string>a:&#x41;<![CDATA[x]]><!-- y --></string>"
                              "</value></param>");
  for (std::size_t length = 0; length <= body.size(); ++length) {
    (void)scan_call(body.substr(0, length));
  }
  EXPECT_TRUE(scan_call(body));
}

}  // namespace
}  // namespace neph::api
