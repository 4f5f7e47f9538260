#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

Registry<Call> cluster_rows() {
  Registry<Call> rows;
  add_host_methods(rows);
  add_cluster_methods(rows);
  add_datastore_methods(rows);
  add_image_methods(rows);
  return rows;
}

/// Host 0 and the datastores 0, 1, 2 are in cluster 0; datastore 100, a system datastore, and
/// datastore 101 with image 0 are in none.
class ClusterMethods : public testing::Test {
 protected:
  void SetUp() override {
    world.serve(cluster_rows());
    world.in_transaction([](db::Txn& txn) {
      compute::Host host;
      host.name = "node1";
      host.cluster = ClusterId{0};
      compute::insert_host(txn, host);
      txn.exec("INSERT INTO datastores(id, name, user_id, group_id, permissions, type, ds_mad,"
               " tm_mad, base_path) VALUES (100, 'fast', 0, 0, 384, 1, '-', 'local', '/ds/100'),"
               " (101, 'archive', 0, 0, 384, 0, 'fs', 'local', '/ds/101')");
      txn.touch(ObjectKind::kDatastore, 100);
      txn.touch(ObjectKind::kDatastore, 101);
      datastore::Image image;
      image.name = "disk";
      image.owner = UserId{0};
      image.group = GroupId{0};
      image.datastore = DatastoreId{101};
      datastore::insert_image(txn, image);
    });
  }
  void allow_alice(std::int64_t resource, access::Op op) {
    world.in_transaction([&](db::Txn& txn) {
      constexpr std::int64_t kIndividual = 0x1'0000'0000;
      constexpr std::int64_t kAll = 0x4'0000'0000;
      txn.exec("INSERT INTO acls(user_field, resource, rights, zone) VALUES (?, ?, ?, ?)",
               kIndividual + world.alice.value, resource + kAll, static_cast<int>(op), kAll);
    });
  }
  std::string document(const std::string& method, std::int64_t id) {
    const auto told = world.as_admin(method, as_int(id));
    EXPECT_TRUE(told.is_success) << told.text;
    return told.text;
  }
  void expect_in(const std::string& document, const std::string& part) {
    EXPECT_NE(document.find(part), std::string::npos) << part << " in " << document;
  }

  World world;
};

TEST_F(ClusterMethods, AClusterIsMadeRenamedAndRemoved) {
  EXPECT_EQ(world.as_admin("one.cluster.allocate", as_string("west")).number, 100);
  expect_in(document("one.cluster.info", 100), "<NAME>west</NAME>");
  const auto taken = world.as_admin("one.cluster.allocate", as_string("west"));
  EXPECT_EQ(taken.code, 16384);
  EXPECT_EQ(taken.text, "[one.cluster.allocate] Error allocating a new cluster. NAME is already "
                        "taken by CLUSTER 100.");
  EXPECT_EQ(world.as_admin("one.cluster.allocate", as_string("")).code, 8192);
  const auto rename = [&](const std::string& name) {
    return world.as_admin("one.cluster.rename", as_int(100) + as_string(name));
  };
  EXPECT_EQ(rename("east").number, 100);
  EXPECT_EQ(rename("default").code, 2048);
  EXPECT_EQ(rename("a/b").code, 2048);
  EXPECT_EQ(world.as_admin("one.cluster.delete", as_int(100)).number, 100);
  EXPECT_EQ(world.as_admin("one.cluster.info", as_int(100)).code, 1024);
  EXPECT_EQ(world.as_admin("one.cluster.delete", as_int(100)).code, 1024);
  EXPECT_EQ(world.as_admin("one.cluster.delete", as_int(0)).code, 2048);
}

