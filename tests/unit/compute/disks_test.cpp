#include <map>

#include "tests/unit/compute/world.h"

namespace neph::compute {
namespace {

using datastore::ImageState;
using datastore::ImageType;

class VmDisks : public ComputeTest {
 protected:
  std::vector<std::string> targets(const std::string& disks) {
    const auto fresh = read(kSmall + disks);
    EXPECT_TRUE(fresh) << fresh.error().text();
    std::map<DiskId, std::string> by_id;
    for (const auto& disk : fresh->disks) by_id[disk.id] = disk.target;
    std::vector<std::string> list;
    for (const auto& [id, target] : by_id) list.push_back(target);
    return list;
  }
};

TEST_F(VmDisks, InheritTheAttributesOfImageAndDatastore) {
  const auto image = add_image();
  const auto fresh = read(kSmall + fmt::format("DISK=[IMAGE_ID={}, CACHE=none]", image));
  ASSERT_TRUE(fresh) << fresh.error().text();
  const auto& disk = fresh->disks.at(0);
  EXPECT_EQ(disk.kind, DiskKind::kImage);
  EXPECT_EQ(disk.size_mb, 1000);
  EXPECT_EQ(fresh->vm.disk_mb, 1000);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"DISK_ID", "0"},      {"IMAGE", "debian"},    {"IMAGE_ID", "0"},    {"SIZE", "1000"},
      {"DATASTORE", "images"}, {"DATASTORE_ID", "1"}, {"TM_MAD", "qcow2"}, {"TARGET", "vda"},
      {"DEV_PREFIX", "vd"},  {"CLONE", "YES"},       {"SAVE", "NO"},       {"READONLY", "NO"},
      {"TYPE", "FILE"},      {"FORMAT", "qcow2"},    {"CLUSTER_ID", "0"},  {"CACHE", "none"},
      {"SOURCE", "/ds/1/debian"}, {"ORIGINAL_SIZE", "1000"}, {"DISK_SNAPSHOT_TOTAL_SIZE", "0"},
      {"LN_TARGET", "NONE"}, {"CLONE_TARGET", "SYSTEM"}, {"ALLOW_ORPHANS", "NO"}};
  for (const auto& [key, value] : expected) EXPECT_EQ(disk.attributes.get(key), value) << key;
  EXPECT_FALSE(disk.attributes.has("PERSISTENT"));
  EXPECT_EQ(fresh->vm.attributes.get("AUTOMATIC_REQUIREMENTS"),
            "(CLUSTER_ID = 0) & !(PIN_POLICY = PINNED)");
}

TEST_F(VmDisks, IgnoreWhatOnlyTheServerMayWrite) {
  add_image();
  const auto fresh = read(kSmall + "DISK=[IMAGE_ID=0, SOURCE=\"/etc/shadow\", DRIVER=raw,"
                                   " TM_MAD=x, DISK_ID=7, CLONE=NO]");
  ASSERT_TRUE(fresh) << fresh.error().text();
  const auto& shown = fresh->disks.at(0).attributes;
  EXPECT_EQ(shown.get("SOURCE"), "/ds/1/debian");
  EXPECT_EQ(shown.get("DRIVER"), "qcow2");
  EXPECT_EQ(shown.get("DISK_ID"), "0");
  EXPECT_EQ(shown.get("CLONE"), "YES");
}

TEST_F(VmDisks, AreRefusedInWordsThatNameDiskAndReason) {
  add_image();
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=9]"), "Error getting image [9].");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=x]"),
            "DISK 0: IMAGE_ID = \"x\" is not the id of an image");
  EXPECT_EQ(refusal_of("DISK=[IMAGE=nix]"),
            fmt::format("DISK 0: user {} does not own an image with name: nix. Set IMAGE_UNAME or"
                        " IMAGE_UID of owner in DISK.", alice_.user));
  EXPECT_EQ(refusal_of("DISK=[IMAGE=a, IMAGE_UNAME=carol]"),
            "DISK 0: there is no user \"carol\" (IMAGE_UNAME)");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0, SIZE=10]"),
            "DISK 0: SIZE = \"10\" is less than the 1000 MB of image 0");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0, DEV_PREFIX=xvd]"),
            "DISK 0: DEV_PREFIX = \"xvd\" is neither vd, sd nor hd");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0, TARGET=vd0]"),
            "TARGET = \"vd0\" of disk 0 is not a device name such as vda");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0, TARGET=vdb]\nDISK=[IMAGE_ID=0, TARGET=vdb]"),
            "TARGET = \"vdb\" of disk 1 is already that of disk 0");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0, CACHE=fast]"),
            "DISK 0: CACHE = \"fast\" is none of default, none, writethrough, writeback,"
            " directsync, unsafe");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0, SAVE_AS=1]"),
            "DISK 0: SAVE_AS is refused: only the server writes it");
  EXPECT_EQ(refusal_of("DISK=[SOURCE=\"/etc/shadow\"]"),
            "DISK 0: SOURCE is refused: register the file as an IMAGE");
  EXPECT_EQ(refusal_of("DISK=[SIZE=10]"),
            "DISK 0: there is no IMAGE and no IMAGE_ID, and TYPE = \"\" is neither fs nor swap");
  EXPECT_EQ(refusal_of("DISK=[TYPE=fs]"),
            "DISK 0: SIZE = \"\" is not a positive number of MB");
  EXPECT_EQ(refusal_of("DISK=[TYPE=fs, SIZE=5, FORMAT=vmdk]"),
            "DISK 0: FORMAT = \"vmdk\" is neither raw nor qcow2");
  EXPECT_EQ(refusal_of("DISK=[TYPE=fs, SIZE=5, FS=ext4]"),
            "DISK 0: FS = \"ext4\" is refused: a volatile disk comes empty");
}

