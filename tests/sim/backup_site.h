#pragma once

#include "tests/sim/site.h"

namespace neph {

/// A site with a datastore for backups.
class BackupSite : public Site {
 protected:
  void SetUp() override {
    Site::SetUp();
    const auto made = run<DatastoreId>([&](db::Txn& txn) {
      const auto ask = text::Template::parse("NAME=kept\nDS_MAD=fs\nTYPE=BACKUP_DS");
      return daemon().images.allocate_datastore(txn, admin_, *ask, ClusterId{});
    });
    ASSERT_TRUE(made) << made.error().text();
    kept_ = *made;
  }

  /// A VM with two disks; the guest has written stamp 1 to the first, 2 to the second.
  VmId two_disks(const std::string& more = "") {
    const VmId id = create_vm(fmt::format("{}\nDISK=[IMAGE_ID=\"{}\"]", more, base_));
    write(id, "vda", 1, 1);
    write(id, "vdb", 1, 2);
    return id;
  }
  void write(VmId id, const std::string& target, std::int64_t block, sim::Stamp stamp) {
    ASSERT_TRUE(world().guest_writes(compute::domain_name(id), target, block, stamp));
  }
  Result<ImageId> try_backup(VmId id, DatastoreId datastore) {
    return run<ImageId>([&](db::Txn& txn) {
      return daemon().snapshots.back_up(txn, admin_, {id, datastore});
    });
  }
  /// Asked for, not yet made.
  ImageId back_up(VmId id) {
    const auto made = try_backup(id, kept_);
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(ImageId{});
  }

  DatastoreId kept_;
};

}  // namespace neph
