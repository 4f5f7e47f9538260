#include <gtest/gtest.h>

#include "api/internal/empty_pools_xml.h"
#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

class EmptyPools : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_empty_pool_methods(rows);
    world.serve(std::move(rows));
  }
  static std::string window(std::int64_t filter) {
    return as_int(filter) + as_int(-1) + as_int(-1);
  }

  World world;
};

TEST_F(EmptyPools, AnswerEverybodyWithADocumentThatHoldsNothing) {
  for (const EmptyPool& pool : empty_pools()) {
    const std::string method{pool.method};
    // One parameter more than the longest takes: clients send a zone behind the others.
    const auto told = world.as_alice(method, window(-2) + as_int(100) + as_int(0));
    EXPECT_TRUE(told.is_success) << method << ": " << told.text;
    EXPECT_EQ(told.text, fmt::format("<{0}></{0}>", pool.tag)) << method;
    EXPECT_EQ(world.call(method, "nobody:x", window(-2) + as_int(100)).code, 256) << method;
  }
}

TEST_F(EmptyPools, AreThoseThatClientsAskFor) {
  EXPECT_EQ(world.as_alice("one.marketpool.info").text, "<MARKETPLACE_POOL></MARKETPLACE_POOL>");
}

TEST_F(EmptyPools, RefuseWrongFlagsAsOtherPoolsDo) {
  for (const EmptyPool& pool : empty_pools()) {
    const bool has_filter = pool.arguments == PoolArguments::kWindow;
    const auto told = world.as_alice(std::string{pool.method}, window(-5) + as_int(100));
    EXPECT_EQ(told.code, has_filter ? 4096 : 0) << pool.method;
  }
}

TEST_F(EmptyPools, NeedTheParametersTheirMethodsHave) {
  EXPECT_TRUE(world.as_alice("one.vrouterpool.info", as_int(-2)).is_fault);
}

}  // namespace
}  // namespace neph::api
