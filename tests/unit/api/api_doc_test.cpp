#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "api/call.h"

namespace neph::api {
namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(ApiDocument, IsWhatTheRegistrySays) {
  const std::filesystem::path file = std::filesystem::path{NEPH_SOURCE_DIR} / "docs/api.md";
  const std::string expected = make_registry().markdown();
  if (std::getenv("NEPH_UPDATE_DOCS") != nullptr) {
    std::ofstream(file, std::ios::binary) << expected;
  }
  EXPECT_TRUE(content_of(file) == expected)
      << "docs/api.md is stale: run unit_api with NEPH_UPDATE_DOCS=1";
}

TEST(ApiDocument, SaysSomethingAboutEveryMethod) {
  const auto registry = make_registry();
  for (const auto& [name, row] : registry.rows()) {
    EXPECT_FALSE(row.info.doc.empty()) << name;
    EXPECT_FALSE(row.info.answers.empty()) << name;
    EXPECT_FALSE(row.info.right.empty()) << name;
  }
}

}  // namespace
}  // namespace neph::api
