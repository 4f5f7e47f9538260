#include "base/words.h"

#include <gtest/gtest.h>

namespace neph {
namespace {

using Words = std::vector<std::string_view>;

TEST(Words, ListIsSplitAtCommas) {
  EXPECT_EQ(between_commas("1,2,33"), (Words{"1", "2", "33"}));
  EXPECT_EQ(between_commas("one"), (Words{"one"}));
  EXPECT_EQ(between_commas(" a , b"), (Words{" a ", " b"}));
}

TEST(Words, EmptyWordsStayButNotAfterTheLastComma) {
  EXPECT_EQ(between_commas(",1,,2,"), (Words{"", "1", "", "2"}));
  EXPECT_EQ(between_commas(","), (Words{""}));
  EXPECT_EQ(between_commas(""), Words{});
}

TEST(Words, BlanksGoAtBothEndsOnly) {
  EXPECT_EQ(without_blanks("  a b "), "a b");
  EXPECT_EQ(without_blanks("   "), "");
  EXPECT_EQ(without_blanks(""), "");
}

TEST(Words, OnlyLettersOfAsciiChangeTheirCase) {
  EXPECT_EQ(upper("azAZ@[`{9-ä"), "AZAZ@[`{9-ä");
  EXPECT_EQ(lower("azAZ@[`{9-Ä"), "azaz@[`{9-Ä");
}

}  // namespace
}  // namespace neph
