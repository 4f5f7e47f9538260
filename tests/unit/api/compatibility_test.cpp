#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "api/call.h"

namespace neph::api {
namespace {

namespace fs = std::filesystem;

/// A method of OpenNebula 7.4, as tests/golden/opennebula_methods.tsv knows it. Tiers: A is what
/// every client calls, B what Sunstone and the usual tools call, C the rest.
struct Known {
  std::string name;
  char tier = 'C';
  std::size_t least = 0;  ///< parameters behind the session
  std::size_t most = 0;
};

std::vector<Known> known_methods() {
  std::ifstream file(fs::path{NEPH_SOURCE_DIR} / "tests/golden/opennebula_methods.tsv");
  std::vector<Known> methods;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    Known method;
    fields >> method.name >> method.tier >> method.least >> method.most;
    methods.push_back(method);
  }
  return methods;
}

bool is_provided(const Registry<Call>& registry, const std::string& name) {
  const auto row = registry.find(name);
  return row && (*row)->info.is_provided;
}

TEST(ApiCompatibility, EveryMethodOfTiersAAndBIsProvided) {
  const auto registry = make_registry();
  const auto methods = known_methods();
  ASSERT_GT(methods.size(), 300u);
  for (const auto& method : methods) {
    if (method.tier == 'C') continue;
    EXPECT_TRUE(is_provided(registry, method.name)) << method.name;
  }
}

TEST(ApiCompatibility, NoMethodOfOpenNebulaIsUnknown) {
  const auto registry = make_registry();
  for (const auto& method : known_methods()) {
    EXPECT_TRUE(registry.find(method.name)) << method.name;
  }
}

TEST(ApiCompatibility, AMethodTakesTheParametersItHasThere) {
  const auto registry = make_registry();
  for (const auto& method : known_methods()) {
    const auto row = registry.find(method.name);
    if (!row || !(*row)->info.is_provided) continue;
    EXPECT_LE((*row)->info.required, method.least) << method.name;
    EXPECT_GE((*row)->info.args.size(), method.most) << method.name;
  }
}

std::string line_of(const Registry<Call>& registry, const Known& method) {
  const auto row = registry.find(method.name);
  std::string state = "missing";
  if (row) state = (*row)->info.is_provided ? "provided" : "not provided: " + (*row)->info.doc;
  return fmt::format("| {} | {} | {} |\n", method.name, method.tier, state);
}

constexpr std::string_view kTableBegins =
    "<!-- generated: run unit_api with NEPH_UPDATE_DOCS=1 -->\n";

// Named like the tests of docs/api.md, because both are written anew by one command.
TEST(ApiDocument, OfCompatibilityShowsWhatTheRegistrySays) {
  const fs::path file = fs::path{NEPH_SOURCE_DIR} / "docs/compatibility.md";
  std::ostringstream content;
  content << std::ifstream(file, std::ios::binary).rdbuf();
  const std::string text = content.str();
  const auto at = text.find(kTableBegins);
  ASSERT_NE(at, std::string::npos);
  std::string expected = text.substr(0, at + kTableBegins.size());
  expected += "\n| method | tier | here |\n|---|---|---|\n";
  const auto registry = make_registry();
  for (const auto& method : known_methods()) expected += line_of(registry, method);
  if (std::getenv("NEPH_UPDATE_DOCS") != nullptr)
    std::ofstream(file, std::ios::binary) << expected;
  std::ostringstream now;
  now << std::ifstream(file, std::ios::binary).rdbuf();
  EXPECT_TRUE(now.str() == expected)
      << "docs/compatibility.md is stale: run unit_api with NEPH_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace neph::api
