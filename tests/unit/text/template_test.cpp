#include "text/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neph::text {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Template parsed(std::string_view source) {
  auto result = Template::parse(source);
  EXPECT_TRUE(result) << (result ? "" : result.error().text()) << " in: " << source.substr(0, 200);
  return result ? *result : Template();
}

std::string error_of(std::string_view source) {
  const auto result = Template::parse(source);
  EXPECT_FALSE(result) << source.substr(0, 200);
  if (result) return "";
  EXPECT_EQ(result.error().code, Errc::kInvalid);
  return result.error().message;
}

TEST(TemplateText, ReadsWordsQuotesAndVectors) {
  const auto content = parsed("name = web CPU=0.5\nNOTE=\"a # [b], c = d\ne\"\n"
                              "DISK=[ IMAGE = \"debian 12\" , Target=vda ]\n"
                              "EMPTY=[]\nNIC = [\nA=1\n]\n");
  EXPECT_EQ(content.get("NAME"), "web");
  EXPECT_EQ(content.get("cpu"), "0.5");
  EXPECT_EQ(content.get("NOTE"), "a # [b], c = d\ne");
  ASSERT_NE(content.find_vector("DISK"), nullptr);
  EXPECT_EQ(content.find_vector("DISK")->get("IMAGE"), "debian 12");
  EXPECT_EQ(content.find_vector("DISK")->items()[1].first, "TARGET");
  EXPECT_TRUE(content.find_vector("EMPTY")->items().empty());
  EXPECT_EQ(content.find_vector("NIC")->get("A"), "1");
  EXPECT_EQ(content.attributes().size(), 6u);
}

TEST(TemplateText, AKeyMayStandInQuotesAsOneOfOpenNebulasCommandsWritesIt) {
  const auto content = parsed("BACKUP_CONFIG = [\"MODE\"=\"FULL\"]");
  ASSERT_NE(content.find_vector("BACKUP_CONFIG"), nullptr);
  EXPECT_EQ(content.find_vector("BACKUP_CONFIG")->get("MODE"), "FULL");
  EXPECT_THAT(error_of("A = [\"B = \"c\"]"), HasSubstr("quotes of B"));
  EXPECT_THAT(error_of("A = [\"\"=c]"), HasSubstr("a key of the vector"));
}

TEST(TemplateText, AnEmptyTextIsAnEmptyTemplate) {
  EXPECT_TRUE(parsed("").empty());
  EXPECT_TRUE(parsed(" \n# only a comment").empty());
}

TEST(TemplateText, ReadsEmptyValues) {
  const auto content = parsed("A=\nB=\"\"\nC =  \r\nD=");
  for (const auto* name : {"A", "B", "C", "D"}) {
    ASSERT_NE(content.find(name), nullptr) << name;
    EXPECT_EQ(*content.find(name), "");
  }
}

