#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/golden/golden.h"

namespace neph::view::golden {
namespace {

std::filesystem::path file_of(const Document& document) {
  return std::filesystem::path(NEPH_SOURCE_DIR) / "tests/golden" / (document.name + ".xml");
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// With NEPH_GOLDEN=write in the environment the files are written anew, to be read by a person.
bool is_writing() {
  const char* ask = std::getenv("NEPH_GOLDEN");
  return ask != nullptr && std::string_view(ask) == "write";
}

class Golden : public testing::TestWithParam<Document> {};

TEST_P(Golden, DocumentIsTheRecordedOne) {
  const std::string now = indented(GetParam().text);
  if (is_writing()) std::ofstream(file_of(GetParam())) << now;
  EXPECT_EQ(now, content_of(file_of(GetParam()))) << file_of(GetParam());
}

TEST_P(Golden, DocumentShowsNoSecret) {
  EXPECT_EQ(GetParam().text.find("argon2"), std::string::npos);
  EXPECT_EQ(GetParam().text.find("a-login-token"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Documents, Golden, testing::ValuesIn(documents()), &test_name_of);

}  // namespace
}  // namespace neph::view::golden
