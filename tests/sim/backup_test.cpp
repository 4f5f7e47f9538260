#include "access/locks.h"
#include "compute/backups.h"
#include "datastore/backups.h"
#include "jobs/queue.h"
#include "tests/sim/backup_site.h"

namespace neph {
namespace {

using compute::Action;
using datastore::Grade;
using datastore::ImageState;
using sim::Blocks;

/// Backups of VMs, and VMs that go back to them.
class BackupTest : public BackupSite {
 protected:
  Result<void> cancel(VmId id) {
    return change([&](db::Txn& txn) { return daemon().snapshots.cancel_backup(txn, id); });
  }
  Result<void> configure(VmId id, const std::string& config) {
    return change([&](db::Txn& txn) {
      const auto ask = text::Template::parse(fmt::format("BACKUP_CONFIG=[{}]", config));
      return daemon().vms.update_conf(txn, admin_, id, *ask, /*is_append=*/true);
    });
  }
  Result<void> restore(VmId id, ImageId image, DiskId disk = {}) {
    return change([&](db::Txn& txn) -> Result<void> {
      TRY(daemon().vms.restore(txn, UserId{0}, id, image, disk));
      return {};
    });
  }
  Result<void> remove(ImageId id) {
    return change([&](db::Txn& txn) { return daemon().images.remove(txn, id); });
  }
  datastore::Backup backup(ImageId id) {
    return read<datastore::Backup>(
        [&](db::Txn& txn) { return datastore::find_backup(txn, id).value(); });
  }
  std::vector<ImageId> backups(VmId id) {
    return read<std::vector<ImageId>>(
        [&](db::Txn& txn) { return datastore::list_backups_of(txn, id); });
  }
  Blocks saved(ImageId id, std::size_t disk) {
    return world().content_of(backup(id).disks.at(disk).path)->blocks;
  }
  Blocks content(VmId id, int number) {
    return world().content_of(disk(id, number).path)->blocks;
  }
  std::vector<std::string> files_kept() {
    std::vector<std::string> found;
    for (const auto& path : world().list_files())
      if (path.starts_with(fmt::format("/ds/{}/", kept_))) found.push_back(path);
    return found;
  }
  double quota_of_kept(const std::string& metric) {
    return read<double>([&](db::Txn& txn) {
      return txn.value<double>("SELECT used FROM quota_usage WHERE owner_kind = 1 AND owner_id = 0"
                               " AND section = 'DATASTORE' AND key = ? AND metric = ?",
                               fmt::format("{}", kept_), metric)
          .value_or(0);
    });
  }
  std::string error_of(VmId id) { return vm(id).user_attributes.get("ERROR"); }
  void power_off(VmId id) {
    act(id, Action::kPoweroff);
    EXPECT_EQ(shown(id), "POWEROFF");
  }
  /// The storage refuses what is copied into the backup datastore.
  void break_copies(Errc code, int times = sim::kAlways, int after = 0) {
    world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .after = after,
                    .times = times, .error = {code, "ordered", ""}});
  }
  void expect_nothing_left(VmId id) {
    EXPECT_EQ(files_kept(), std::vector<std::string>{});
    EXPECT_EQ(backups(id), std::vector<ImageId>{});
    EXPECT_EQ(quota_of_kept("SIZE"), 0);
    EXPECT_EQ(quota_of_kept("IMAGES"), 0);
    EXPECT_EQ(open_jobs().size(), 0u);
    EXPECT_EQ(disk(id).overlay_path, "");
    const auto holds =
        read<std::size_t>([&](db::Txn& txn) { return datastore::list_holds(txn, id).size(); });
    EXPECT_EQ(holds, 0u);
  }
};

