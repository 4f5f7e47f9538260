#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

constexpr const char* kPlan =
    "NAME=plan VN_MAD=bridge BRIDGE=br0 AR=[TYPE=IP4,IP=10.0.0.10,SIZE=50]";

/// Templates of virtual networks. Users may not create any, until a rule says so.
class NetworkTemplateMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_network_template_methods(rows);
    add_network_methods(rows);
    add_cluster_methods(rows);
    world.serve(std::move(rows));
    world.in_transaction([](db::Txn& txn) { compute::bootstrap_clusters(txn); });
  }
  void let_users_create() {
    world.in_transaction([](db::Txn& txn) {
      // "@1 VNTEMPLATE/* CREATE *"
      txn.exec("INSERT INTO acls(user_field, resource, rights, zone) VALUES (?, ?, ?, ?)",
               0x2'0000'0001LL, 0x40'0000'0000'0000LL | 0x4'0000'0000LL, 8, 0x4'0000'0000LL);
      txn.touch(ObjectKind::kAcl, 0);
    });
  }
  std::int64_t make(const std::string& text = kPlan) {
    const auto told = world.as_admin("one.vntemplate.allocate", as_string(text));
    EXPECT_TRUE(told.is_success) << told.text;
    return told.number;
  }
  void let_others_use(std::int64_t id) {
    std::string bits;
    for (int bit = 0; bit < 6; ++bit) bits += as_int(-1);
    bits += as_int(1) + as_int(-1) + as_int(-1);
    ASSERT_TRUE(world.as_admin("one.vntemplate.chmod", as_int(id) + bits).is_success);
  }
  static std::string instance(std::int64_t id, const std::string& name,
                              const std::string& extra = {}) {
    return as_int(id) + as_string(name) + as_string(extra);
  }
  std::string shown(const std::string& object, std::int64_t id) {
    return world.as_admin("one." + object + ".info", as_int(id)).text;
  }
  bool shows(const std::string& object, std::int64_t id, const std::string& words) {
    return shown(object, id).find(words) != std::string::npos;
  }

  World world;
};

TEST_F(NetworkTemplateMethods, ATemplateIsKeptShownChangedAndRemoved) {
  const auto id = make();
  EXPECT_EQ(id, 0);
  EXPECT_TRUE(shows("vntemplate", id, "<NAME>plan</NAME><PERMISSIONS>")) << shown("vntemplate", id);
  EXPECT_TRUE(shows("vntemplate", id, "<BRIDGE><![CDATA[br0]]></BRIDGE>"));
  EXPECT_TRUE(world.as_admin("one.vntemplate.update",
                             as_int(id) + as_string("NOTE=x") + as_int(1)).is_success);
  EXPECT_TRUE(shows("vntemplate", id, "<NOTE><![CDATA[x]]></NOTE>"));
  EXPECT_TRUE(world.as_admin("one.vntemplate.rename", as_int(id) + as_string("p2")).is_success);
  const auto copy = world.as_admin("one.vntemplate.clone", as_int(id) + as_string("p3"));
  EXPECT_TRUE(shows("vntemplate", copy.number, "<NOTE><![CDATA[x]]></NOTE>"));
  EXPECT_EQ(world.as_admin("one.vntemplate.rename", as_int(id) + as_string("p3")).code, 2048);
  EXPECT_TRUE(world.as_admin("one.vntemplate.chown",
                             as_int(id) + as_int(2) + as_int(1)).is_success);
  EXPECT_TRUE(shows("vntemplate", id, "<UNAME>alice</UNAME><GNAME>users</GNAME>"));
  EXPECT_TRUE(world.as_alice("one.vntemplate.delete", as_int(id)).is_success);
  EXPECT_EQ(world.as_alice("one.vntemplate.info", as_int(id)).code, 1024);
}

