#include "text/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

namespace neph::text {
namespace {

using testing::HasSubstr;

std::vector<std::string> host_attribute(std::string_view name) {
  static const std::map<std::string, std::vector<std::string>, std::less<>> kHost{
      {"NAME", {"node1"}},        {"CLUSTER_ID", {"100"}},      {"FREE_CPU", {"350.5"}},
      {"HYPERVISOR", {"kvm"}},    {"CLUSTERS/ID", {"0", "100"}}, {"NOTE", {"two words"}},
      {"FREE_MEMORY", {"2048"}},  {"RUNNING_VMS", {"4"}},        {"WORD", {"inf"}},
      {"HUGE", {"1e308"}}};
  const auto found = kHost.find(name);
  return found == kHost.end() ? std::vector<std::string>{} : found->second;
}

bool matches(std::string_view source) {
  const auto requirement = Requirement::parse(source);
  EXPECT_TRUE(requirement) << source << ": " << (requirement ? "" : requirement.error().message);
  return requirement && requirement->matches(&host_attribute);
}

double rank(std::string_view source) {
  const auto parsed = Rank::parse(source);
  EXPECT_TRUE(parsed) << source << ": " << (parsed ? "" : parsed.error().message);
  return parsed ? parsed->value(&host_attribute) : std::numeric_limits<double>::quiet_NaN();
}

template <class Expression>
std::string error_of(std::string_view source) {
  const auto parsed = Expression::parse(source);
  EXPECT_FALSE(parsed) << source.substr(0, 100);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, Errc::kInvalid);
  return parsed.error().message;
}

TEST(Requirement, UnderstandsWhatOpenNebulaAndItsUsersWrite) {
  EXPECT_TRUE(matches("CLUSTER_ID=100"));
  EXPECT_TRUE(matches("(CLUSTER_ID = 0 | CLUSTER_ID = 100) & !(PIN_POLICY = PINNED)"));
  EXPECT_TRUE(matches("(\"CLUSTERS/ID\" @> 100)"));
  EXPECT_FALSE(matches("(\"CLUSTERS/ID\" @> 101)"));
  EXPECT_TRUE(matches("NAME=\"node*\" & FREE_CPU > 60"));
  EXPECT_TRUE(matches("HYPERVISOR=\"kvm\""));
  EXPECT_TRUE(matches("!(\"CLUSTERS/ID\" @> 7)&NAME!=node2"));
}

TEST(Requirement, AnEmptyOneMatchesEverything) {
  EXPECT_TRUE(matches(""));
  EXPECT_TRUE(matches(" \n"));
  EXPECT_TRUE(Requirement().matches(&host_attribute));
}

TEST(Requirement, ComparesNumbersAsNumbersAndTheRestAsText) {
  EXPECT_TRUE(matches("CLUSTER_ID = \"100.0\""));
  EXPECT_TRUE(matches("FREE_CPU > 99"));
  EXPECT_FALSE(matches("FREE_CPU < 99"));
  EXPECT_FALSE(matches("FREE_CPU > 350.5"));
  EXPECT_TRUE(matches("FREE_CPU > -1"));
  EXPECT_TRUE(matches("NAME > node0"));
  EXPECT_TRUE(matches("NAME < node10 | NAME < node2"));
  EXPECT_FALSE(matches("NAME > node1"));
  EXPECT_TRUE(matches("WORD = inf"));
}

TEST(Requirement, StarsStandForAnything) {
  EXPECT_TRUE(matches("NAME = n*e1"));
  EXPECT_TRUE(matches("NAME = *"));
  EXPECT_TRUE(matches("NAME = ***node1**"));
  EXPECT_FALSE(matches("NAME = node"));
  EXPECT_FALSE(matches("NAME = *x*"));
  EXPECT_FALSE(matches("NAME != node*"));
  EXPECT_TRUE(matches("CLUSTER_ID = 1*"));
  EXPECT_TRUE(matches("NOTE = \"two *\""));
}

TEST(Requirement, AnUnknownAttributeMakesAComparisonFalse) {
  EXPECT_FALSE(matches("NOWHERE = x"));
  EXPECT_FALSE(matches("NOWHERE != x"));
  EXPECT_FALSE(matches("NOWHERE < 1"));
  EXPECT_FALSE(matches("NOWHERE @> 1"));
  EXPECT_TRUE(matches("!(PIN_POLICY = PINNED)"));
}

TEST(Requirement, NamesIgnoreCaseAndValuesDoNot) {
  EXPECT_TRUE(matches("name = node1"));
  EXPECT_FALSE(matches("NAME = NODE1"));
}

TEST(Requirement, AndAndOrGroupFromTheLeft) {
  EXPECT_FALSE(matches("NAME=node1 | NAME=x & NAME=y"));
  EXPECT_TRUE(matches("NAME=node1 | (NAME=x & NAME=y)"));
  EXPECT_TRUE(matches("NAME=x & NAME=y | NAME=node1"));
  EXPECT_FALSE(matches("!NAME=x & NAME=y"));
  EXPECT_TRUE(matches("!!NAME=node1"));
}

TEST(Requirement, ErrorsNameTheCharacter) {
  EXPECT_EQ(error_of<Requirement>("NAME = "),
            "Parse error: expected a value at character 8, where it ends, in: NAME = ");
  EXPECT_EQ(error_of<Requirement>("NAME ? x"),
            "Parse error: expected =, !=, <, > or @> at character 6, in: NAME ? x");
  EXPECT_THAT(error_of<Requirement>("(A=1"), HasSubstr("character 5"));
  EXPECT_THAT(error_of<Requirement>("A=1 B=2"), HasSubstr("expected & or | at character 5"));
  for (const auto* source : {"&", "A", "A=", "=1", "A=1 &", "A=1 | | B=2", "()", "A=1)", "!",
                             "A==1", "A>=1", "A=\"open", "A @ 1", "A ! 1", "\"\\\"", "@>"})
    EXPECT_THAT(error_of<Requirement>(source), HasSubstr("character ")) << source;
}

TEST(Requirement, BoundsLengthAndDepth) {
  EXPECT_THAT(error_of<Requirement>("A=" + std::string(16'384, 'x')), HasSubstr("bytes"));
  EXPECT_THAT(error_of<Requirement>(std::string(10'000, '(')), HasSubstr("64 levels"));
  EXPECT_THAT(error_of<Requirement>(std::string(10'000, '!')), HasSubstr("64 levels"));
  EXPECT_TRUE(matches(std::string(63, '(') + "NAME=node1" + std::string(63, ')')));
  std::string chain = "NAME=x";
  while (chain.size() < 16'000) chain += "|NAME=x";
  EXPECT_FALSE(matches(chain));
  EXPECT_TRUE(matches(chain + "|NAME=node1"));
}

TEST(Requirement, ManyStarsEndQuickly) {
  std::string stars;
  for (int i = 0; i < 4000; ++i) stars += "*a";
  const auto requirement = Requirement::parse("A=" + stars + "b");
  ASSERT_TRUE(requirement);
  const std::string text(10'000, 'a');
  EXPECT_FALSE(requirement->matches([&](std::string_view) { return std::vector{text}; }));
}

TEST(Rank, CalculatesWithTheUsualPrecedence) {
  EXPECT_DOUBLE_EQ(rank(""), 0);
  EXPECT_DOUBLE_EQ(rank("FREE_CPU"), 350.5);
  EXPECT_DOUBLE_EQ(rank("1 + 2 * 3 - 4 / 2"), 5);
  EXPECT_DOUBLE_EQ(rank("(1 + 2) * 3"), 9);
  EXPECT_DOUBLE_EQ(rank("10 - 4 - 3"), 3);
  EXPECT_DOUBLE_EQ(rank("- RUNNING_VMS"), -4);
  EXPECT_DOUBLE_EQ(rank("free_memory / 1024 - -1"), 3);
  EXPECT_DOUBLE_EQ(rank("\"CLUSTERS/ID\" + .5"), 0.5);
}

TEST(Rank, CountsWhatIsUnknownOrNoNumberAsNothing) {
  EXPECT_DOUBLE_EQ(rank("NOWHERE + 1"), 1);
  EXPECT_DOUBLE_EQ(rank("NAME + 1"), 1);
  EXPECT_DOUBLE_EQ(rank("5 / NOWHERE"), 0);
  EXPECT_DOUBLE_EQ(rank("HUGE * HUGE"), 0);
  EXPECT_DOUBLE_EQ(rank("HUGE * HUGE - HUGE * HUGE"), 0);
  EXPECT_DOUBLE_EQ(rank("WORD"), 0);
}

TEST(Rank, ErrorsNameTheCharacter) {
  EXPECT_THAT(error_of<Rank>("FREE_CPU +"), HasSubstr("character 11"));
  for (const auto* source : {"+", "1 2", "(1", "1)", "2FREE", "1..2", "\"open", "A=1",
                             "()", "1 * / 2"})
    EXPECT_THAT(error_of<Rank>(source), HasSubstr("character ")) << source;
  EXPECT_THAT(error_of<Rank>(std::string(10'000, '-')), HasSubstr("64 levels"));
  EXPECT_THAT(error_of<Rank>(std::string(20'000, ' ')), HasSubstr("bytes"));
}

TEST(Expressions, NoiseIsRefusedOrEvaluated) {
  std::mt19937 random(11);
  constexpr std::string_view kPieces = "AB1.=!<>@&|()\"\\*+-/ \n\xff";
  std::uniform_int_distribution<std::size_t> piece(0, kPieces.size() - 1);
  int understood = 0;
  for (int run = 0; run < 100'000; ++run) {
    std::string source;
    for (int i = 0; i < 12; ++i) source += kPieces[piece(random)];
    if (const auto requirement = Requirement::parse(source))
      understood += requirement->matches(&host_attribute) ? 2 : 1;
    if (const auto parsed = Rank::parse(source)) {
      ASSERT_TRUE(std::isfinite(parsed->value(&host_attribute))) << source;
      ++understood;
    }
  }
  EXPECT_GT(understood, 0);
}

}  // namespace
}  // namespace neph::text
