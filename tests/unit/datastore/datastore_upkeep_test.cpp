#include "tests/unit/datastore/bench.h"

namespace neph::datastore {
namespace {

/// Datastore 100 is a system datastore, 101 one for images; both are in no cluster.
class DatastoreUpkeep : public ImageBench {
 protected:
  void SetUp() override {
    ImageBench::SetUp();
    sql("INSERT INTO datastores(id, name, user_id, group_id, permissions, type, ds_mad, tm_mad,"
        " base_path) VALUES (100, 'fast', 0, 0, 384, 1, '-', 'local', '/ds/100'),"
        " (101, 'archive', 0, 0, 384, 0, 'fs', 'local', '/ds/101')");
    sql("INSERT INTO clusters(id, name) VALUES (100, 'west')");
    sql("INSERT INTO hosts(id, name, cluster_id, im_mad, vm_mad, uri)"
        " VALUES (0, 'node1', 100, 'kvm', 'kvm', '')");
  }
  void sql(const std::string& text) {
    const auto done = transact([&](db::Txn& txn) -> Result<void> {
      txn.exec(text);
      return {};
    });
    ASSERT_TRUE(done) << done.error().text();
  }
  Result<void> remove(DatastoreId id) {
    return transact([&](db::Txn& txn) { return service_->remove_datastore(txn, id); });
  }
  Result<void> join(DatastoreId id, ClusterId cluster) {
    return transact([&](db::Txn& txn) { return service_->add_to_cluster(txn, id, cluster); });
  }
  Result<void> leave(DatastoreId id, ClusterId cluster) {
    return transact([&](db::Txn& txn) { return service_->remove_from_cluster(txn, id, cluster); });
  }
  Result<void> rename(DatastoreId id, const std::string& name) {
    return transact([&](db::Txn& txn) { return service_->rename_datastore(txn, id, name); });
  }
  Result<void> enable(DatastoreId id, bool is_enabled) {
    return transact(
        [&](db::Txn& txn) { return service_->set_datastore_enabled(txn, id, is_enabled); });
  }
  /// As SQL: VM 5 with its disks in the system datastore.
  void put_vm(int state) {
    sql(fmt::format(
        "INSERT INTO vms(id, name, user_id, group_id, permissions, state, uuid, cpu, vcpus,"
        " memory_mb, created_at, template, host_id, system_datastore_id)"
        " VALUES (5, 'guest', 2, 1, 384, {}, '', 1, 1, 64, 0, '', 0, 100)",
        state));
  }
  Datastore datastore(DatastoreId id) {
    Datastore found;
    look([&](db::Txn& txn) { found = find_datastore(txn, id).value_or(Datastore{}); });
    return found;
  }

  static constexpr DatastoreId kFast{100};
  static constexpr DatastoreId kArchive{101};
  static constexpr ClusterId kWest{100};
};

TEST_F(DatastoreUpkeep, RemovesOneThatNobodyNeeds) {
  ASSERT_TRUE(join(kArchive, kWest));
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    CHECK_OK(service_->remove_datastore(txn, kArchive));
    EXPECT_TRUE(txn.changes().all().contains({ObjectKind::kCluster, kWest.value}));
    EXPECT_TRUE(txn.changes().all().contains({ObjectKind::kDatastore, kArchive.value}));
    return {};
  }));
  EXPECT_EQ(remove(kArchive).error().code, Errc::kNotFound);
  look([&](db::Txn& txn) { EXPECT_EQ(list_datastores(txn).size(), 4u); });
}

TEST_F(DatastoreUpkeep, KeepsTheOnesThatEveryStartMakesAgain) {
  for (const int id : {0, 1, 2}) EXPECT_EQ(remove(DatastoreId{id}).error().code, Errc::kWrongState);
}

TEST_F(DatastoreUpkeep, KeepsOneWithImages) {
  const auto image = allocate_as(root_, "NAME=disk\nTYPE=DATABLOCK\nSIZE=10", kArchive);
  ASSERT_TRUE(image) << image.error().text();
  EXPECT_EQ(remove(kArchive).error().message, "Datastore 101 is not empty: 1 images");
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, *image); }));
  EXPECT_TRUE(remove(kArchive));
}

TEST_F(DatastoreUpkeep, KeepsOneWithDisksOfVmsUntilTheyHaveEnded) {
  constexpr int kPoweredOff = 8;
  put_vm(kPoweredOff);
  EXPECT_EQ(remove(kFast).error().message, "Datastore 100 is not empty: 1 VMs");
  sql("UPDATE vms SET state = 6");
  sql("INSERT INTO vm_disks(vm_id, disk_id, kind, is_retained) VALUES (5, 0, 1, 1)");
  EXPECT_EQ(remove(kFast).error().message,
            "Datastore 100 is not empty: 1 disks that snapshots keep");
  sql("UPDATE vm_disks SET is_retained = 0");
  EXPECT_TRUE(remove(kFast));
}