TEST_F(BackupTest, ARunningVmIsBackedUpWithAllDisksAtOneInstant) {
  const VmId id = two_disks();
  const ImageId image_id = back_up(id);
  write(id, "vdb", 5, 50);
  pass(Duration{5'000});
  EXPECT_EQ(shown(id), "RUNNING");
  const auto made = image(image_id).value();
  EXPECT_EQ(made.state, ImageState::kReady);
  EXPECT_EQ(made.type, datastore::ImageType::kBackup);
  EXPECT_EQ(made.size_mb, 200);
  EXPECT_EQ(saved(image_id, 0), (Blocks{{0, 7}, {1, 1}}));
  EXPECT_EQ(saved(image_id, 1), (Blocks{{0, 7}, {1, 2}}));
  EXPECT_EQ(backup(image_id).grade, Grade::kFrozen);
  EXPECT_EQ(made.attributes.find_vector("SNAPSHOT")->get("GRADE"), "frozen");
  EXPECT_EQ(files_kept().size(), 2u);
  EXPECT_EQ(quota_of_kept("SIZE"), 200);
  EXPECT_EQ(quota_of_kept("IMAGES"), 1);
  EXPECT_EQ(backups(id), std::vector<ImageId>{image_id});
  EXPECT_EQ(disk(id).overlay_path, "");
  EXPECT_EQ(open_jobs().size(), 0u);
  const auto set = read<std::vector<snapshots::Snapshot>>(
      [&](db::Txn& txn) { return snapshots::list_by_image(txn, image_id); });
  ASSERT_EQ(set.size(), 2u);
  EXPECT_EQ(set[0].captured, set[1].captured);
}

TEST_F(BackupTest, AVmThatIsOffIsBackedUpAndStaysOff) {
  const VmId id = two_disks();
  power_off(id);
  const ImageId image_id = back_up(id);
  pass(Duration{5'000});
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(backup(image_id).grade, Grade::kShutdown);
  EXPECT_EQ(saved(image_id, 1), (Blocks{{0, 7}, {1, 2}}));
  EXPECT_EQ(files_of(id).size(), 2u) << "no layer is left";
}

TEST_F(BackupTest, TheVmShowsItsBackupUntilTheImageIsReady) {
  const VmId id = two_disks();
  break_copies(Errc::kUnavailable, 2);
  const ImageId image_id = back_up(id);
  EXPECT_EQ(shown(id), "BACKUP");
  EXPECT_EQ(image(image_id)->state, ImageState::kLocked);
  EXPECT_FALSE(try_act(id, Action::kPoweroff));
  EXPECT_FALSE(try_backup(id, kept_)) << "one at a time";
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(image(image_id)->state, ImageState::kReady);
}

TEST_F(BackupTest, VolatileDisksAreLeftOutUnlessTheConfigurationSaysSo) {
  const VmId id = create_vm("DISK=[TYPE=\"fs\",SIZE=\"20\",TARGET=\"vdc\"]");
  pass(Duration{5'000});
  const ImageId without = back_up(id);
  pass(Duration{5'000});
  EXPECT_EQ(backup(without).disks.size(), 1u);
  ASSERT_TRUE(configure(id, "BACKUP_VOLATILE=\"YES\""));
  const ImageId with = back_up(id);
  pass(Duration{5'000});
  EXPECT_EQ(image(with)->state, ImageState::kReady);
  EXPECT_EQ(backup(with).disks.size(), 2u);
}

TEST_F(BackupTest, AVmWithoutDisksIsBackedUpAllTheSame) {
  compute::NewVmAsk ask;
  ask.attributes = text::Template::parse("CPU=1\nMEMORY=64").value();
  const VmId id =
      run<VmId>([&](db::Txn& txn) { return daemon().vms.allocate(txn, admin_, ask); }).value();
  pass(Duration{5'000});
  const ImageId image_id = back_up(id);
  EXPECT_EQ(shown(id), "BACKUP");
  pass(Duration{5'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(image(image_id)->state, ImageState::kReady);
  back_up(id);
  EXPECT_TRUE(cancel(id));
  EXPECT_EQ(shown(id), "RUNNING");
  power_off(id);
  EXPECT_TRUE(restore(id, image_id));
  EXPECT_EQ(shown(id), "POWEROFF");
}

TEST_F(BackupTest, WhatIsNotMadeIsRefusedByName) {
  const VmId id = two_disks();
  const auto incremental = configure(id, "MODE=\"INCREMENT\"");
  ASSERT_FALSE(incremental);
  EXPECT_NE(incremental.error().text().find("FULL"), std::string::npos);
  const auto unknown = configure(id, "FS_FREEZE=\"HARD\"");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().text().find("AGENT"), std::string::npos);
  EXPECT_FALSE(try_backup(id, DatastoreId{})) << "there is no last backup";
  EXPECT_FALSE(try_backup(id, DatastoreId{1})) << "a datastore of images";
  EXPECT_FALSE(cancel(id)) << "there is no backup";
  EXPECT_EQ(shown(id), "RUNNING");
  expect_nothing_left(id);
}

TEST_F(BackupTest, TheDatastoreOfTheLastBackupIsRemembered) {
  const VmId id = two_disks();
  const ImageId first = back_up(id);
  pass(Duration{5'000});
  const auto config = compute::shown_backup_config(vm(id));
  EXPECT_EQ(config.get("LAST_BACKUP_ID"), fmt::format("{}", first));
  EXPECT_EQ(config.get("LAST_DATASTORE_ID"), fmt::format("{}", kept_));
  ASSERT_TRUE(configure(id, "LAST_DATASTORE_ID=\"1\""));
  const auto second = try_backup(id, DatastoreId{});
  ASSERT_TRUE(second) << second.error().text();
  pass(Duration{5'000});
  EXPECT_EQ(image(*second)->datastore, kept_) << "only the server writes it";
}

TEST_F(BackupTest, AnAgentThatIsAskedForAndMissingFailsTheBackup) {
  const VmId id = two_disks();
  ASSERT_TRUE(configure(id, "FS_FREEZE=\"AGENT\""));
  world().set_agent(compute::domain_name(id), sim::Agent::kAbsent);
  back_up(id);
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_NE(error_of(id), "");
  expect_nothing_left(id);
}

TEST_F(BackupTest, ACancelledBackupLeavesTheVmAsItWasAndNothingBehind) {
  const VmId id = two_disks();
  break_copies(Errc::kUnavailable);
  back_up(id);
  ASSERT_EQ(shown(id), "BACKUP");
  ASSERT_TRUE(cancel(id));
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_NE(error_of(id).find("cancelled"), std::string::npos);
  pass(Duration{120'000});
  expect_nothing_left(id);
}

TEST_F(BackupTest, DeletingTheImageOrASnapshotOfItCancelsTheWholeBackup) {
  const VmId id = two_disks();
  break_copies(Errc::kUnavailable);
  const ImageId image_id = back_up(id);
  const auto part = read<snapshots::Snapshot>(
      [&](db::Txn& txn) { return snapshots::find_by_image(txn, image_id).value(); });
  ASSERT_TRUE(change([&](db::Txn& txn) { return daemon().snapshots.cancel(txn, part.id); }));
  EXPECT_EQ(shown(id), "RUNNING");
  pass(Duration{120'000});
  expect_nothing_left(id);
  const ImageId again = back_up(id);
  ASSERT_TRUE(remove(again));
  EXPECT_EQ(shown(id), "RUNNING");
  pass(Duration{120'000});
  expect_nothing_left(id);
}

TEST_F(BackupTest, OneDiskThatFailsFailsTheWholeBackup) {
  const VmId id = two_disks();
  break_copies(Errc::kInvalid, sim::kAlways, 1);
  back_up(id);
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_NE(error_of(id).find("ordered"), std::string::npos) << error_of(id);
  expect_nothing_left(id);
}

TEST_F(BackupTest, AFullDatastoreFailsTheBackupInsteadOfHoldingTheVm) {
  const VmId id = two_disks();
  world().inject({.kind = sim::FaultKind::kDiskFull, .verb = "ensure_copied",
                  .times = sim::kAlways});
  back_up(id);
  pass(Duration{300'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_NE(error_of(id), "");
  expect_nothing_left(id);
}

TEST_F(BackupTest, AGuestThatStopsInTheMiddleIsPoweredOffAfterItsBackup) {
  const VmId id = two_disks();
  break_copies(Errc::kUnavailable, 2);
  const ImageId image_id = back_up(id);
  guest_shuts_down(id);
  EXPECT_EQ(shown(id), "BACKUP_POWEROFF");
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "POWEROFF");
  EXPECT_EQ(image(image_id)->state, ImageState::kReady);
  EXPECT_EQ(saved(image_id, 0), (Blocks{{0, 7}, {1, 1}}));
  EXPECT_EQ(files_of(id).size(), 2u) << "the layers were folded back at rest";
}

TEST_F(BackupTest, AHostThatDoesNotAnswerEndsTheBackup) {
  const VmId id = two_disks();
  world().inject({.kind = sim::FaultKind::kHostUnreachable, .verb = "ensure_pinned"});
  back_up(id);
  pass(Duration{1'200'000});
  EXPECT_EQ(shown(id), "UNKNOWN");
  world().clear_faults();
  world().restore_host(host_);
  pass(Duration{1'200'000});
  EXPECT_EQ(shown(id), "RUNNING");
  expect_nothing_left(id);
}

TEST_F(BackupTest, ARestartedControllerGoesOnWithABackup) {
  const VmId id = two_disks();
  break_copies(Errc::kUnavailable, 2);
  const ImageId image_id = back_up(id);
  kill();
  EXPECT_EQ(shown(id), "BACKUP");
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "RUNNING");
  EXPECT_EQ(image(image_id)->state, ImageState::kReady);
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(BackupTest, RecoverEndsABackupAsFailed) {
  const VmId id = two_disks();
  break_copies(Errc::kUnavailable);
  back_up(id);
  ASSERT_TRUE(recover(id, compute::Recover::kFailure));
  EXPECT_EQ(shown(id), "RUNNING");
  back_up(id);
  ASSERT_TRUE(recover(id, compute::Recover::kDelete));
  pass(Duration{120'000});
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(files_of(id), std::vector<std::string>{});
  expect_nothing_left(id);
}

TEST_F(BackupTest, OnlyTheLastBackupsAreKept) {
  const VmId id = two_disks();
  ASSERT_TRUE(configure(id, "KEEP_LAST=\"2\""));
  std::vector<ImageId> made;
  for (int i = 0; i < 3; ++i) {
    made.push_back(back_up(id));
    pass(Duration{5'000});
  }
  EXPECT_EQ(backups(id), (std::vector<ImageId>{made[1], made[2]}));
  EXPECT_FALSE(image(made[0]));
  EXPECT_EQ(files_kept().size(), 4u);
  EXPECT_EQ(quota_of_kept("SIZE"), 400);
}

TEST_F(BackupTest, ALockedBackupIsKept) {
  const VmId id = two_disks();
  ASSERT_TRUE(configure(id, "KEEP_LAST=\"1\""));
  const ImageId first = back_up(id);
  pass(Duration{5'000});
  ASSERT_TRUE(change([&](db::Txn& txn) {
    return access::lock(txn, admin_, {access::Resource::kImage, ObjectKind::kImage, first.value},
                        static_cast<std::int64_t>(access::LockLevel::kAdmin),
                        access::LockTest::kNo);
  }));
  const ImageId second = back_up(id);
  pass(Duration{5'000});
  EXPECT_EQ(backups(id), (std::vector<ImageId>{first, second}));
}

TEST_F(BackupTest, VerifyNamesTheDiskOfABackupThatIsNotAsItWas) {
  const VmId id = two_disks();
  const ImageId kept = back_up(id);
  pass(Duration{5'000});
  const auto verify = [&] {
    const auto job = run<JobId>(
        [&](db::Txn& txn) { return daemon().images.verify(txn, admin_, kept); });
    EXPECT_TRUE(job) << job.error().text();
    pass(Duration{5'000});
    return read<std::string>([&](db::Txn& txn) { return jobs::find(txn, *job)->result; });
  };
  EXPECT_TRUE(verify().starts_with("intact"));
  EXPECT_EQ(verify(), "intact");
  const auto put = [&](const Blocks& blocks) {
    world().put_image(backup(kept).disks[1].path, datastore_driver::Format::kQcow2,
                      Bytes::megabytes(100), blocks);
  };
  const Blocks saved_blocks = saved(kept, 1);
  put({{1, 99}});
  EXPECT_TRUE(verify().starts_with("corrupt: the SHA-256 of disk 1 is "));
  put(saved_blocks);
}

TEST_F(BackupTest, ABackupThatIsDeletedFreesItsFilesAndItsQuota) {
  const VmId id = two_disks();
  const ImageId image_id = back_up(id);
  pass(Duration{5'000});
  ASSERT_TRUE(remove(image_id));
  pass(Duration{5'000});
  expect_nothing_left(id);
}

TEST_F(BackupTest, ABackupOutlivesItsVm) {
  const VmId id = two_disks();
  const ImageId image_id = back_up(id);
  pass(Duration{5'000});
  act(id, Action::kTerminateHard);
  pass(Duration{5'000});
  EXPECT_EQ(shown(id), "DONE");
  EXPECT_EQ(saved(image_id, 0), (Blocks{{0, 7}, {1, 1}}));
}

class RestoreTest : public BackupTest {
 protected:
  /// A VM that is off, with a backup of what it was before its guest wrote 3 to both disks.
  void SetUp() override {
    BackupTest::SetUp();
    vm_ = two_disks();
    backup_ = back_up(vm_);
    pass(Duration{5'000});
    write(vm_, "vda", 3, 3);
    write(vm_, "vdb", 3, 3);
    power_off(vm_);
  }
  VmId vm_;
  ImageId backup_;
};

TEST_F(RestoreTest, AllDisksGoBackToTheBackup) {
  ASSERT_TRUE(restore(vm_, backup_));
  pass(Duration{5'000});
  EXPECT_EQ(shown(vm_), "POWEROFF");
  EXPECT_EQ(content(vm_, 0), (Blocks{{0, 7}, {1, 1}}));
  EXPECT_EQ(content(vm_, 1), (Blocks{{0, 7}, {1, 2}}));
  EXPECT_EQ(files_of(vm_).size(), 2u) << "what was replaced is gone";
  EXPECT_EQ(open_jobs().size(), 0u);
  act(vm_, Action::kResume);
  EXPECT_EQ(world().guest_content(compute::domain_name(vm_), "vda")->blocks,
            (Blocks{{0, 7}, {1, 1}}));
  EXPECT_FALSE(restore(vm_, backup_)) << "while it runs";
}

TEST_F(RestoreTest, OneDiskGoesBackAlone) {
  ASSERT_TRUE(restore(vm_, backup_, DiskId{1}));
  pass(Duration{5'000});
  EXPECT_EQ(content(vm_, 0), (Blocks{{0, 7}, {1, 1}, {3, 3}}));
  EXPECT_EQ(content(vm_, 1), (Blocks{{0, 7}, {1, 2}}));
  ASSERT_TRUE(restore(vm_, backup_, DiskId{1})) << "and again";
  pass(Duration{5'000});
  EXPECT_EQ(files_of(vm_).size(), 2u);
  EXPECT_FALSE(restore(vm_, backup_, DiskId{7}));
}

TEST_F(RestoreTest, ARestoreThatFailsLeavesTheDisksAsTheyWere) {
  break_copies(Errc::kInvalid, sim::kAlways, 1);
  ASSERT_TRUE(restore(vm_, backup_));
  pass(Duration{120'000});
  EXPECT_EQ(shown(vm_), "POWEROFF");
  EXPECT_NE(error_of(vm_), "");
  EXPECT_EQ(content(vm_, 0), (Blocks{{0, 7}, {1, 1}, {3, 3}}));
  EXPECT_EQ(files_of(vm_).size(), 2u) << "what had been copied is gone";
  EXPECT_EQ(open_jobs().size(), 0u);
}

TEST_F(RestoreTest, WhatItReadsOrWouldOrphanIsNotTouchedMeanwhile) {
  break_copies(Errc::kUnavailable, 2);
  ASSERT_TRUE(restore(vm_, backup_));
  EXPECT_EQ(shown(vm_), "RESTORE");
  const auto removed = remove(backup_);
  ASSERT_FALSE(removed);
  EXPECT_NE(removed.error().text().find("restores"), std::string::npos);
  EXPECT_FALSE(try_act(vm_, Action::kResume));
  pass(Duration{120'000});
  EXPECT_EQ(shown(vm_), "POWEROFF");
  ASSERT_TRUE(run<std::int64_t>([&](db::Txn& txn) {
    return daemon().vms.create_disk_snapshot(txn, UserId{0}, vm_, DiskId{0}, "point");
  }));
  const auto orphaning = restore(vm_, backup_);
  ASSERT_FALSE(orphaning);
  EXPECT_NE(orphaning.error().text().find("disk snapshots"), std::string::npos);
}

TEST_F(RestoreTest, OnlyABackupOfTheVmItselfIsTaken) {
  EXPECT_FALSE(restore(vm_, base_)) << "no backup";
  const VmId other = create_vm();
  power_off(other);
  const auto refused = restore(other, backup_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("backup of virtual machine"), std::string::npos);
}

TEST_F(RestoreTest, ADiskThatHasGrownSinceIsAsSmallAsItWas) {
  ASSERT_TRUE(change([&](db::Txn& txn) {
    return daemon().vms.resize_disk(txn, UserId{0}, vm_, DiskId{0}, 150);
  }));
  EXPECT_EQ(vm(vm_).disk_mb, 250);
  ASSERT_TRUE(restore(vm_, backup_));
  pass(Duration{5'000});
  EXPECT_EQ(vm(vm_).disk_mb, 200);
  EXPECT_EQ(disk(vm_).size_mb, 100);
}

TEST_F(RestoreTest, ARestartedControllerGoesOnWithARestore) {
  break_copies(Errc::kUnavailable, 2);
  ASSERT_TRUE(restore(vm_, backup_));
  kill();
  pass(Duration{120'000});
  EXPECT_EQ(shown(vm_), "POWEROFF");
  EXPECT_EQ(content(vm_, 1), (Blocks{{0, 7}, {1, 2}}));
  EXPECT_EQ(files_of(vm_).size(), 2u);
}

}  // namespace
}  // namespace neph
