#include <fmt/format.h>

#include "tests/e2e/cloud.h"
#include "tests/e2e/disk_check.h"
#include "tests/e2e/waiting.h"
#include "tests/support/command.h"

/// A copy that cannot be finished: the disk of the ended VM is kept, whatever is asked.
namespace neph::e2e {
namespace {

namespace fs = std::filesystem;
using testing_support::run_command;

/// A small file system of its own, which goes with the object.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path place) : place_(std::move(place)) {
    fs::create_directories(place_);
    is_mounted_ = run_command("mount -t tmpfs -o size=512m tmpfs " + place_.string()).status == 0;
  }
  ~SmallDisk() {
    if (is_mounted_) run_command("umount -l " + place_.string());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool is_mounted() const { return is_mounted_; }
  void remount(const std::string& options) {
    const auto done = run_command(fmt::format("mount -o remount,{} {}", options, place_.string()));
    EXPECT_EQ(done.status, 0) << done.output;
  }

 private:
  fs::path place_;
  bool is_mounted_ = false;
};

class GuestSpace : public SharedCloud {
 protected:
  static void SetUpTestSuite() { open({}); }

  static std::int64_t allocate_datastore(const fs::path& place) {
    return cloud().call_id(
        "one.datastore.allocate",
        {fmt::format("NAME={}\nTYPE=IMAGE_DS\nDS_MAD=fs\nTM_MAD=local\nBASE_PATH={}",
                     place.filename().string(), place.string()),
         -1});
  }

  /// Everything that ends or deletes things, short of naming the image.
  static void try_to_destroy(std::int64_t vm, const Shot& shot) {
    const fs::path disk = cloud().disk_path(vm);
    cloud().act(vm, "terminate");
    cloud().act(vm, "terminate-hard");
    EXPECT_NE(cloud().refusal("one.vm.recover", {vm, 3}), "");
    EXPECT_NE(cloud().refusal("one.vm.recover", {vm, 5}), "");
    const auto of_host = cloud().refusal("one.host.delete", {0});
    EXPECT_NE(of_host.find(fmt::format("disk 0 of VM {}", vm)), std::string::npos) << of_host;
    const auto of_image = cloud().refusal("one.image.delete", {shot.image});
    EXPECT_NE(of_image.find("discard"), std::string::npos) << of_image;
    const auto of_cancel = cloud().refusal("neph.snapshot.cancel", {shot.id});
    EXPECT_NE(of_cancel.find("discard"), std::string::npos) << of_cancel;
    EXPECT_NE(cloud().refusal("neph.snapshot.discard", {shot.id, "another"}), "");
    EXPECT_TRUE(fs::exists(disk));
  }
};

TEST_F(GuestSpace, ACopyThatFailsKeepsTheDiskOfTheEndedVmUntilARetrySucceeds) {
  const fs::path place = cloud().state() / "datastores" / "small";
  SmallDisk small(place);
  if (!small.is_mounted()) GTEST_SKIP() << "nothing can be mounted here";
  const auto datastore = allocate_datastore(place);
  const auto vm = cloud().create_guest({.name = "kept", .context = {{"MARKER", "kept"}}});
  cloud().await_ready(vm);
  const auto shot =
      cloud().take(vm, "of-kept", fmt::format("KIND=DEFERRED DATASTORE_ID={}", datastore));
  small.remount("ro");
  cloud().act(vm, "terminate");
  cloud().await_state(vm, "DONE");
  cloud().await_phase(shot, "failed");
  EXPECT_NE(cloud().snapshot(shot).get("ERROR"), "");
  EXPECT_EQ(cloud().snapshot(shot).number("RETAINED"), 1);
  const auto captured = cloud().snapshot(shot).get("CAPTURED_AT_MS");
  const auto host = cloud().document("one.host.info", {0});
  EXPECT_EQ(host.number("HOST_SHARE/MEM_USAGE", -1), 0) << "what it used on the host is free";
  try_to_destroy(vm, shot);

  small.remount("rw,size=8m");
  cloud().call_id("neph.snapshot.retry", {shot.id});
  await("the snapshot to wait for space", [&] {
    return cloud().snapshot(shot).get("WAITING_FOR") == "space";
  });
  EXPECT_NE(cloud().snapshot(shot).get("REASON").find("MB"), std::string::npos);
  try_to_destroy(vm, shot);

  small.remount("size=512m");
  cloud().call_id("neph.snapshot.retry", {shot.id});
  cloud().await_phase(shot, "ready");
  EXPECT_EQ(cloud().snapshot(shot).get("CAPTURED_AT_MS"), captured);
  EXPECT_EQ(cloud().snapshot(shot).get("GRADE"), "shutdown");
  {
    FileSystemCopy content(cloud().image_path(shot.image), cloud().folder());
    EXPECT_EQ(content.faults(Shutdown::kClean), "");
    EXPECT_EQ(content.read("/marker"), "kept\n");
  }
  await("the disk to be gone", [&] { return !fs::exists(cloud().disk_path(vm)); });
  EXPECT_TRUE(cloud().leftovers().empty()) << cloud().leftovers().front();
}

TEST_F(GuestSpace, WhoNamesTheImageDiscardsTheKeptDisk) {
  const fs::path place = cloud().state() / "datastores" / "other";
  SmallDisk small(place);
  if (!small.is_mounted()) GTEST_SKIP() << "nothing can be mounted here";
  small.remount("size=4m");
  const auto datastore = allocate_datastore(place);
  const auto vm = cloud().create_guest({.name = "given-up"});
  cloud().await_ready(vm);
  const auto shot =
      cloud().take(vm, "of-given-up", fmt::format("KIND=DEFERRED DATASTORE_ID={}", datastore));
  cloud().act(vm, "terminate");
  cloud().await_state(vm, "DONE");
  await("the snapshot to wait for space", [&] {
    return cloud().snapshot(shot).get("WAITING_FOR") == "space";
  });
  cloud().call_id("neph.snapshot.discard", {shot.id, "of-given-up"});
  cloud().await_phase(shot, "discarded");
  EXPECT_NE(cloud().refusal("one.image.info", {shot.image}), "");
  await("the disk to be gone", [&] { return !fs::exists(cloud().disk_path(vm)); });
}

}  // namespace
}  // namespace neph::e2e
