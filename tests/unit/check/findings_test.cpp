#include "check/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neph::check {
namespace {

using compute::LcmState;
using compute::VmState;
using hypervisor_driver::Power;
using testing::HasSubstr;

/// A site where everything fits: one host, VM 3 runs there from image 7.
class Findings : public testing::Test {
 protected:
  Findings() {
    rows_.at = Instant{1'000'000};
    rows_.hosts = {{HostId{0}, "node1", "dummy", "", false, ""},
                   {HostId{1}, "node2", "dummy", "", false, ""}};
    rows_.datastores = {{DatastoreId{0}, "system", "local", "/ds/0",
                         datastore::DatastoreType::kSystem},
                        {DatastoreId{1}, "default", "local", "/ds/1",
                         datastore::DatastoreType::kImage}};
    rows_.user_names[UserId{2}] = "ann";
    rows_.next_job = JobId{50};
    VmRow vm{VmId{3}, UserId{2}, compute::active(LcmState::kRunning), HostId{0}, "uuid-3",
             "/ds/0/3", "", JobId{}};
    rows_.vms[vm.id] = vm;
    DiskRow disk{VmId{3}, DiskId{0}};
    disk.path = "/ds/0/3/disk.0";
    disk.is_present = true;
    disk.size_mb = 100;
    rows_.disks = {disk};
    ImageRow image{ImageId{7}, UserId{2}, DatastoreId{1}};
    image.source = "/ds/1/base";
    image.size_mb = 100;
    rows_.images[image.id] = image;

    seen_.began = rows_.at;
    seen_.hosts = {HostId{0}, HostId{1}};
    seen_.datastores = {DatastoreId{0}, DatastoreId{1}};
    seen_.domains = {{HostId{0}, "one-3", "uuid-3", Power::kRunning},
                     {HostId{0}, "somebody-elses", "x", Power::kRunning}};
    put("/ds/0/3/disk.0", DatastoreId{0}).virtual_size = Bytes::megabytes(100);
    put("/ds/1/base", DatastoreId{1}).virtual_size = Bytes::megabytes(100);
    seen_.files["/ds/0/3/disk.0"].backing_path = "/ds/1/base";
    put("/ds/0/3/serial.log", DatastoreId{0});
  }

  SeenFile& put(const std::string& path, DatastoreId datastore) {
    SeenFile& file = seen_.files[path];
    file = {Bytes{4096}, Instant{500'000}, false, {}, {}, datastore};
    return file;
  }
  VmRow& vm() { return rows_.vms.at(VmId{3}); }
  std::vector<Finding> found() const { return compare(rows_, seen_); }
  /// The one finding there is.
  Finding only() const {
    const auto all = found();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? Finding{} : all.front();
  }

  Catalogue rows_;
  Seen seen_;
};

TEST_F(Findings, AreNoneWhereEverythingFits) { EXPECT_TRUE(found().empty()); }

TEST_F(Findings, NameARunningVmThatItsHostDoesNotHave) {
  seen_.domains.clear();
  EXPECT_EQ(only().kind, Kind::kVmWithoutDomain);
  EXPECT_EQ(only().object, "VM 3");
  EXPECT_EQ(only().owner, "ann");
  EXPECT_EQ(only().place, "node1");
}

TEST_F(Findings, SayNothingOfHostsThatWereNotSeen) {
  seen_.domains.clear();
  seen_.hosts.erase(HostId{0});
  EXPECT_TRUE(found().empty());
}

TEST_F(Findings, SayNothingOfAVmThatAJobWorksOn) {
  seen_.domains.clear();
  rows_.busy_vms.insert(VmId{3});
  EXPECT_TRUE(found().empty());
}

TEST_F(Findings, NameADomainThatNoVmIs) {
  seen_.domains.push_back({HostId{1}, "one-9", "u", Power::kRunning});
  EXPECT_EQ(only().kind, Kind::kDomainWithoutVm);
  EXPECT_THAT(only().words, HasSubstr("there is no such VM"));
  EXPECT_EQ(only().repair, Repair::kNone) << "it may be the last of its kind";
}

TEST_F(Findings, TellADomainFromItsNamesakeByUuid) {
  seen_.domains[0].uuid = "another";
  const auto all = found();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].kind, Kind::kDomainWithoutVm);
  EXPECT_THAT(all[0].words, HasSubstr("another"));
}

TEST_F(Findings, NameAGuestOnTwoHosts) {
  seen_.domains.push_back({HostId{1}, "one-3", "uuid-3", Power::kRunning});
  const auto all = found();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].kind, Kind::kDomainTwice);
  EXPECT_EQ(all[1].kind, Kind::kWrongHost);
}