TEST_F(VmDisks, NeedTheRightToUseTheImage) {
  add_image();
  const auto fresh = read(kSmall + "DISK=[IMAGE_ID=0]", bob_);
  ASSERT_FALSE(fresh);
  EXPECT_EQ(fresh.error().code, Errc::kDenied);
  EXPECT_THAT(fresh.error().message,
              testing::StartsWith("Not authorized to perform USE IMAGE [0]"));
}

TEST_F(VmDisks, NeedAnImageInAStateThatAllowsIt) {
  auto image = image_of(alice_, "a");
  image.state = ImageState::kDisabled;
  add(image);
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0]"),
            "DISK 0: image 0 cannot be used, its state is DISABLED");
  image.name = "kernel";
  image.type = ImageType::kKernel;
  add(image);
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=1]"),
            "DISK 0: image 1 is of type KERNEL and cannot be a disk");
}

TEST_F(VmDisks, WaitForAnImageThatIsBeingCopied) {
  auto image = image_of(alice_, "copying");
  image.state = ImageState::kLocked;
  image.attributes.set("SNAPSHOT", text::Vector{{"PHASE", "copying"}, {"VM_ID", "3"}});
  add(image);
  const auto fresh = read(kSmall + "DISK=[IMAGE_ID=0]\nDISK=[IMAGE_ID=0]");
  ASSERT_TRUE(fresh) << fresh.error().text();
  EXPECT_EQ(fresh->vm.state, VmState::kCloning);
  EXPECT_EQ(fresh->waits_for, std::vector{ImageId{0}});
}

TEST_F(VmDisks, AreRefusedWhereTheImageComesFromAVmThatMustStopFirst) {
  auto image = image_of(alice_, "armed");
  image.state = ImageState::kLocked;
  image.attributes.set("SNAPSHOT", text::Vector{{"PHASE", "armed"}, {"VM_ID", "3"}});
  add(image);
  const auto fresh = read(kSmall + "DISK=[IMAGE_ID=0]");
  ASSERT_FALSE(fresh);
  EXPECT_EQ(fresh.error().code, Errc::kWrongState);
  EXPECT_EQ(fresh.error().message,
            "DISK 0: image 0 is not there yet: VM 3 must stop first. To wait for it, say"
            " WAIT_FOR_SNAPSHOT = YES in the DISK");
}

TEST_F(VmDisks, HaveAPersistentImageToThemselves) {
  auto image = image_of(alice_, "mine");
  image.is_persistent = true;
  add(image);
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0]\nDISK=[IMAGE_ID=0]"),
            "DISK 1: image 0 is persistent and disk 0 already");
  const auto vm = add_vm(kSmall + "DISK=[IMAGE_ID=0]");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0]"),
            fmt::format("DISK 0: image 0 is persistent and VM {} uses it", vm));
  sql("UPDATE vms SET state = 6");
  const auto fresh = read(kSmall + "DISK=[IMAGE_ID=0]");
  ASSERT_TRUE(fresh) << fresh.error().text();
  const auto& disk = fresh->disks.at(0);
  EXPECT_TRUE(disk.is_persistent);
  EXPECT_EQ(disk.attributes.get("CLONE"), "NO");
  EXPECT_EQ(disk.attributes.get("SAVE"), "YES");
  EXPECT_EQ(disk.attributes.get("PERSISTENT"), "YES");
  EXPECT_EQ(fresh->vm.disk_mb, 0);
  sql("UPDATE vm_disks SET is_retained = 1");
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=0]"),
            fmt::format("DISK 0: image 0 is persistent and kept for a snapshot of VM {}", vm));
}