TEST(TemplateText, OnlyAQuoteIsEscaped) {
  EXPECT_EQ(parsed(R"(A="say \"hi\" in C:\dir\n")").get("A"), R"(say "hi" in C:\dir\n)");
  EXPECT_EQ(parsed(R"(A="a\\"b")").get("A"), R"(a\"b)");
  EXPECT_EQ(parsed(R"(A=C:\dir\)").get("A"), R"(C:\dir\)");
}

TEST(TemplateText, ABackslashBeforeTheLastQuoteOfTheTextStays) {
  EXPECT_EQ(parsed(R"(A="C:\")").get("A"), R"(C:\)");
  EXPECT_THAT(error_of("A=\"C:\\\"\nB=\"x\""), HasSubstr("line 2"));
}

TEST(TemplateText, SkipsCommentsWhereANameCouldStand) {
  const auto content = parsed("# first\nA=1 # second\n  # third\nB=[ # inside\n C=2 ]\n#last");
  EXPECT_EQ(content.get("A"), "1");
  EXPECT_EQ(content.find_vector("B")->get("C"), "2");
  EXPECT_EQ(content.attributes().size(), 2u);
}

TEST(TemplateText, TrimsValues) {
  EXPECT_EQ(parsed("A=\"  x y \n\"").get("A"), "x y");
  EXPECT_EQ(parsed("A=[B=\" x \"]").find_vector("A")->get("B"), "x");
}

TEST(TemplateText, KeepsAttributesOfOneNameAndTheFirstOfARepeatedKey) {
  const auto content = parsed("DISK=[A=1,a=2]\nDISK=[A=3]\nX=1\nX=2");
  ASSERT_EQ(content.vectors("DISK").size(), 2u);
  EXPECT_EQ(content.vectors("DISK")[0]->get("A"), "1");
  EXPECT_EQ(content.vectors("DISK")[0]->items().size(), 1u);
  EXPECT_EQ(content.get("X"), "1");
}

TEST(TemplateText, NamesTheLineAndTheColumnsOfAnError) {
  EXPECT_EQ(error_of("garbage [["),
            "Parse error: syntax error, expected '=' after GARBAGE at line 1, columns 9:10");
  EXPECT_EQ(error_of("A=1\n  B"),
            "Parse error: syntax error, expected '=' after B, but the text ends at line 2, "
            "columns 4:5");
}

TEST(TemplateText, RefusesWhatDoesNotFitTheGrammar) {
  for (const auto* source :
       {"=1", "A", "A 1", "A=1,2", "A=b=c", "A=[B=1,]", "A=[B=]", "A=[B=1", "A=[", "A=[B]", "A=[,]",
        "A=[B=[C=1]]", "A=\"open", "A=]", "A-B=1", "\"A\"=1", "A=[B=1]]", "A=[B=1 C=2]", "A=#x"})
    EXPECT_THAT(error_of(source), StartsWith("Parse error: syntax error")) << source;
}

TEST(TemplateText, RefusesTheEndOfACdataSectionAndNulBytes) {
  EXPECT_THAT(error_of("A=\"x]]>y\""), HasSubstr("]]>"));
  EXPECT_THAT(error_of("A=[B=\"x]]>y\"]"), HasSubstr("]]>"));
  EXPECT_THAT(error_of(std::string("A=\"x\0y\"", 7)), HasSubstr("NUL"));
  EXPECT_THAT(error_of(std::string("A\0=1", 4)), StartsWith("Parse error"));
}

TEST(TemplateText, BoundsBytesAttributesAndKeys) {
  EXPECT_THAT(error_of(std::string(kRequestLimits.bytes + 1, ' ')), HasSubstr("bytes"));
  std::string many;
  for (std::size_t i = 0; i <= kRequestLimits.attributes; ++i) many += "A=1\n";
  EXPECT_THAT(error_of(many), HasSubstr("10000 attributes"));
  EXPECT_TRUE(Template::parse(many, kStoredLimits));
  std::string keys = "V=[K=1";
  for (std::size_t i = 0; i < kRequestLimits.keys; ++i) keys += fmt::format(",K{}=1", i);
  EXPECT_THAT(error_of(keys + "]"), HasSubstr("1024 keys"));
}

TEST(TemplateText, WhatParsesStaysWithinTheLimitsAsText) {
  // Every quote of an unquoted word grows to two bytes when it is written.
  const std::string quotes = "A=x" + std::string(kRequestLimits.bytes - 10, '"');
  EXPECT_THAT(error_of(quotes), HasSubstr("as text"));
}

TEST(TemplateText, HostileSizesEndQuickly) {
  const std::string backslashes = "A=\"" + std::string(500'000, '\\');
  EXPECT_THAT(error_of(backslashes + "B"), HasSubstr("quotes"));
  std::string escaped = "A=\"";
  while (escaped.size() < 1'000'000) escaped += "\\\"";
  EXPECT_EQ(parsed(escaped).get("A").size(), (escaped.size() - 3) / 2 - 1 + 1);
  EXPECT_THAT(error_of(std::string(1'000'000, '[')), StartsWith("Parse error"));
  EXPECT_LT(error_of(std::string(1'000'000, 'A')).size(), 200u);
}

TEST(TemplateXml, ReadsSinglesAndVectors) {
  const auto content = parsed(
      " <any><name>web</name><DISK><image><![CDATA[debian <12>]]></image><SIZE>1</SIZE></DISK>"
      "<NOTE>a &amp; &#65;</NOTE><EMPTY/><!-- x --><DISK><IMAGE> b </IMAGE></DISK></any>");
  EXPECT_EQ(content.get("NAME"), "web");
  EXPECT_EQ(content.find_vector("DISK")->get("IMAGE"), "debian <12>");
  EXPECT_EQ(content.vectors("DISK")[1]->get("IMAGE"), "b");
  EXPECT_EQ(content.get("NOTE"), "a & A");
  ASSERT_NE(content.find("EMPTY"), nullptr);
  EXPECT_EQ(*content.find("EMPTY"), "");
}

TEST(TemplateXml, IgnoresDeeperLevelsAndJoinsSplitSections) {
  const auto content = parsed("<T><A><B>1<C>deep</C></B></A><D>x<![CDATA[y]]>z</D></T>");
  EXPECT_EQ(content.find_vector("A")->get("B"), "1");
  EXPECT_EQ(content.get("D"), "xyz");
}

TEST(TemplateXml, RefusesMalformedDocuments) {
  for (const auto* source : {"<", "<A", "<A><B></A>", "<A></B>", "<>", "<A/><B/>", "<A/>junk",
                             "<!-- only a comment -->", "<A><B>1</B>", "<?xml version='1.0'?>"})
    EXPECT_EQ(error_of(source), "Parse error: XML Template malformed.") << source;
  EXPECT_EQ(error_of(std::string("<A>\0</A>", 8)), "Parse error: XML Template malformed.");
}

TEST(TemplateXml, RefusesADtdAndExpandsNoEntities) {
  EXPECT_THAT(error_of("<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a><B>&e;</B></a>"),
              HasSubstr("malformed"));
  EXPECT_EQ(parsed("<a><B>&e;</B></a>").get("B"), "&e;");
}

TEST(TemplateXml, RefusesNamesAndValuesThatTheTextFormCannotHold) {
  EXPECT_THAT(error_of("<T><a-b>1</a-b></T>"), HasSubstr("a-b"));
  EXPECT_THAT(error_of("<T><A><b.c>1</b.c></A></T>"), HasSubstr("b.c"));
  EXPECT_THAT(error_of("<T><A>x]]&gt;</A></T>"), HasSubstr("]]>"));
}

TEST(TemplateXml, SurvivesDeepNesting) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "<A>";
  EXPECT_THAT(error_of(deep), HasSubstr("malformed"));
  std::string closed;
  for (int i = 0; i < 100'000; ++i) closed += "<A>";
  for (int i = 0; i < 100'000; ++i) closed += "</A>";
  EXPECT_EQ(parsed(closed).attributes().size(), 1u);
}

TEST(TemplateValues, SetReplacesAllOfANameInPlace) {
  auto content = parsed("A=1\nB=2\nA=3\nC=4");
  content.set("a", "x");
  EXPECT_EQ(content, parsed("A=x\nB=2\nC=4"));
  content.set("NEW", Vector{{"k", "v"}, {"K", "later"}});
  EXPECT_EQ(content.find_vector("NEW")->get("K"), "v");
}

TEST(TemplateValues, FindSkipsVectorsAndFindVectorSkipsSingles) {
  const auto content = parsed("A=[K=1]\nA=single");
  EXPECT_EQ(content.get("A"), "single");
  EXPECT_EQ(content.find_vector("A")->get("K"), "1");
  EXPECT_EQ(content.find("MISSING"), nullptr);
  EXPECT_EQ(content.find_vector("MISSING"), nullptr);
  EXPECT_EQ(content.get("MISSING", "fallback"), "fallback");
  EXPECT_TRUE(content.has("a"));
}

TEST(TemplateValues, EraseTellsWhetherThereWasAny) {
  auto content = parsed("A=1\nA=[B=2]\nC=3");
  EXPECT_TRUE(content.erase("a"));
  EXPECT_FALSE(content.erase("a"));
  EXPECT_EQ(content, parsed("C=3"));
}

TEST(TemplateValues, UnderstandsYesInAnyCase) {
  for (const auto* yes : {"YES", "yes", "True", "1", "on"}) {
    Template content;
    content.set("A", std::string(yes));
    EXPECT_TRUE(content.is_yes("A")) << yes;
    EXPECT_TRUE((Vector{{"A", yes}}).is_yes("a")) << yes;
  }
  EXPECT_FALSE(parsed("A=NO").is_yes("A"));
  EXPECT_FALSE(parsed("A=11").is_yes("A"));
  EXPECT_FALSE(Template().is_yes("A"));
}

TEST(TemplateValues, AVectorInheritsOnlyWhatItDoesNotHave) {
  Vector disk{{"DRIVER", "raw"}};
  disk.inherit("driver", "qcow2");
  disk.inherit("SIZE", "5");
  EXPECT_EQ(disk.get("DRIVER"), "raw");
  EXPECT_EQ(disk.get("SIZE"), "5");
  disk.set("Driver", "qcow2");
  EXPECT_EQ(disk.items().size(), 2u);
  EXPECT_TRUE(disk.erase("driver"));
  EXPECT_FALSE(disk.erase("driver"));
}

TEST(TemplateMerge, ReplacesEveryAttributeOfANameThatArrives) {
  auto content = parsed("A=1\nDISK=[X=1]\nB=2\nDISK=[X=2]");
  content.merge(parsed("DISK=[X=3]\nDISK=[X=4]\nNEW=5"));
  EXPECT_EQ(content, parsed("A=1\nB=2\nDISK=[X=3]\nDISK=[X=4]\nNEW=5"));
}

TEST(TemplateMerge, AnEmptyVectorOnlyRemoves) {
  auto content = parsed("A=1\nB=2\nC=[K=1]");
  content.merge(parsed("A=[]\nC=[]\nGONE=[]\nB=\"\""));
  EXPECT_EQ(content, parsed("B=\"\""));
}

TEST(TemplateMerge, WithItselfChangesNothing) {
  auto content = parsed("A=1\nA=2\nB=[K=1]");
  const auto before = content;
  content.merge(content);
  EXPECT_EQ(content, before);
}

TEST(TemplateMerge, GrowthBeyondALimitIsFoundByTheCheck) {
  Template content;
  content.set("A", std::string(600'000, 'x'));
  EXPECT_TRUE(content.check_limits());
  Template more;
  more.set("B", std::string(600'000, 'y'));
  content.merge(more);
  ASSERT_FALSE(content.check_limits());
  EXPECT_TRUE(content.check_limits(kStoredLimits));
  EXPECT_TRUE(Template::parse(content.to_text(), kStoredLimits));
}

}  // namespace
}  // namespace neph::text
