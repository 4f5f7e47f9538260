#include "api/reply.h"

#include <gtest/gtest.h>
#include <xmlrpc-c/base.hpp>
#include <xmlrpc-c/xml.hpp>

#include <string>

namespace neph::api {
namespace {

const std::string kHead =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<methodResponse><params><param>";
const std::string kTail = "</param></params></methodResponse>\r\n";

std::string array_of(const std::string& values) {
  return kHead + "<value><array><data>" + values + "</data></array></value>" + kTail;
}

/// What a client of another make reads out of a reply.
xmlrpc_c::rpcOutcome as_a_client_reads(const std::string& reply) {
  xmlrpc_c::rpcOutcome outcome;
  xmlrpc_c::xml::parseResponse(reply, &outcome);
  return outcome;
}

TEST(Reply, OfSuccessHasThreeElements) {
  EXPECT_EQ(success_reply(std::int64_t{42}),
            array_of("<value><boolean>1</boolean></value><value><i4>42</i4></value>"
                     "<value><i4>0</i4></value>"));
  EXPECT_EQ(success_reply(std::string{"7.4.0"}),
            array_of("<value><boolean>1</boolean></value><value><string>7.4.0</string></value>"
                     "<value><i4>0</i4></value>"));
}

TEST(Reply, EscapesTextOnceAndOnlyOnce) {
  EXPECT_NE(success_reply(std::string{"<VM>&"}).find("<string>&lt;VM&gt;&amp;</string>"),
            std::string::npos);
  EXPECT_NE(success_reply(EscapedText{"&lt;VM&gt;"}).find("<string>&lt;VM&gt;</string>"),
            std::string::npos);
}

TEST(Reply, NeverSendsAnEmptyString) {
  EXPECT_NE(success_reply(std::string{}).find("<string> </string>"), std::string::npos);
  EXPECT_NE(success_reply(EscapedText{}).find("<string> </string>"), std::string::npos);
}

TEST(Reply, SendsLargeNumbersAsI8) {
  EXPECT_NE(success_reply(std::int64_t{2147483648}).find("<i8>2147483648</i8>"), std::string::npos);
  EXPECT_NE(success_reply(std::int64_t{-2147483648}).find("<i4>-2147483648</i4>"),
            std::string::npos);
}

TEST(Reply, OfFailureHasFiveElements) {
  EXPECT_EQ(
      failure_reply({1024, "[one.vm.info] Error getting virtual machine [9999].", 9999}),
      array_of("<value><boolean>0</boolean></value>"
               "<value><string>[one.vm.info] Error getting virtual machine [9999].</string></value>"
               "<value><i4>1024</i4></value><value><i4>9999</i4></value>"
               "<value><i8>-1</i8></value>"));
}

TEST(Reply, OfFaultIsReadByAClientAsAFault) {
  const auto outcome = as_a_client_reads(
      fault_reply({FaultCode::kNoMethod, "Method 'one.<x>' not defined"}));
  ASSERT_FALSE(outcome.succeeded());
  EXPECT_EQ(static_cast<int>(outcome.getFault().getCode()), -506);
  EXPECT_EQ(outcome.getFault().getDescription(), "Method 'one.<x>' not defined");
}

TEST(Reply, StaysWellFormedWhateverTheTextHolds) {
  const std::string nasty("\x01\xFF</string>&\0x", 14);
  EXPECT_TRUE(as_a_client_reads(failure_reply({8192, nasty, -1})).succeeded());
  EXPECT_TRUE(as_a_client_reads(success_reply(nasty)).succeeded());
  EXPECT_FALSE(as_a_client_reads(fault_reply({FaultCode::kParse, nasty})).succeeded());
}

TEST(Reply, OfIntrospectionIsTheBareValue) {
  EXPECT_EQ(value_reply(Value{Array{Value{"a"}, Value{"b"}}}),
            array_of("<value><string>a</string></value><value><string>b</string></value>"));
  EXPECT_EQ(value_reply(Value{true}), kHead + "<value><boolean>1</boolean></value>" + kTail);
  EXPECT_EQ(value_reply(Value{Struct{{"n", Value{1.5}}}}),
            kHead + "<value><struct><member><name>n</name><value><double>1.5</double></value>"
                    "</member></struct></value>" + kTail);
}

TEST(Reply, OfManyMegabytesIsWritten) {
  const auto reply = success_reply(EscapedText{std::string(29 * 1048576, 'x')});
  EXPECT_GT(reply.size(), 29U * 1048576U);
  EXPECT_TRUE(reply.ends_with(kTail));
}

}  // namespace
}  // namespace neph::api
