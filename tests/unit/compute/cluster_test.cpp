#include "compute/cluster.h"
#include "tests/unit/compute/world.h"

namespace neph::compute {
namespace {

class Clusters : public ComputeTest {
 protected:
  Result<ClusterId> create(const std::string& name) {
    return in_txn([&](db::Txn& txn) { return create_cluster(txn, name); });
  }
  Result<void> remove(ClusterId id) {
    return in_txn([&](db::Txn& txn) { return delete_cluster(txn, id); });
  }
  Result<void> rename(ClusterId id, const std::string& name) {
    return in_txn([&](db::Txn& txn) { return rename_cluster(txn, id, name); });
  }
  Result<void> update(ClusterId id, const std::string& change, bool is_append) {
    return in_txn([&](db::Txn& txn) -> Result<void> {
      return update_cluster(txn, {id, TRY(text::Template::parse(change)), is_append});
    });
  }
  Result<void> move(HostId host, ClusterId cluster) {
    return in_txn([&](db::Txn& txn) { return move_host(txn, host, cluster); });
  }
  HostId add_host(const std::string& name) {
    HostId id;
    must([&](db::Txn& txn) -> Result<void> {
      Host host;
      host.name = name;
      host.cluster = kDefaultCluster;
      id = insert_host(txn, host);
      return {};
    });
    return id;
  }
  Cluster cluster(ClusterId id) {
    const auto found = in_txn([&](db::Txn& txn) { return find_cluster(txn, id); });
    EXPECT_TRUE(found) << found.error().text();
    return found.value_or(Cluster{});
  }
};

TEST_F(Clusters, BeginWithNumberOneHundredAndNothingInThem) {
  const auto id = create("west");
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(*id, ClusterId{100});
  EXPECT_EQ(cluster(*id).name, "west");
  EXPECT_TRUE(cluster(*id).hosts.empty());
  EXPECT_TRUE(cluster(*id).datastores.empty());
}

TEST_F(Clusters, HaveNamesOfTheirOwn) {
  const auto west = *create("west");
  EXPECT_EQ(create("west").error().message, "NAME is already taken by CLUSTER 100.");
  EXPECT_EQ(create("west").error().code, Errc::kConflict);
  EXPECT_EQ(create("").error().code, Errc::kInvalid);
  EXPECT_EQ(create("a/b").error().code, Errc::kInvalid);
  EXPECT_TRUE(rename(west, "west")) << "its present name";
  EXPECT_EQ(rename(west, "default").error().message, "NAME is already taken by CLUSTER 0.");
  EXPECT_EQ(rename(west, "").error().code, Errc::kInvalid);
  ASSERT_TRUE(rename(west, "far west"));
  EXPECT_EQ(cluster(west).name, "far west");
  EXPECT_EQ(rename(ClusterId{7}, "x").error().message, "Error getting cluster [7].");
}

TEST_F(Clusters, TakeAHostOutOfTheOneItWasIn) {
  const auto west = *create("west");
  const HostId host = add_host("node1");
  EXPECT_EQ(cluster(kDefaultCluster).hosts, std::vector{host});
  ASSERT_TRUE(move(host, west));
  EXPECT_EQ(cluster(west).hosts, std::vector{host});
  EXPECT_TRUE(cluster(kDefaultCluster).hosts.empty());
  EXPECT_TRUE(move(host, west)) << "it is there already";
  EXPECT_EQ(move(host, ClusterId{7}).error().message, "Error getting cluster [7].");
  EXPECT_EQ(move(HostId{9}, west).error().message, "Error getting host [9].");
}

TEST_F(Clusters, TellTheirHostsOfEveryChange) {
  const auto west = *create("west");
  const HostId host = add_host("node1");
  ASSERT_TRUE(move(host, west));
  must([&](db::Txn& txn) -> Result<void> {
    CHECK_OK(rename_cluster(txn, west, "east"));
    EXPECT_TRUE(txn.changes().all().contains({ObjectKind::kHost, host.value}));
    EXPECT_TRUE(txn.changes().all().contains({ObjectKind::kCluster, west.value}));
    EXPECT_EQ(TRY(find_host(txn, host)).cluster_name, "east");
    return {};
  });
}

TEST_F(Clusters, StayWhileSomethingIsInThem) {
  const auto west = *create("west");
  const HostId host = add_host("node1");
  ASSERT_TRUE(move(host, west));
  EXPECT_EQ(remove(west).error().message,
            "Cannot delete cluster 100, there are still hosts in it: 0");
  EXPECT_EQ(remove(west).error().code, Errc::kWrongState);
  ASSERT_TRUE(move(host, kDefaultCluster));
  sql("INSERT INTO cluster_datastores VALUES (100, 0), (100, 1)");
  EXPECT_EQ(remove(west).error().message,
            "Cannot delete cluster 100, there are still datastores in it: 0, 1");
  sql("DELETE FROM cluster_datastores WHERE cluster_id = 100");
  ASSERT_TRUE(remove(west));
  EXPECT_EQ(remove(west).error().code, Errc::kNotFound);
}

TEST_F(Clusters, AlwaysHaveTheDefaultOneAmongThem) {
  sql("DELETE FROM cluster_datastores");
  EXPECT_EQ(remove(kDefaultCluster).error().code, Errc::kWrongState);
}

TEST_F(Clusters, KeepWhatTheAdministratorWrites) {
  ASSERT_TRUE(update(kDefaultCluster, "RESERVED_CPU=\"10%\" NOTE=a", false));
  ASSERT_TRUE(update(kDefaultCluster, "NOTE=b", true));
  EXPECT_EQ(cluster(kDefaultCluster).attributes.get("RESERVED_CPU"), "10%");
  EXPECT_EQ(cluster(kDefaultCluster).attributes.get("NOTE"), "b");
  ASSERT_TRUE(update(kDefaultCluster, "NOTE=c", false));
  EXPECT_FALSE(cluster(kDefaultCluster).attributes.has("RESERVED_CPU"));
  EXPECT_EQ(update(ClusterId{7}, "NOTE=c", false).error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace neph::compute