TEST_F(Findings, NameAGuestThatRunsThoughItsVmIsOff) {
  vm().stand = {VmState::kPoweroff, LcmState::kInit};
  EXPECT_EQ(only().kind, Kind::kDomainUnexpected);
  seen_.domains[0].power = Power::kOff;
  EXPECT_TRUE(found().empty()) << "its definition may stay";
}

TEST_F(Findings, NameAFileWithoutARowWithOwnerSizeAndAge) {
  put("/ds/0/3/disk.5", DatastoreId{0});
  EXPECT_EQ(only().kind, Kind::kOrphanFile);
  EXPECT_EQ(only().object, "VM 3");
  EXPECT_EQ(only().owner, "ann");
  EXPECT_EQ(only().size, Bytes{4096});
  EXPECT_EQ(only().modified, Instant{500'000});
  EXPECT_THAT(only().words, HasSubstr("neph check --remove /ds/0/3/disk.5"));
  EXPECT_EQ(only().repair, Repair::kNone) << "it might be the last copy";
}

TEST_F(Findings, LeaveFilesAloneThatWereWrittenWhileTheyWereLookedFor) {
  put("/ds/0/3/disk.5", DatastoreId{0}).modified = rows_.at;
  EXPECT_TRUE(found().empty());
}

TEST_F(Findings, SayNothingOfRestorePointsThatRowsName) {
  put("/ds/0/3/disk.0.snap-0", DatastoreId{0});
  EXPECT_EQ(only().kind, Kind::kOrphanFile);
  rows_.restore_points = {"/ds/0/3/disk.0.snap-0"};
  EXPECT_TRUE(found().empty());
}

TEST_F(Findings, NameAFileWithoutARowThatADiskStandsOn) {
  rows_.images.clear();
  EXPECT_EQ(only().kind, Kind::kNeededFile);
  EXPECT_EQ(only().place, "/ds/1/base");
  EXPECT_FALSE(may_remove(rows_, seen_, "/ds/1/base"));
}

TEST_F(Findings, NameMissingFilesAndWrongSizes) {
  seen_.files["/ds/1/base"].is_missing = true;
  seen_.files["/ds/0/3/disk.0"].virtual_size = Bytes::megabytes(90);
  const auto all = found();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].kind, Kind::kMissingFile);
  EXPECT_EQ(all[0].object, "image 7");
  EXPECT_EQ(all[1].kind, Kind::kWrongSize);
  EXPECT_THAT(all[1].words, HasSubstr("90 MB"));
}

TEST_F(Findings, OfferToRemoveWhatAnEndedJobLeftUnfinished) {
  put("/ds/1/other.part-12", DatastoreId{1});
  EXPECT_EQ(only().kind, Kind::kLeftover);
  EXPECT_EQ(only().repair, Repair::kRemoveFile);
  rows_.open_jobs.insert(JobId{12});
  EXPECT_TRUE(found().empty()) << "the job still works on it";
}

TEST_F(Findings, DoNotOfferToRemoveWhatNoJobCanBeProvenToHaveLeft) {
  put("/ds/1/other.part-50", DatastoreId{1});
  EXPECT_EQ(only().repair, Repair::kNone) << "no job has had that number";
  seen_.files.erase("/ds/1/other.part-50");
  put("/ds/1/base.part", DatastoreId{1});
  EXPECT_EQ(only().kind, Kind::kLeftover);
  EXPECT_EQ(only().repair, Repair::kNone);
  rows_.busy_images.insert(ImageId{7});
  EXPECT_TRUE(found().empty());
  EXPECT_FALSE(may_remove(rows_, seen_, "/ds/1/base.part"));
}

