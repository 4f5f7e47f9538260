#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

class DocumentMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_document_methods(rows);
    world.serve(std::move(rows));
  }
  std::int64_t make(const std::string& text, std::int64_t type) {
    const auto told =
        world.as_alice("one.document.allocate", as_string(text) + as_int(type));
    EXPECT_TRUE(told.is_success) << told.text;
    return told.number;
  }
  std::string shown(std::int64_t id) {
    return world.as_admin("one.document.info", as_int(id)).text;
  }
  bool shows(std::int64_t id, const std::string& words) {
    return shown(id).find(words) != std::string::npos;
  }
  static std::string pool_of(std::int64_t type) {
    return as_int(-2) + as_int(-1) + as_int(-1) + as_int(type);
  }

  World world;
};

TEST_F(DocumentMethods, AnApplicationKeepsItsTextAndReadsItAgain) {
  const auto id = make("NAME=service BODY=\"{}\"", 100);
  EXPECT_TRUE(shows(id, "<NAME>service</NAME><TYPE>100</TYPE>")) << shown(id);
  EXPECT_TRUE(shows(id, "<BODY><![CDATA[{}]]></BODY>"));
  ASSERT_TRUE(world.as_alice("one.document.update",
                             as_int(id) + as_string("STATE=2") + as_int(1)).is_success);
  EXPECT_TRUE(shows(id, "<BODY><![CDATA[{}]]></BODY><STATE><![CDATA[2]]></STATE>")) << shown(id);
  ASSERT_TRUE(world.as_alice("one.document.update", as_int(id) + as_string("ONLY=1")).is_success);
  EXPECT_FALSE(shows(id, "BODY"));
  EXPECT_EQ(world.as_alice("one.document.allocate", as_string("BODY=1") + as_int(100)).code, 8192);
}

TEST_F(DocumentMethods, APoolHoldsOneTypeOrAllOfThem) {
  make("NAME=a", 100);
  make("NAME=b", 101);
  EXPECT_EQ(world.as_alice("one.documentpool.info", pool_of(101)).text.find("<NAME>a<"),
            std::string::npos);
  const auto all = world.as_alice("one.documentpool.info", pool_of(-1)).text;
  EXPECT_LT(all.find("<NAME>b<"), all.find("<NAME>a<")) << all;
}

TEST_F(DocumentMethods, ItIsRenamedGivenAwayClonedAndRemoved) {
  const auto id = make("NAME=a X=1", 100);
  EXPECT_TRUE(world.as_alice("one.document.rename", as_int(id) + as_string("b")).is_success);
  const auto copy = world.as_alice("one.document.clone", as_int(id) + as_string("c")).number;
  EXPECT_TRUE(shows(copy, "<NAME>c</NAME><TYPE>100</TYPE>")) << shown(copy);
  EXPECT_TRUE(world.as_admin("one.document.chown", as_int(id) + as_int(0) + as_int(0)).is_success);
  EXPECT_TRUE(shows(id, "<UNAME>oneadmin</UNAME><GNAME>oneadmin</GNAME><NAME>b</NAME>"));
  EXPECT_EQ(world.as_alice("one.document.delete", as_int(id)).code, 512);
  EXPECT_TRUE(world.as_alice("one.document.delete", as_int(copy)).is_success);
  EXPECT_EQ(world.as_alice("one.document.info", as_int(copy)).code, 1024);
}

TEST_F(DocumentMethods, OthersSeeItWhenItsBitsSaySo) {
  const auto id = world.as_admin("one.document.allocate", as_string("NAME=a") + as_int(0)).number;
  EXPECT_EQ(world.as_alice("one.document.info", as_int(id)).code, 512);
  std::string keep;
  for (int bit = 0; bit < 6; ++bit) keep += as_int(-1);
  const std::string bits = keep + as_int(1) + as_int(-1) + as_int(-1);
  ASSERT_TRUE(world.as_admin("one.document.chmod", as_int(id) + bits).is_success);
  EXPECT_TRUE(world.as_alice("one.document.info", as_int(id)).is_success);
}

TEST_F(DocumentMethods, ALockIsShownAndStopsChangesButNotALook) {
  const auto id = make("NAME=a", 100);
  ASSERT_TRUE(world.as_alice("one.document.lock", as_int(id) + as_int(1)).is_success);
  EXPECT_TRUE(shows(id, "<LOCK><LOCKED>1</LOCKED><OWNER>2</OWNER><TIME>")) << shown(id);
  EXPECT_EQ(world.as_alice("one.document.rename", as_int(id) + as_string("b")).code, 512);
  EXPECT_EQ(world.as_admin("one.document.delete", as_int(id)).code, 512);
  EXPECT_TRUE(world.as_alice("one.document.info", as_int(id)).is_success);
  EXPECT_EQ(world.as_alice("one.document.lock", as_int(id) + as_int(9)).code, 2048);
  ASSERT_TRUE(world.as_alice("one.document.unlock", as_int(id)).is_success);
  EXPECT_FALSE(shows(id, "LOCK"));
  EXPECT_TRUE(world.as_alice("one.document.rename", as_int(id) + as_string("b")).is_success);
}

}  // namespace
}  // namespace neph::api
