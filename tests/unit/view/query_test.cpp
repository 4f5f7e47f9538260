#include "view/query.h"

#include <gtest/gtest.h>

#include "text/xml_writer.h"

namespace neph::view {
namespace {

std::string vm_document() {
  text::XmlWriter xml;
  xml.open("VM");
  xml.element("ID", std::int64_t{17});
  xml.element("NAME", std::string_view{"web & <more>"});
  xml.open("TEMPLATE");
  xml.open("DISK");
  xml.cdata("IMAGE", "debian 12");
  xml.close();
  xml.empty("NIC");
  xml.open("DISK");
  xml.cdata("IMAGE", "a]]>b");
  xml.close();
  xml.close();
  xml.element("LCM_STATE", std::int64_t{3});
  xml.close();
  return xml.take();
}

bool is_found(std::string_view query) {
  const auto parsed = Query::parse(query);
  EXPECT_TRUE(parsed) << parsed.error().text();
  return parsed && parsed->matches(vm_document());
}

TEST(Query, NothingAskedHoldsForEverything) { EXPECT_TRUE(is_found("")); }

TEST(Query, AnElementHoldsAPartOfItsValue) {
  EXPECT_TRUE(is_found("VM.NAME=web"));
  EXPECT_TRUE(is_found("VM.ID=17"));
  EXPECT_FALSE(is_found("VM.ID=18"));
  EXPECT_FALSE(is_found("VM.NAME=debian"));
  EXPECT_FALSE(is_found("VM.NAME=WEB")) << "cases differ";
  EXPECT_FALSE(is_found("NAME=web")) << "a path begins at the root";
  EXPECT_TRUE(is_found("VM.LCM_STATE=3")) << "behind elements that have ended";
}

TEST(Query, ValuesAreComparedAsTheyWereWritten) {
  EXPECT_TRUE(is_found("<more>"));
  EXPECT_FALSE(is_found("lt;"));
  EXPECT_TRUE(is_found("VM.TEMPLATE.DISK[*].IMAGE=a]]>b"));
}

TEST(Query, APathMayPassSeveralElementsAndEndAboveTheValue) {
  EXPECT_TRUE(is_found("VM.TEMPLATE.DISK[*].IMAGE=debian"));
  EXPECT_TRUE(is_found("VM.TEMPLATE.DISK.IMAGE=]]>"));
  EXPECT_TRUE(is_found("VM.TEMPLATE=debian"));
  EXPECT_FALSE(is_found("VM.TEMPLATE.NIC=debian"));
  EXPECT_FALSE(is_found("VM.TEMPLATE.DISK.IMAGE.SIZE=debian"));
}

TEST(Query, EveryConditionMustHold) {
  EXPECT_TRUE(is_found("VM.NAME=web&debian"));
  EXPECT_FALSE(is_found("VM.NAME=web&suse"));
}

TEST(Query, WhatCannotBeAskedIsRefused) {
  for (const auto* text : {"VM.NAME=", "=", "&x", "VM.DISK[0].IMAGE=x", "VM..NAME=x", "$.VM=x"}) {
    const auto parsed = Query::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::kInvalid);
  }
  std::string many = "a";
  for (int i = 0; i < 16; ++i) many += "&a";
  EXPECT_FALSE(Query::parse(many));
}

TEST(Query, ADocumentThatIsCutOffIsReadToItsEnd) {
  const auto query = *Query::parse("VM.NAME=web");
  const std::string document = vm_document();
  for (std::size_t size = 0; size < document.size(); ++size)
    EXPECT_EQ(query.matches(document.substr(0, size)), size > document.find("</NAME") + 1) << size;
}

}  // namespace
}  // namespace neph::view