TEST_F(ClusterMethods, HostsMoveAndAllDocumentsShowIt) {
  world.as_admin("one.cluster.allocate", as_string("west"));
  const std::string members = as_int(100) + as_int(0);
  EXPECT_EQ(world.as_admin("one.cluster.addhost", members).number, 100);
  expect_in(document("one.cluster.info", 100), "<HOSTS><ID>0</ID></HOSTS>");
  expect_in(document("one.cluster.info", 0), "<HOSTS></HOSTS>");
  expect_in(document("one.host.info", 0), "<CLUSTER>west</CLUSTER>");
  world.as_admin("one.cluster.rename", as_int(100) + as_string("east"));
  expect_in(document("one.host.info", 0), "<CLUSTER>east</CLUSTER>");
  EXPECT_EQ(world.as_admin("one.cluster.delete", as_int(100)).code, 2048);
  EXPECT_EQ(world.as_admin("one.cluster.delhost", as_int(4711) + as_int(0)).number, 4711)
      << "the cluster that is named does not matter";
  expect_in(document("one.host.info", 0), "<CLUSTER>default</CLUSTER>");
  EXPECT_EQ(world.as_admin("one.cluster.addhost", as_int(7) + as_int(0)).code, 1024);
  EXPECT_EQ(world.as_admin("one.cluster.addhost", as_int(100) + as_int(7)).code, 1024);
  EXPECT_EQ(world.as_admin("one.cluster.delhost", as_int(100) + as_int(7)).code, 1024);
}

TEST_F(ClusterMethods, DatastoresComeAndGo) {
  const std::string members = as_int(0) + as_int(101);
  EXPECT_EQ(world.as_admin("one.cluster.adddatastore", members).number, 0);
  expect_in(document("one.cluster.info", 0), "<ID>101</ID></DATASTORES>");
  expect_in(document("one.datastore.info", 101), "<CLUSTERS><ID>0</ID></CLUSTERS>");
  EXPECT_EQ(world.as_admin("one.cluster.deldatastore", members).number, 0);
  expect_in(document("one.datastore.info", 101), "<CLUSTERS></CLUSTERS>");
  EXPECT_EQ(world.as_admin("one.cluster.deldatastore", members).code, 8192);
  EXPECT_EQ(world.as_admin("one.cluster.deldatastore", as_int(7) + as_int(101)).code, 1024);
  EXPECT_EQ(world.as_admin("one.cluster.adddatastore", as_int(0) + as_int(7)).code, 1024);
}

TEST_F(ClusterMethods, AttributesOfAClusterAreReplacedOrMerged) {
  const auto update = [&](const std::string& text, std::int64_t type) {
    return world.as_admin("one.cluster.update", as_int(0) + as_string(text) + as_int(type));
  };
  EXPECT_EQ(update("NOTE=a", 1).number, 0);
  expect_in(document("one.cluster.info", 0), "<NOTE><![CDATA[a]]></NOTE>");
  EXPECT_EQ(update("garbage [[", 1).code, 8192);
  EXPECT_FALSE(update("NOTE=b", 2).is_success);
}

TEST_F(ClusterMethods, OrdinaryUsersNeedARuleForEach) {
  const std::string pair = as_int(0) + as_int(0);
  EXPECT_EQ(world.as_alice("one.cluster.allocate", as_string("mine")).code, 512);
  EXPECT_EQ(world.as_alice("one.cluster.rename", as_int(0) + as_string("mine")).code, 512);
  EXPECT_EQ(world.as_alice("one.cluster.update", as_int(0) + as_string("A=1")).code, 512);
  EXPECT_EQ(world.as_alice("one.cluster.delete", as_int(0)).code, 512);
  for (const char* what : {"addhost", "delhost", "adddatastore", "deldatastore"})
    EXPECT_EQ(world.as_alice(fmt::format("one.cluster.{}", what), pair).code, 512) << what;
  allow_alice(static_cast<std::int64_t>(access::Resource::kCluster), access::Op::kAdmin);
  EXPECT_EQ(world.as_alice("one.cluster.delhost", pair).code, 512) << "the host is not hers";
  allow_alice(static_cast<std::int64_t>(access::Resource::kHost), access::Op::kAdmin);
  EXPECT_EQ(world.as_alice("one.cluster.delhost", pair).number, 0);
}

