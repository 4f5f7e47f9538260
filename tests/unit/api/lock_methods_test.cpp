#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

class LockMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_template_methods(rows);
    world.serve(std::move(rows));
    id = world.as_alice("one.template.allocate", as_string("NAME=web CPU=2")).number;
  }

  World world;
  std::int64_t id = -1;
};

TEST_F(LockMethods, ALockStopsItsOwnerAndAdministratorsAndIsShown) {
  ASSERT_TRUE(world.as_alice("one.template.lock", as_int(id) + as_int(2)).is_success);
  const std::string rename = as_int(id) + as_string("other");
  const auto hers = world.as_alice("one.template.rename", rename);
  EXPECT_EQ(hers.code, 512);
  EXPECT_NE(hers.text.find("TEMPLATE is locked."), std::string::npos) << hers.text;
  EXPECT_NE(hers.text.find("alice"), std::string::npos) << hers.text;
  EXPECT_EQ(world.as_admin("one.template.rename", rename).code, 512);
  const auto shown = world.as_alice("one.template.info", as_int(id)).text;
  EXPECT_NE(shown.find("<LOCK><LOCKED>2</LOCKED>"), std::string::npos) << shown;
  ASSERT_TRUE(world.as_alice("one.template.unlock", as_int(id)).is_success);
  EXPECT_TRUE(world.as_alice("one.template.rename", rename).is_success);
}

TEST_F(LockMethods, AskingWithTestTellsTheTimeOfTheLock) {
  const std::string with_test = as_int(id) + as_int(1) +
                                "<param><value><boolean>1</boolean></value></param>";
  ASSERT_TRUE(world.as_alice("one.template.lock", with_test).is_success);
  const auto told = world.as_alice("one.template.lock", with_test);
  EXPECT_EQ(told.code, 2048);
  const std::string prefix = "[one.template.lock] ";
  ASSERT_TRUE(told.text.starts_with(prefix)) << told.text;
  EXPECT_EQ(told.text.find_first_not_of("0123456789", prefix.size()), std::string::npos)
      << told.text;
  EXPECT_EQ(world.as_alice("one.template.lock", as_int(id) + as_int(9)).code, 2048);
}

}  // namespace
}  // namespace neph::api