TEST_F(NetworkTemplateMethods, APoolShowsWhatTheCallerMayUse) {
  const auto first = make();
  make("NAME=other VN_MAD=bridge");
  const std::string all = as_int(-2) + as_int(-1) + as_int(-1);
  EXPECT_EQ(world.as_alice("one.vntemplatepool.info", all).text,
            "<VNTEMPLATE_POOL></VNTEMPLATE_POOL>");
  let_others_use(first);
  const auto seen = world.as_alice("one.vntemplatepool.info", all).text;
  EXPECT_NE(seen.find("<NAME>plan<"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("<NAME>other<"), std::string::npos) << seen;
  const std::string page = as_int(-2) + as_int(0) + as_int(-1);
  EXPECT_NE(world.as_admin("one.vntemplatepool.info", page).text.find("<NAME>other<"),
            std::string::npos);
  EXPECT_EQ(world.as_alice("one.vntemplatepool.info",
                           as_int(-9) + as_int(-1) + as_int(-1)).code, 4096);
}

TEST_F(NetworkTemplateMethods, WhoMayUseItMakesANetworkWithoutAnyOtherRight) {
  const auto id = make();
  EXPECT_EQ(world.as_alice("one.vntemplate.instantiate", instance(id, "mine")).code, 512);
  let_others_use(id);
  const auto made = world.as_alice("one.vntemplate.instantiate",
                                   instance(id, "mine", "NOTE=x AR=[TYPE=IP4,IP=10.9.0.1,SIZE=3]"));
  ASSERT_TRUE(made.is_success) << made.text;
  EXPECT_TRUE(shows("vn", made.number, "<UNAME>alice</UNAME>"));
  EXPECT_TRUE(shows("vn", made.number, "<NAME>mine</NAME>"));
  EXPECT_TRUE(shows("vn", made.number, "<BRIDGE><![CDATA[br0]]></BRIDGE>"));
  EXPECT_TRUE(shows("vn", made.number, "<TEMPLATE_ID><![CDATA[0]]></TEMPLATE_ID>"));
  EXPECT_TRUE(shows("vn", made.number, "10.9.0.1"));
  EXPECT_EQ(world.as_alice("one.vntemplate.instantiate", instance(id, "mine")).code, 16384)
      << "the name is taken";
  EXPECT_EQ(world.as_alice("one.vntemplate.instantiate", instance(99, "x")).code, 1024);
}

TEST_F(NetworkTemplateMethods, ANetworkIsInTheClustersThatTheTemplateNames) {
  const auto rack = world.as_admin("one.cluster.allocate", as_string("rack")).number;
  const auto id = make(fmt::format("NAME=plan VN_MAD=bridge CLUSTER_IDS=\"0,{}\"", rack));
  const auto made = world.as_admin("one.vntemplate.instantiate", instance(id, "both"));
  ASSERT_TRUE(made.is_success) << made.text;
  EXPECT_TRUE(shows("vn", made.number, fmt::format("<CLUSTERS><ID>0</ID><ID>{}</ID>", rack)))
      << shown("vn", made.number);
  const auto lost = make("NAME=lost VN_MAD=bridge CLUSTER_IDS=77");
  EXPECT_EQ(world.as_admin("one.vntemplate.instantiate", instance(lost, "x")).code, 1024);
}

TEST_F(NetworkTemplateMethods, TheRightToCreateIsAskedFor) {
  EXPECT_EQ(world.as_alice("one.vntemplate.allocate", as_string("NAME=a")).code, 512);
  let_users_create();
  EXPECT_TRUE(world.as_alice("one.vntemplate.allocate", as_string("NAME=a")).is_success);
  EXPECT_EQ(world.as_alice("one.vntemplate.allocate", as_string("NOTE=a")).code, 8192);
}

TEST_F(NetworkTemplateMethods, ALockStopsChangesAndUse) {
  const auto id = make();
  ASSERT_TRUE(world.as_admin("one.vntemplate.lock", as_int(id) + as_int(1)).is_success);
  EXPECT_TRUE(shows("vntemplate", id, "<LOCK><LOCKED>1</LOCKED>"));
  EXPECT_EQ(world.as_admin("one.vntemplate.instantiate", instance(id, "x")).code, 512);
  EXPECT_EQ(world.as_admin("one.vntemplate.delete", as_int(id)).code, 512);
  ASSERT_TRUE(world.as_admin("one.vntemplate.unlock", as_int(id)).is_success);
  EXPECT_TRUE(world.as_admin("one.vntemplate.delete", as_int(id)).is_success);
}

}  // namespace
}  // namespace neph::api
