#include <fmt/format.h>

#include <fstream>
#include <set>

#include "tests/e2e/cloud.h"
#include "tests/e2e/waiting.h"
#include "tests/support/command.h"
#include "tests/support/demo_image.h"

/// What users get wrong or try: a clear refusal, and nothing left behind.
namespace neph::e2e {
namespace {

namespace fs = std::filesystem;
using testing_support::run_command;

class GuestBadInput : public SharedCloud {
 protected:
  static void SetUpTestSuite() {
    open({});
    fs::create_directory(path(""));
    cloud().call_id("one.datastore.update",
                    {1, fmt::format("SAFE_DIRS=\"{}\"", path("")), 1});
    user_ = cloud().call_id("one.user.allocate", {"mallory", "secret", "core"});
    vm_ = create_victim();
    held_ = cloud().call_id("one.vm.allocate",
                            {std::string("NAME=held\nCPU=0.1\nMEMORY=64\n"
                                         "DISK=[IMAGE=demo]\nCONTEXT=[MARKER=held]"),
                             true});
    cloud().await_ready(vm_);
  }

  /// Disk 0 the demo image, 1 volatile, 2 a CD-ROM, 3 the context.
  static std::int64_t create_victim() {
    write_file("cd.iso", std::string(1048576, 'c'));
    const auto cdrom = cloud().call_id(
        "one.image.allocate", {fmt::format("NAME=cd\nTYPE=CDROM\nPATH={}", path("cd.iso")), 1});
    cloud().await_image(cdrom, "READY");
    return cloud().create_guest(
        {.name = "victim",
         .context = {{"MARKER", "victim"}, {"NOAGENT", "yes"}},
         .more = fmt::format("DISK=[TYPE=fs,SIZE=16]\nDISK=[IMAGE_ID={}]\n", cdrom)});
  }

  static std::string path(const std::string& name) { return cloud().folder() / "up" / name; }
  static void write_file(const std::string& name, const std::string& content) {
    std::ofstream(path(name), std::ios::binary) << content;
  }

  /// Ids of images and snapshots, and files in the datastores.
  static std::set<std::string> everything() {
    std::set<std::string> found;
    const auto images = cloud().document("one.imagepool.info", {-2, -1, -1});
    for (const Element* image : images.all("IMAGE")) found.insert("image " + image->get("ID"));
    const auto snapshots = cloud().document("neph.snapshot.list", {-2, -1});
    for (const Element* shot : snapshots.all("SNAPSHOT")) found.insert("shot " + shot->get("ID"));
    const auto vms = cloud().document("one.vmpool.info", {-2, -1, -1, -1});
    for (const Element* vm : vms.all("VM")) found.insert("vm " + vm->get("ID"));
    for (const auto& entry : fs::recursive_directory_iterator(cloud().state() / "datastores"))
      found.insert(entry.path());
    return found;
  }

  /// The call is refused, with all of `words`, and changes nothing.
  static void expect_refused(const std::string& method, const Values& arguments,
                             const std::vector<std::string>& words) {
    cloud().become("");
    const auto before = everything();
    cloud().become(session_);
    const auto refusal = cloud().refusal(method, arguments);
    for (const auto& word : words)
      EXPECT_NE(refusal.find(word), std::string::npos)
          << method << " says \"" << refusal << "\" without \"" << word << "\"";
    cloud().become("");
    EXPECT_EQ(everything(), before) << method << ": " << refusal;
  }

  static void expect_no_snapshot(const Values& arguments, const std::vector<std::string>& words) {
    expect_refused("neph.snapshot.create", arguments, words);
  }

  static void as(const std::string& session) { session_ = session; }

  /// An image that is accepted, and found to be bad when it is looked at.
  static void expect_bad_image(const std::string& name, const std::string& file,
                               const std::string& format, const std::string& reason) {
    const auto before = everything();
    const auto id = cloud().call_id(
        "one.image.allocate",
        {fmt::format("NAME={}\nTYPE=OS\nPATH={}\nFORMAT={}", name, file, format), 1});
    await(fmt::format("image {} to be found bad", id),
          [&] { return cloud().image_state(id) == "ERROR"; });
    const auto error = cloud().image(id).get("TEMPLATE/ERROR");
    EXPECT_NE(error.find(reason), std::string::npos) << error;
    EXPECT_NE(error.find(file), std::string::npos) << error;
    cloud().call_id("one.image.delete", {id});
    await("the image to be gone", [&] { return everything() == before; });
  }