TEST_F(VmDisks, CountWhatTheyMayTakeOfTheSystemDatastore) {
  add_image();
  const auto fresh = read(kSmall + "DISK=[IMAGE_ID=0, SIZE=3000]\nDISK=[TYPE=fs, SIZE=20]\n"
                                   "DISK=[TYPE=swap, SIZE=5]");
  ASSERT_TRUE(fresh) << fresh.error().text();
  EXPECT_EQ(fresh->vm.disk_mb, 3025);
  EXPECT_EQ(fresh->disks.at(1).format, datastore_driver::Format::kQcow2);
  EXPECT_EQ(fresh->disks.at(2).format, datastore_driver::Format::kRaw);
}

TEST_F(VmDisks, GetTargetsByRankAndPrefix) {
  add_image();
  auto cdrom = image_of(alice_, "cd");
  cdrom.type = ImageType::kCdrom;
  add(cdrom);
  using testing::ElementsAre;
  EXPECT_THAT(targets("DISK=[TYPE=fs, SIZE=1]\nDISK=[IMAGE_ID=0, DEV_PREFIX=hd]\nCONTEXT=[A=b]"),
              ElementsAre("hdc", "hda", "hdb"));
  EXPECT_THAT(targets("DISK=[IMAGE_ID=0]\nDISK=[IMAGE_ID=1]\nDISK=[IMAGE_ID=0, TARGET=vda]"),
              ElementsAre("vdb", "hda", "vda"));
  EXPECT_THAT(targets("OS=[MACHINE=q35]\nCONTEXT=[A=b]"), ElementsAre("sda"));
  EXPECT_EQ(refusal_of("DISK=[IMAGE_ID=1, DEV_PREFIX=vd]"),
            "DISK 0: DEV_PREFIX = \"vd\" is not for a CD-ROM; say hd or sd");
  std::string five;
  for (int number = 0; number < 5; ++number) five += "DISK=[TYPE=fs, SIZE=1]\n";
  EXPECT_EQ(refusal_of(five), "disk 4 would be hde, and an IDE bus has only hda to hdd; say"
                              " DEV_PREFIX = \"vd\" or \"sd\"");
  std::string many;
  for (int number = 0; number < 28; ++number) many += "DISK=[TYPE=fs, SIZE=1, DEV_PREFIX=vd]\n";
  EXPECT_EQ(targets(many).at(27), "vdab");
}

TEST_F(VmDisks, StandInTheOrderThatJobsWorkThrough) {
  add_image();
  auto cdrom = image_of(alice_, "cd");
  cdrom.type = ImageType::kCdrom;
  add(cdrom);
  const auto fresh = read(kSmall + "CONTEXT=[A=b]\nDISK=[IMAGE_ID=1]\nDISK=[IMAGE_ID=0]");
  ASSERT_TRUE(fresh) << fresh.error().text();
  ASSERT_EQ(fresh->disks.size(), 3U);
  EXPECT_EQ(fresh->disks[0].id, DiskId{1});
  EXPECT_EQ(fresh->disks[1].id, DiskId{0});
  EXPECT_EQ(fresh->disks[1].attributes.get("READONLY"), "YES");
  EXPECT_EQ(fresh->disks[2].kind, DiskKind::kContext);
  EXPECT_EQ(fresh->disks[2].id, DiskId{2});
  EXPECT_EQ(fresh->vm.attributes.find_vector("CONTEXT")->get("DISK_ID"), "2");
}

TEST_F(VmDisks, NeedOneClusterThatHasAllTheirDatastores) {
  add_image();
  sql("INSERT INTO clusters (id, name) VALUES (100, 'far')");
  sql("INSERT INTO datastores (id, name, user_id, group_id, permissions, type, ds_mad, tm_mad,"
      " base_path) VALUES (100, 'far', 0, 0, 384, 0, 'fs', 'qcow2', '/ds/100')");
  sql("INSERT INTO cluster_datastores VALUES (100, 100)");
  auto image = image_of(alice_, "far");
  image.datastore = DatastoreId{100};
  add(image);
  EXPECT_THAT(refusal_of("DISK=[IMAGE_ID=0]\nDISK=[IMAGE_ID=1]"),
              testing::StartsWith("Incompatible cluster IDs"));
  sql("INSERT INTO cluster_datastores VALUES (0, 100)");
  const auto fresh = read(kSmall + "DISK=[IMAGE_ID=1]");
  ASSERT_TRUE(fresh) << fresh.error().text();
  EXPECT_EQ(fresh->vm.attributes.get("AUTOMATIC_DS_REQUIREMENTS"),
            "(\"CLUSTERS/ID\" @> 0 | \"CLUSTERS/ID\" @> 100)");
}

}  // namespace
}  // namespace neph::compute