TEST_F(Findings, NameHoldsWhoseSnapshotIsOverOrGone) {
  rows_.holds = {{SnapshotId{1}, VmId{3}, DiskId{0}}};
  EXPECT_EQ(only().kind, Kind::kDeadHold);
  EXPECT_EQ(only().repair, Repair::kReleaseHold);
  SnapshotRow snapshot{SnapshotId{1}, UserId{2}, VmId{3}, DiskId{0}, ImageId{8}};
  snapshot.phase = snapshots::Phase::kReady;
  snapshot.job = JobId{4};
  snapshot.pin_path = "/ds/0/3/disk.0.snap-1";
  rows_.snapshots[SnapshotId{1}] = snapshot;
  EXPECT_EQ(only().repair, Repair::kNone) << "its layer was never folded back";
  rows_.open_jobs.insert(JobId{4});
  EXPECT_TRUE(found().empty()) << "its job lets the disk go";
}

TEST_F(Findings, NameWhatIsBusyWithoutAJob) {
  SnapshotRow snapshot{SnapshotId{1}, UserId{2}, VmId{3}, DiskId{0}, ImageId{8}};
  snapshot.phase = snapshots::Phase::kCopying;
  snapshot.job = JobId{4};
  rows_.snapshots[SnapshotId{1}] = snapshot;
  EXPECT_EQ(only().kind, Kind::kIdleSnapshot);
  rows_.open_jobs.insert(JobId{4});
  EXPECT_TRUE(found().empty());
  rows_.images.at(ImageId{7}).state = datastore::ImageState::kLocked;
  EXPECT_EQ(only().kind, Kind::kIdleImage);
  rows_.images.at(ImageId{7}).job = JobId{4};
  vm().stand = compute::active(LcmState::kProlog);
  EXPECT_EQ(only().kind, Kind::kIdleVm);
}

TEST_F(Findings, NameClaimsOfEndedJobsAndSumsThatDrift) {
  rows_.claims = {{"disk/3/0", JobId{4}}};
  rows_.drifts = {{"user 2", "VM/CPU", 3, 1}};
  const auto all = found();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].repair, Repair::kReleaseClaim);
  EXPECT_EQ(all[1].repair, Repair::kRecount);
  EXPECT_THAT(all[1].words, HasSubstr("counts as 3, and the rows add up to 1"));
}

TEST_F(Findings, NameARetainedDiskThatNobodyHolds) {
  rows_.disks[0].is_retained = true;
  EXPECT_EQ(only().kind, Kind::kIdleRetainedDisk);
  rows_.snapshots[SnapshotId{1}] = {SnapshotId{1}, UserId{2}, VmId{3}, DiskId{0}, ImageId{8},
                                    snapshots::Phase::kFailed};
  rows_.holds = {{SnapshotId{1}, VmId{3}, DiskId{0}}};
  EXPECT_TRUE(found().empty());
}

TEST_F(Findings, LastOnlyWhenTheyWereThereBeforeAndAfter) {
  const auto before = found();
  seen_.domains.clear();
  EXPECT_TRUE(lasting(before, found()).empty());
  EXPECT_EQ(lasting(found(), found()).size(), 1u);
}

TEST_F(Findings, AllowTheRemovalOfAnOrphanOnlyWhenEverythingWasSeen) {
  put("/ds/1/orphan", DatastoreId{1});
  EXPECT_TRUE(may_remove(rows_, seen_, "/ds/1/orphan"));
  EXPECT_EQ(may_remove(rows_, seen_, "/ds/1/base").error().code, Errc::kConflict);
  EXPECT_EQ(may_remove(rows_, seen_, "/etc/passwd").error().code, Errc::kNotFound);
  EXPECT_EQ(may_remove(rows_, seen_, "/ds/1/nothing").error().code, Errc::kNotFound);
  seen_.domains.push_back({HostId{1}, "one-9", "u", Power::kRunning});
  EXPECT_THAT(may_remove(rows_, seen_, "/ds/1/orphan").error().message, HasSubstr("one-9"));
  seen_.domains.pop_back();
  seen_.unseen = {{"host node2", "it is off"}};
  EXPECT_THAT(may_remove(rows_, seen_, "/ds/1/orphan").error().message, HasSubstr("node2"));
}

TEST_F(Findings, RefuseTheRemovalOfWhatAnOrphanStandsOn) {
  put("/ds/1/orphan", DatastoreId{1});
  put("/ds/0/9/disk.0", DatastoreId{0}).backing_path = "/ds/1/orphan";
  EXPECT_EQ(may_remove(rows_, seen_, "/ds/1/orphan").error().code, Errc::kConflict);
}

}  // namespace
}  // namespace neph::check
