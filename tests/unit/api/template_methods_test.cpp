#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

class TemplateMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_template_methods(rows);
    world.serve(std::move(rows));
  }
  static std::string copy_of(std::int64_t id, const std::string& name) {
    return as_int(id) + as_string(name);
  }

  World world;
};

TEST_F(TemplateMethods, ATemplateIsClonedForWhoAsks) {
  const auto id = world.as_alice("one.template.allocate", as_string("NAME=web CPU=2")).number;
  const auto copy = world.as_admin("one.template.clone", copy_of(id, "copy"));
  ASSERT_TRUE(copy.is_success) << copy.text;
  EXPECT_NE(copy.number, id);
  const auto shown = world.as_admin("one.template.info", as_int(copy.number)).text;
  EXPECT_NE(shown.find("<UNAME>oneadmin</UNAME>"), std::string::npos) << shown;
  EXPECT_NE(shown.find("<NAME>copy</NAME>"), std::string::npos) << shown;
  EXPECT_NE(shown.find("<CPU><![CDATA[2]]></CPU>"), std::string::npos) << shown;
}

TEST_F(TemplateMethods, ACloneIsRefusedWithTheCodesOfOpenNebula) {
  const auto hers = world.as_alice("one.template.allocate", as_string("NAME=web CPU=2")).number;
  const auto root = world.as_admin("one.template.allocate", as_string("NAME=secret")).number;
  EXPECT_EQ(world.as_alice("one.template.clone", copy_of(hers, "web")).code, 8192);
  EXPECT_EQ(world.as_alice("one.template.clone", copy_of(hers, "")).code, 8192);
  EXPECT_EQ(world.as_alice("one.template.clone", copy_of(root, "mine")).code, 512);
  EXPECT_EQ(world.as_alice("one.template.clone", copy_of(4711, "mine")).code, 1024);
  const auto ghost =
      world.as_alice("one.template.allocate", as_string("NAME=g DISK=[IMAGE=ghost]")).number;
  const auto deep = world.as_alice("one.template.clone", copy_of(ghost, "deep") + as_int(1));
  EXPECT_EQ(deep.code, 1024);
  EXPECT_NE(deep.text.find("ghost"), std::string::npos) << deep.text;
  EXPECT_EQ(world.as_alice("one.template.info", as_int(ghost + 1)).code, 1024) << "nothing is made";
}

}  // namespace
}  // namespace neph::api