TEST_F(DatastoreUpkeep, KeepsOneThatASnapshotIsToBeCopiedInto) {
  constexpr int kArmed = 1, kReady = 5;
  const auto set_phase = [&](int phase) {
    sql(fmt::format("INSERT OR REPLACE INTO snapshots(id, set_id, user_id, group_id, vm_id,"
                    " disk_id, image_id, image_name, datastore_id, kind, fires, quiesce, phase,"
                    " requested_at_ms) VALUES (9, 9, 2, 1, 3, 0, 77, 'saved', 101, 1, 0, 2, {}, 0)",
                    phase));
  };
  set_phase(kArmed);
  EXPECT_EQ(remove(kArchive).error().message,
            "Datastore 101 is not empty: 1 unfinished snapshots");
  set_phase(kReady);
  EXPECT_TRUE(remove(kArchive));
}

TEST_F(DatastoreUpkeep, RenamesAndTellsTheImages) {
  const auto image = allocate_as(root_, "NAME=disk\nTYPE=DATABLOCK\nSIZE=10", kArchive);
  ASSERT_TRUE(image) << image.error().text();
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    CHECK_OK(service_->rename_datastore(txn, kArchive, "attic"));
    EXPECT_TRUE(txn.changes().all().contains({ObjectKind::kImage, image->value}));
    return {};
  }));
  EXPECT_EQ(datastore(kArchive).name, "attic");
  EXPECT_TRUE(rename(kArchive, "attic")) << "its present name";
  EXPECT_EQ(rename(kArchive, "fast").error().message, "NAME is already taken by DATASTORE 100.");
  EXPECT_EQ(rename(kArchive, "").error().code, Errc::kInvalid);
  EXPECT_EQ(rename(DatastoreId{7}, "x").error().code, Errc::kNotFound);
}

TEST_F(DatastoreUpkeep, DisablesSystemDatastoresOnly) {
  ASSERT_TRUE(enable(kFast, false));
  EXPECT_FALSE(datastore(kFast).is_enabled);
  ASSERT_TRUE(enable(kFast, true));
  EXPECT_TRUE(datastore(kFast).is_enabled);
  EXPECT_EQ(enable(kArchive, false).error().code, Errc::kInvalid);
}

TEST_F(DatastoreUpkeep, GivesAwayToThoseWhoExist) {
  const auto chown = [&](UserId user, GroupId group) {
    return transact(
        [&](db::Txn& txn) { return service_->chown_datastore(txn, kArchive, user, group); });
  };
  ASSERT_TRUE(chown(alice_.user, {}));
  EXPECT_EQ(datastore(kArchive).owner, alice_.user);
  EXPECT_EQ(datastore(kArchive).group, GroupId{0});
  ASSERT_TRUE(chown({}, alice_.group));
  EXPECT_EQ(datastore(kArchive).group, alice_.group);
  EXPECT_EQ(chown(UserId{77}, {}).error().code, Errc::kNotFound);
  EXPECT_EQ(chown({}, GroupId{77}).error().code, Errc::kNotFound);
}

TEST_F(DatastoreUpkeep, LetsADatastoreBeInSeveralClusters) {
  ASSERT_TRUE(join(kArchive, kWest));
  ASSERT_TRUE(join(kArchive, ClusterId{0}));
  EXPECT_TRUE(join(kArchive, kWest)) << "it is there already";
  EXPECT_EQ(datastore(kArchive).clusters, (std::vector{ClusterId{0}, kWest}));
  ASSERT_TRUE(leave(kArchive, ClusterId{0}));
  EXPECT_EQ(datastore(kArchive).clusters, std::vector{kWest});
  EXPECT_EQ(leave(kArchive, ClusterId{0}).error().message,
            "Datastore 101 is not in cluster 0");
  EXPECT_EQ(join(kArchive, ClusterId{7}).error().message, "Error getting cluster [7].");
  EXPECT_EQ(leave(kArchive, ClusterId{7}).error().code, Errc::kNotFound);
  EXPECT_EQ(join(DatastoreId{7}, kWest).error().code, Errc::kNotFound);
}

TEST_F(DatastoreUpkeep, LeavesADatastoreToTheVmsOfTheCluster) {
  constexpr int kActive = 3;
  put_vm(kActive);
  sql("INSERT INTO vm_disks(vm_id, disk_id, kind, image_datastore_id) VALUES (5, 0, 1, 101)");
  for (const DatastoreId id : {kFast, kArchive}) {
    ASSERT_TRUE(join(id, kWest));
    EXPECT_EQ(leave(id, kWest).error().message,
              fmt::format("Cannot take datastore {} out of cluster 100: VMs on its hosts use it: 5",
                          id));
    ASSERT_TRUE(join(id, ClusterId{0}));
    EXPECT_TRUE(leave(id, ClusterId{0})) << "no host of that cluster runs the VM";
  }
  sql("UPDATE vms SET state = 6");
  EXPECT_TRUE(leave(kFast, kWest));
  EXPECT_TRUE(leave(kArchive, kWest));
}

}  // namespace
}  // namespace neph::datastore