  void TearDown() override {
    session_.clear();
    SharedCloud::TearDown();
  }

  static inline std::string session_;
  static inline std::int64_t user_ = -1;
  static inline std::int64_t vm_ = -1;
  static inline std::int64_t held_ = -1;
};

TEST_F(GuestBadInput, SnapshotsOfWhatIsNotThereAreRefused) {
  expect_no_snapshot({99999, "0", "x", ""}, {"99999"});
  expect_no_snapshot({vm_, "9", "x", ""}, {"disk", "9"});
  expect_no_snapshot({vm_, "zero", "x", ""}, {"disk", "zero"});
  expect_no_snapshot({vm_, "0,0", "x", ""}, {"disk 0", "twice"});
  expect_no_snapshot({vm_, "0", "x", "DATASTORE_ID=77"}, {"77"});
  expect_no_snapshot({vm_, "0", "x", "DATASTORE_ID=0"}, {"system", "images"});
  expect_refused("neph.snapshot.info", {4711}, {"4711"});
  expect_refused("neph.snapshot.cancel", {4711}, {"4711"});
  expect_refused("one.image.delete", {4711}, {"4711"});
}

TEST_F(GuestBadInput, DisksThatCannotBecomeImagesAreRefused) {
  const auto disk_of = [](int disk) { return fmt::format("disk {} of VM {}", disk, vm_); };
  expect_no_snapshot({vm_, "1", "x", ""}, {disk_of(1), "volatile"});
  expect_no_snapshot({vm_, "2", "x", ""}, {disk_of(2), "CD-ROM"});
  expect_no_snapshot({vm_, "3", "x", ""}, {disk_of(3), "context"});
  expect_no_snapshot({vm_, "0,3", "x", ""}, {disk_of(3), "context"});
}

TEST_F(GuestBadInput, WrongOptionsAndNamesAreRefused) {
  expect_no_snapshot({vm_, "0", "", ""}, {"NAME", "image", "empty"});
  expect_no_snapshot({vm_, "0", "demo", ""}, {"NAME", "taken", "IMAGE"});
  expect_no_snapshot({vm_, "0", "x", "KIND=COLD"}, {"KIND", "COLD"});
  expect_no_snapshot({vm_, "0", "x", "KIND=HOT WHEN=END"}, {"WHEN", "hot"});
  expect_no_snapshot({vm_, "0", "x", "SPEED=9"}, {"SPEED"});
  expect_no_snapshot({vm_, "0", "x", "KIND=["}, {"vector"});
}

TEST_F(GuestBadInput, AVmWithoutADiskYetIsRefused) {
  expect_no_snapshot({held_, "0", "x", ""}, {fmt::format("{}", held_)});
  // The words of OpenNebula, which clients know.
  expect_refused("one.vm.action", {"suspend", held_},
                 {"\"suspend\": This action is not available for state HOLD"});
  expect_refused("one.vm.action", {"explode", vm_}, {"explode"});
  expect_refused("one.vm.action", {"poweroff", 99999}, {"99999"});
}

TEST_F(GuestBadInput, AFreezeThatIsRequiredFailsWithoutAnAgentAndLeavesTheGuestAlone) {
  const auto before = everything();
  const auto shot = cloud().take(vm_, "frozen", "KIND=HOT QUIESCE=REQUIRE");
  cloud().await_phase(shot, "failed");
  const auto error = cloud().snapshot(shot).get("ERROR");
  EXPECT_NE(error.find("agent"), std::string::npos) << error;
  EXPECT_EQ(cloud().state_of(vm_), "RUNNING");
  EXPECT_TRUE(cloud().leftovers().empty()) << cloud().leftovers().front();
  cloud().call_id("neph.snapshot.cancel", {shot.id});
  cloud().await_phase(shot, "cancelled");
  auto now = everything();
  now.erase(fmt::format("shot {}", shot.id));
  EXPECT_EQ(now, before);
}

TEST_F(GuestBadInput, OrdinaryUsersAreHeldToTheirQuotaAndToTheirOwnThings) {
  as("mallory:secret");
  expect_no_snapshot({vm_, "0", "x", ""}, {"Not authorized", "VM"});
  expect_refused("one.vm.action", {"terminate", vm_}, {"Not authorized"});
  expect_refused("one.image.delete", {0}, {"Not authorized"});
  as("mallory:wrong");
  expect_refused("one.vm.info", {vm_}, {"authenticat"});
}

TEST_F(GuestBadInput, AQuotaOnImagesHoldsForSnapshots) {
  cloud().call_id("one.user.quota", {user_, "DATASTORE=[ID=1,IMAGES=0,SIZE=-2]"});
  cloud().call_id("one.vm.chown", {vm_, user_, -1});
  as("mallory:secret");
  expect_no_snapshot({vm_, "0", "x", ""}, {"quota", "DATASTORE", "IMAGES"});
  as("");
  cloud().call_id("one.vm.chown", {vm_, 0, -1});
}

TEST_F(GuestBadInput, ImagesInUseStay) {
  const auto demo = cloud().demo_image();
  expect_refused("one.image.delete", {demo}, {fmt::format("{}", demo), "VM"});
  expect_refused("one.image.persistent", {demo, true}, {fmt::format("{}", demo)});
}

TEST_F(GuestBadInput, AttributesOfTheServerAndOfAdministratorsAreRefused) {
  expect_refused("one.image.allocate",
                 {std::string("NAME=fake\nTYPE=OS\nSIZE=1\nSNAPSHOT=[GRADE=frozen]"), 1},
                 {"SNAPSHOT"});
  as("mallory:secret");
  expect_refused("one.image.allocate",
                 {std::string("NAME=x\nTYPE=OS\nSOURCE=/etc/shadow\nFORMAT=raw"), 1},
                 {"SOURCE"});
  expect_refused("one.vm.allocate",
                 {std::string("NAME=x\nCPU=1\nMEMORY=64\nRAW=[TYPE=kvm,DATA=\"<x/>\"]")},
                 {"RAW/DATA"});
  expect_refused("one.vm.allocate",
                 {std::string("NAME=x\nCPU=1\nMEMORY=64\nCONTEXT=[FILES=/etc/shadow]")},
                 {"CONTEXT/FILES"});
}

TEST_F(GuestBadInput, FilesOutsideOfTheSafeDirectoriesAreNoImages) {
  fs::create_symlink("/etc/passwd", path("innocent"));
  const std::string secret = cloud().state() / "one_auth";
  const std::string disk = cloud().disk_path(vm_);
  for (const std::string& file : {std::string("/etc/passwd"), path("innocent"),
                                  path("../../../etc/passwd"), secret, disk})
    expect_refused("one.image.allocate", {fmt::format("NAME=x\nTYPE=OS\nPATH={}", file), 1},
                   {file, "safe"});
  expect_refused("one.image.allocate",
                 {fmt::format("NAME=x\nTYPE=OS\nPATH={}", path("missing")), 1},
                 {path("missing")});
  expect_refused("one.image.allocate", {"NAME=x\nTYPE=OS\nPATH=relative", 1}, {"relative"});
}

TEST_F(GuestBadInput, DisksThatNameOtherFilesOrAreNoneEndInError) {
  const auto backed = path("backed.qcow2");
  const auto made = run_command(
      fmt::format("qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw {} 1M", backed));
  ASSERT_EQ(made.status, 0) << made.output;
  expect_bad_image("backed", backed, "qcow2", "back");
  write_file("garbage.qcow2", std::string(65536, 'g'));
  expect_bad_image("garbage", path("garbage.qcow2"), "qcow2", "");
}

TEST_F(GuestBadInput, NothingOfAllThatHoldsTheDisksOfTheVm) {
  const auto disk = cloud().disk_path(vm_);
  ASSERT_TRUE(fs::exists(disk));
  cloud().act(vm_, "terminate-hard");
  cloud().await_state(vm_, "DONE");
  EXPECT_FALSE(fs::exists(disk));
  cloud().act(held_, "terminate");
  cloud().call_id("one.host.delete", {0});
}

}  // namespace
}  // namespace neph::e2e
