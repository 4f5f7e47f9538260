#include "api/internal/methods.h"
#include "base/lanes.h"
#include "compute/vm.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

/// The calls about backups, over a VM of alice's that is off. Without a runner no job goes on.
class BackupMethods : public testing::Test {
 protected:
  void SetUp() override {
    rooms_.name_storage("local");
    Registry<Call> rows;
    add_backup_methods(rows);
    add_datastore_methods(rows);
    add_image_methods(rows);
    add_vm_methods(rows);
    add_vm_change_methods(rows);
    rooms_.serve(std::move(rows));
    rooms_.store().run([&](db::Txn& txn) -> Result<void> {
      compute::Vm vm;
      vm.name = "guest";
      vm.owner = rooms_.alice;
      vm.group = GroupId{1};
      vm.permissions = {0700};
      vm.state = compute::VmState::kPoweroff;
      vm.rest_grade = datastore::Grade::kShutdown;
      vm.system_datastore = DatastoreId{0};
      const VmId id = compute::insert_vm(txn, vm);
      compute::VmDisk disk;
      disk.vm = id;
      disk.id = DiskId{0};
      disk.is_present = true;
      disk.size_mb = 10;
      disk.target = "vda";
      compute::save_disk(txn, disk);
      return {};
    });
    lanes_.run_until_idle();
  }

  Told call(const std::string& method, const std::string& params,
            const std::string& session = "oneadmin:root-token") {
    Told told;
    rooms_.dispatcher().handle(call_of(method, as_string(session) + params), "test",
                               [&](const std::string& body) { told = told_by(body); });
    lanes_.run_until_idle();
    return told;
  }
  Told back_up(std::int64_t datastore) {
    return call("one.vm.backup", as_int(0) + as_int(datastore));
  }
  /// \returns its id
  std::int64_t backup_datastore() {
    const Told made = call("one.datastore.allocate",
                           as_string("NAME=kept\nDS_MAD=fs\nTYPE=BACKUP_DS") + as_int(-1));
    EXPECT_TRUE(made.is_success) << made.text;
    return made.number;
  }
  std::string vm_document() { return call("one.vm.info", as_int(0)).text; }

  ManualLanes lanes_;
  Rooms rooms_{lanes_};
};

TEST_F(BackupMethods, ABackupAnswersTheVmAndShowsALockedImage) {
  const Told made = back_up(backup_datastore());
  ASSERT_TRUE(made.is_success) << made.text;
  EXPECT_EQ(made.number, 0);
  EXPECT_NE(vm_document().find("<LCM_STATE>70</LCM_STATE>"), std::string::npos);
  const std::string image = call("one.image.info", as_int(0)).text;
  EXPECT_NE(image.find("<TYPE>6</TYPE>"), std::string::npos);
  EXPECT_NE(image.find("<STATE>4</STATE>"), std::string::npos);
  EXPECT_NE(image.find("<BACKUP_DISK_IDS><ID>0</ID></BACKUP_DISK_IDS>"), std::string::npos);
  EXPECT_EQ(back_up(100).code, 2048) << "one at a time";
  EXPECT_EQ(call("one.vm.backupcancel", as_int(0)).number, 0);
}

TEST_F(BackupMethods, WhatCannotBeBackedUpIsRefusedWithTheCodeOfOpenNebula) {
  EXPECT_EQ(back_up(-1).code, 2048) << "no last one";
  EXPECT_EQ(back_up(1).code, 2048) << "a datastore of images";
  EXPECT_EQ(back_up(77).code, 1024);
  EXPECT_EQ(call("one.vm.backup", as_int(7) + as_int(1)).code, 1024);
  EXPECT_EQ(call("one.vm.backupcancel", as_int(0)).code, 8192);
  EXPECT_EQ(call("one.vm.backupcancel", as_int(7)).code, 1024);
}

TEST_F(BackupMethods, AnOwnerWithoutTheRightAdminIsRefused) {
  const auto kept = backup_datastore();
  const std::string alice = "alice:alice-token";
  EXPECT_TRUE(call("one.vm.info", as_int(0), alice).is_success);
  call("one.vm.chmod", as_int(0) + as_int(1) + as_int(1) + as_int(0) + as_int(-1) + as_int(-1) +
                           as_int(-1) + as_int(-1) + as_int(-1) + as_int(-1));
  EXPECT_EQ(call("one.vm.backup", as_int(0) + as_int(kept), alice).code, 512);
  EXPECT_EQ(call("one.vm.backupcancel", as_int(0), alice).code, 512);
  EXPECT_EQ(call("one.vm.restore", as_int(0) + as_int(0) + as_int(-1) + as_int(-1), alice).code,
            512);
}

TEST_F(BackupMethods, ARestoreNeedsABackupAndNoIncrement) {
  ASSERT_TRUE(call("one.image.allocate", as_string("NAME=i\nSIZE=1") + as_int(1)).is_success);
  const auto restore = [&](int image, int increment) {
    return call("one.vm.restore", as_int(0) + as_int(image) + as_int(increment) + as_int(-1));
  };
  EXPECT_EQ(restore(9, -1).code, 1024);
  EXPECT_EQ(restore(0, -1).code, 2048);
  const Told increment = restore(0, 3);
  EXPECT_EQ(increment.code, 2048);
  EXPECT_NE(increment.text.find("increment"), std::string::npos);
}

TEST_F(BackupMethods, TheConfigurationIsShownAmongTheBackups) {
  const Told told = call("one.vm.updateconf",
                         as_int(0) + as_string("BACKUP_CONFIG=[KEEP_LAST=2,FS_FREEZE=NONE]") +
                             as_int(1));
  ASSERT_TRUE(told.is_success) << told.text;
  const std::string document = vm_document();
  EXPECT_NE(document.find("<BACKUPS><BACKUP_CONFIG><FS_FREEZE><![CDATA[NONE]]></FS_FREEZE>"
                          "<KEEP_LAST><![CDATA[2]]></KEEP_LAST></BACKUP_CONFIG>"),
            std::string::npos)
      << document;
  const Told refused = call("one.vm.updateconf",
                            as_int(0) + as_string("BACKUP_CONFIG=[MODE=INCREMENT]") + as_int(1));
  EXPECT_EQ(refused.code, 8192);
  EXPECT_NE(refused.text.find("FULL"), std::string::npos);
}

}  // namespace
}  // namespace neph::api