TEST_F(ClusterMethods, ADatastoreIsRenamedAndItsImagesShowIt) {
  const auto rename = [&](const std::string& name) {
    return world.as_admin("one.datastore.rename", as_int(101) + as_string(name));
  };
  EXPECT_EQ(rename("attic").number, 101);
  expect_in(document("one.datastore.info", 101), "<NAME>attic</NAME>");
  expect_in(document("one.image.info", 0), "<DATASTORE>attic</DATASTORE>");
  EXPECT_EQ(rename("fast").code, 2048);
  EXPECT_EQ(rename("").code, 2048);
}

TEST_F(ClusterMethods, ADatastoreGoesOnlyWhenItIsEmpty) {
  const auto refused = world.as_admin("one.datastore.delete", as_int(101));
  EXPECT_EQ(refused.code, 2048);
  EXPECT_EQ(refused.text, "[one.datastore.delete] Datastore 101 is not empty: 1 images");
  EXPECT_EQ(world.as_admin("one.datastore.delete", as_int(100)).number, 100);
  EXPECT_EQ(world.as_admin("one.datastore.info", as_int(100)).code, 1024);
  EXPECT_EQ(world.as_admin("one.datastore.delete", as_int(100)).code, 1024);
  EXPECT_EQ(world.as_admin("one.datastore.delete", as_int(0)).code, 2048);
}

TEST_F(ClusterMethods, ADatastoreIsDisabledAndEnabled) {
  EXPECT_EQ(world.as_admin("one.datastore.enable", as_int(100) + as_int(0)).number, 100);
  expect_in(document("one.datastore.info", 100), "<STATE>1</STATE>");
  EXPECT_EQ(world.as_admin("one.datastore.enable", as_int(100) + as_int(1)).number, 100);
  expect_in(document("one.datastore.info", 100), "<STATE>0</STATE>");
  EXPECT_EQ(world.as_admin("one.datastore.enable", as_int(101) + as_int(0)).code, 8192);
}

TEST_F(ClusterMethods, ADatastoreChangesHandsAndPermissions) {
  const auto bits = [](std::int64_t id, std::int64_t owner_admin, std::int64_t other_use) {
    return as_int(id) + as_int(-1) + as_int(-1) + as_int(owner_admin) + as_int(-1) + as_int(-1) +
           as_int(-1) + as_int(other_use) + as_int(-1) + as_int(-1);
  };
  expect_in(document("one.datastore.info", 101), "<OTHER_U>0</OTHER_U>");
  EXPECT_EQ(world.as_admin("one.datastore.chmod", bits(101, -1, 1)).number, 101);
  expect_in(document("one.datastore.info", 101), "<OTHER_U>1</OTHER_U>");
  EXPECT_EQ(world.as_admin("one.datastore.chmod", bits(101, -1, 2)).code, 8192);
  EXPECT_EQ(world.as_alice("one.datastore.rename", as_int(101) + as_string("hers")).code, 512);

  const auto chown = [&](std::int64_t user, std::int64_t group) {
    return world.as_admin("one.datastore.chown", as_int(101) + as_int(user) + as_int(group));
  };
  EXPECT_EQ(chown(world.alice.value, -1).number, 101);
  expect_in(document("one.datastore.info", 101), "<UNAME>alice</UNAME>");
  EXPECT_EQ(world.as_alice("one.datastore.rename", as_int(101) + as_string("hers")).number, 101);
  EXPECT_EQ(world.as_alice("one.datastore.chmod", bits(101, 1, -1)).code, 512)
      << "an admin bit needs ADMIN";
  EXPECT_EQ(chown(4711, -1).code, 1024);
  EXPECT_EQ(chown(-1, 4711).code, 1024);
  EXPECT_EQ(world.as_admin("one.datastore.chown", as_int(7) + as_int(0) + as_int(0)).code, 1024);
}

}  // namespace
}  // namespace neph::api
