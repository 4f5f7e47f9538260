#include "api/internal/methods.h"
#include "base/lanes.h"
#include "compute/vm.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

/// The calls about snapshots, over a VM of alice's that is off.
class SnapshotMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_snapshot_methods(rows);
    rooms_.serve(std::move(rows));
    rooms_.store().run([&](db::Txn& txn) -> Result<void> {
      compute::Vm vm;
      vm.name = "guest";
      vm.owner = rooms_.alice;
      vm.group = GroupId{1};
      vm.state = compute::VmState::kPoweroff;
      vm.rest_grade = datastore::Grade::kShutdown;
      const VmId id = compute::insert_vm(txn, vm);
      compute::VmDisk disk;
      disk.vm = id;
      disk.id = DiskId{0};
      disk.kind = compute::DiskKind::kVolatile;
      disk.is_present = true;
      disk.size_mb = 10;
      disk.target = "vda";
      compute::save_disk(txn, disk);
      return {};
    });
    lanes_.run_until_idle();
  }

  Told call(const std::string& method, const std::string& params,
            const std::string& session = "alice:alice-token") {
    Told told;
    rooms_.dispatcher().handle(call_of(method, as_string(session) + params), "test",
                               [&](const std::string& body) { told = told_by(body); });
    lanes_.run_until_idle();
    return told;
  }
  static std::string create(const std::string& disks, const std::string& options) {
    return as_int(0) + as_string(disks) + as_string("saved") + as_string(options);
  }

  ManualLanes lanes_;
  Rooms rooms_{lanes_};
};

TEST_F(SnapshotMethods, CreateAnswersTheIdsAndTheSnapshotCanBeCancelled) {
  const Told made = call("neph.snapshot.create", create("0", "DATASTORE_ID = 1"));
  ASSERT_TRUE(made.is_success) << made.text;
  EXPECT_EQ(made.text,
            "<SNAPSHOTS><SNAPSHOT><ID>1</ID><IMAGE_ID>0</IMAGE_ID><DISK_ID>0</DISK_ID>"
            "</SNAPSHOT></SNAPSHOTS>");
  EXPECT_NE(call("neph.snapshot.info", as_int(1)).text.find("<KIND>HOT</KIND>"),
            std::string::npos);
  EXPECT_NE(call("neph.snapshot.list", as_int(-2) + as_int(0)).text.find("<ID>1</ID>"),
            std::string::npos);
  EXPECT_EQ(call("neph.snapshot.list", as_int(-2) + as_int(7)).text,
            "<SNAPSHOT_POOL></SNAPSHOT_POOL>");
  EXPECT_EQ(call("neph.snapshot.cancel", as_int(1)).number, 1);
}

TEST_F(SnapshotMethods, OptionsThatDoNotExistAreRefusedByName) {
  const auto words = [&](const std::string& options) {
    return call("neph.snapshot.create", create("0", options)).text;
  };
  EXPECT_NE(words("COLOUR = red").find("no option COLOUR"), std::string::npos);
  EXPECT_NE(words("KIND = warm").find("HOT, DEFERRED"), std::string::npos);
  EXPECT_NE(words("WHEN = END").find("deferred"), std::string::npos);
  EXPECT_NE(call("neph.snapshot.create", create("0,x", "")).text.find("disk \"x\""),
            std::string::npos);
}

TEST_F(SnapshotMethods, StrangersAreRefused) {
  ASSERT_TRUE(call("neph.snapshot.create", create("0", "DATASTORE_ID = 1")).is_success);
  rooms_.store().run([](db::Txn& txn) -> Result<void> {
    txn.exec("UPDATE snapshots SET user_id = 0");
    txn.exec("UPDATE vms SET user_id = 0");
    txn.touch(ObjectKind::kSnapshot, 1);
    txn.touch(ObjectKind::kVm, 0);
    return {};
  });
  lanes_.run_until_idle();
  EXPECT_EQ(call("neph.snapshot.cancel", as_int(1)).code, 512);
  EXPECT_EQ(call("neph.snapshot.info", as_int(1)).code, 512);
  EXPECT_EQ(call("neph.snapshot.create", create("0", "")).code, 512);
  const Told missing = call("neph.snapshot.cancel", as_int(9));
  EXPECT_EQ(missing.code, 1024);
  EXPECT_EQ(missing.object, 9);
}

TEST_F(SnapshotMethods, OpenNebulasCallsRefuseVolatileDisksAndDiskSnapshots) {
  const std::string save = as_int(0) + as_int(0) + as_string("saved") + as_string("");
  EXPECT_EQ(call("one.vm.disksaveas", save + as_int(-1)).code, 8192);
  EXPECT_EQ(call("one.vm.disksaveas", save + as_int(3)).code, 8192);
  EXPECT_EQ(call("one.vm.savedisk", save).code, 2048);
}

}  // namespace
}  // namespace neph::api
