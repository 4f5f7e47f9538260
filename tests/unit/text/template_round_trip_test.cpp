#include <gtest/gtest.h>

#include <random>

#include "text/template.h"

namespace neph::text {
namespace {

/// Makes templates out of the characters and pieces that are hard to carry.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Template next() {
    Template content;
    for (std::size_t i = number_below(8); i > 0; --i) {
      const auto name = text_of(kNamePieces, 4);
      if (number_below(3) == 0)
        content.add(name, vector());
      else
        content.add(name, text_of(kValuePieces, 10));
    }
    return content;
  }

  std::string noise() {
    std::string text;
    for (std::size_t i = number_below(60); i > 0; --i)
      text += number_below(4) == 0 ? static_cast<char>(number_below(256))
                                   : std::string_view("AB=[],\"\\# \n<>/&;!")[number_below(17)];
    return text;
  }

 private:
  std::size_t number_below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }

  std::string text_of(const std::vector<std::string_view>& pieces, std::size_t count_max) {
    std::string text;
    for (std::size_t i = number_below(count_max + 1); i > 0; --i)
      text += pieces[number_below(pieces.size())];
    return text;
  }

  Vector vector() {
    Vector result;
    for (std::size_t i = number_below(5); i > 0; --i)
      result.set(text_of(kNamePieces, 3), text_of(kValuePieces, 6));
    return result;
  }

  const std::vector<std::string_view> kNamePieces{"a", "B", "_", "9", "disk", "XML", "-", "é", " "};
  const std::vector<std::string_view> kValuePieces{
      "\\", "\"", "\\\"", "\n", "\r", " ", "\t", "#", "=", ",", "[", "]", "]]", ">", "]]>", "<",
      "&", "word", "é", "\xff", "\x01", "$NAME", "'", std::string_view("\0", 1)};
  std::mt19937 random_;
};

class RoundTrip : public testing::TestWithParam<unsigned> {};

TEST_P(RoundTrip, EveryTemplateThatCanBeStoredReadsBackUnchanged) {
  Generator generator(GetParam());
  for (int i = 0; i < 3000; ++i) {
    const auto content = generator.next();
    const auto text = content.to_text();
    const auto again = Template::parse(text);
    ASSERT_TRUE(again) << "seed " << GetParam() << " run " << i << ": " << again.error().text()
                       << "\n" << text;
    ASSERT_EQ(*again, content) << "seed " << GetParam() << " run " << i << "\n" << text;
    ASSERT_EQ(again->to_text(), text);
  }
}

TEST_P(RoundTrip, NoiseIsRefusedOrReadsBackUnchanged) {
  Generator generator(GetParam());
  for (int i = 0; i < 20'000; ++i) {
    const auto source = (i % 3 == 0 ? "<" : i % 3 == 1 ? "A=" : "") + generator.noise();
    const auto content = Template::parse(source);
    if (!content) continue;
    const auto again = Template::parse(content->to_text());
    ASSERT_TRUE(again) << "seed " << GetParam() << " run " << i << "\n" << source;
    ASSERT_EQ(*again, *content) << "seed " << GetParam() << " run " << i << "\n" << source;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTrip, testing::Values(1u, 2u, 3u, 20260701u));

TEST(RoundTrip, ABackslashAtTheEndDoesNotSwallowTheQuote) {
  Template content;
  content.set("A", std::string("C:\\"));
  content.set("B", Vector{{"K", "\\\\\\"}, {"L", "x\\\""}});
  content.set("C", std::string("after"));
  EXPECT_EQ(content.to_text(), "A=\"C:\\ \"\nB=[K=\"\\\\\\ \",L=\"x\\\\\"\"]\nC=\"after\"\n");
  EXPECT_EQ(*Template::parse(content.to_text()), content);
}

TEST(RoundTrip, StoringBringsNamesAndValuesIntoAFormThatCanBeRead) {
  Template content;
  content.set("my-name", std::string(" a]]>b "));
  content.add("", std::string("x\0y", 3));
  EXPECT_EQ(content.attributes()[0], (Attribute{"MY_NAME", "a]] >b"}));
  EXPECT_EQ(content.attributes()[1], (Attribute{"_", "x?y"}));
  EXPECT_EQ(content.get("My-Name"), "a]] >b");
}

}  // namespace
}  // namespace neph::text
