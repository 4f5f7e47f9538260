#include <fmt/format.h>

#include "tests/e2e/cloud.h"
#include "tests/e2e/disk_check.h"
#include "tests/e2e/waiting.h"

/// Deferred snapshots: asked now, taken when the guest has stopped.
namespace neph::e2e {
namespace {

class GuestDeferred : public SharedCloud {
 protected:
  static void SetUpTestSuite() { open({}); }

  /// The image is that of a disk at rest, with the guest's marker; a guest boots from it.
  static void expect_whole(std::int64_t image, const std::string& marker) {
    FileSystemCopy content(cloud().image_path(image), cloud().folder());
    EXPECT_EQ(content.faults(Shutdown::kClean), "");
    EXPECT_EQ(content.read("/marker"), marker + "\n");
  }

  static void expect_boots(std::int64_t image, const std::string& marker) {
    const auto vm = cloud().create_guest({.name = "again", .images = {image}});
    EXPECT_EQ(cloud().await_ready(vm, 2), marker);
    end(vm);
  }

  /// READY in the end, as a power cut would have left it.
  static void expect_crashed(const Shot& shot, const std::string& marker) {
    cloud().await_phase(shot, "ready");
    EXPECT_EQ(cloud().snapshot(shot).get("GRADE"), "crash");
    FileSystemCopy content(cloud().image_path(shot.image), cloud().folder());
    EXPECT_EQ(content.faults(Shutdown::kAny), "");
    EXPECT_EQ(content.read("/marker"), marker + "\n");
  }

  static void end(std::int64_t vm) {
    cloud().act(vm, "terminate-hard");
    cloud().await_state(vm, "DONE");
  }
};

TEST_F(GuestDeferred, FiresWhenTheGuestSwitchesItselfOff) {
  const auto vm = cloud().create_guest(
      {.name = "tired",
       .context = {{"MARKER", "tired"}, {"ACTION", "poweroff"}, {"ACTION_DELAY", "1"}}});
  cloud().await_state(vm, "RUNNING");
  // The call of OpenNebula 4.12.
  const bool is_hot = false;
  const auto image = cloud().call_id("one.vm.savedisk", {vm, 0, "of-tired", "", is_hot});
  cloud().await_state(vm, "POWEROFF");
  cloud().await_image(image, "READY");
  EXPECT_EQ(cloud().image(image).get("TEMPLATE/SNAPSHOT/GRADE"), "shutdown");
  expect_whole(image, "tired");
  expect_boots(image, "tired");
  end(vm);
}

TEST_F(GuestDeferred, FiresOncePoweredOffAndNotWhenResumedAndStoppedAgain) {
  const auto vm = cloud().create_guest({.name = "off", .context = {{"MARKER", "off"}}});
  cloud().await_ready(vm);
  const auto shot = cloud().take(vm, "of-off", "KIND=DEFERRED");
  EXPECT_EQ(cloud().phase(shot), "armed");
  EXPECT_EQ(cloud().image_state(shot.image), "LOCKED");
  const auto repeated = cloud().take(vm, "of-off", "KIND=DEFERRED");
  EXPECT_EQ(repeated.image, shot.image) << "the same request again is the same image";
  const auto other = cloud().refusal("neph.snapshot.create", {vm, "0", "b", "KIND=DEFERRED"});
  EXPECT_NE(other.find(fmt::format("snapshot {}", shot.id)), std::string::npos) << other;
  const auto hot = cloud().take(vm, "hot-off", "KIND=HOT QUIESCE=REQUIRE");
  cloud().await_phase(hot, "ready");
  EXPECT_EQ(cloud().phase(shot), "armed");
  cloud().act(vm, "poweroff");
  cloud().await_state(vm, "POWEROFF");
  cloud().await_phase(shot, "ready");
  const auto captured = cloud().snapshot(shot).get("CAPTURED_AT_MS");
  EXPECT_EQ(cloud().snapshot(shot).get("GRADE"), "shutdown");
  expect_whole(shot.image, "off");
  cloud().act(vm, "resume");
  cloud().await_ready(vm, 2);
  cloud().act(vm, "poweroff");
  cloud().await_state(vm, "POWEROFF");
  EXPECT_EQ(cloud().snapshot(shot).get("CAPTURED_AT_MS"), captured);
  FileSystemCopy content(cloud().image_path(shot.image), cloud().folder());
  EXPECT_EQ(content.read("/boots"), "1\n") << "what came later is not in the image";
  end(vm);
}

TEST_F(GuestDeferred, StaysArmedOverSuspendStopAndRebootAndFiresWithTerminate) {
  const auto vm = cloud().create_guest({.name = "patient", .context = {{"MARKER", "patient"}}});
  cloud().await_ready(vm);
  const auto shot = cloud().take(vm, "of-patient", "KIND=DEFERRED");
  cloud().act(vm, "suspend");
  cloud().await_state(vm, "SUSPENDED");
  EXPECT_EQ(cloud().phase(shot), "armed");
  cloud().act(vm, "resume");
  cloud().await_state(vm, "RUNNING");
  cloud().act(vm, "reboot");
  cloud().await_ready(vm, 2);
  EXPECT_EQ(cloud().phase(shot), "armed");
  cloud().act(vm, "stop");
  cloud().await_state(vm, "STOPPED");
  EXPECT_EQ(cloud().phase(shot), "armed");
  cloud().act(vm, "resume");
  cloud().await_state(vm, "RUNNING");
  EXPECT_EQ(cloud().phase(shot), "armed");
  const auto disk = cloud().disk_path(vm);
  cloud().act(vm, "terminate");
  cloud().await_state(vm, "DONE");
  cloud().await_phase(shot, "ready");
  EXPECT_EQ(cloud().snapshot(shot).get("GRADE"), "shutdown");
  expect_whole(shot.image, "patient");
  await("the disk to be gone", [&] { return !std::filesystem::exists(disk); });
  EXPECT_TRUE(cloud().leftovers().empty()) << cloud().leftovers().front();
}

TEST_F(GuestDeferred, WhatDestroysTheDiskFiresItAsACrash) {
  constexpr std::int64_t kRecoverDelete = 3;
  const auto cut = cloud().create_guest({.name = "cut", .context = {{"MARKER", "cut"}}});
  const auto deleted = cloud().create_guest({.name = "del", .context = {{"MARKER", "del"}}});
  cloud().await_ready(cut);
  cloud().await_ready(deleted);
  const auto of_cut = cloud().take(cut, "of-cut", "KIND=DEFERRED WHEN=END");
  const auto of_deleted = cloud().take(deleted, "of-deleted", "KIND=DEFERRED");
  cloud().act(cut, "terminate-hard");
  cloud().call_id("one.vm.recover", {deleted, kRecoverDelete});
  cloud().await_state(cut, "DONE");
  cloud().await_state(deleted, "DONE");
  expect_crashed(of_cut, "cut");
  expect_crashed(of_deleted, "del");
}

TEST_F(GuestDeferred, AKilledQemuLeavesItArmedUntilItsOwnerTakesTheDiskAsItIs) {
  const auto vm = cloud().create_guest({.name = "killed", .context = {{"MARKER", "killed"}}});
  cloud().await_ready(vm);
  const auto shot = cloud().take(vm, "of-killed", "KIND=DEFERRED");
  EXPECT_NE(cloud().refusal("neph.snapshot.capture", {shot.id}), "") << "it runs";
  cloud().kill_qemu(vm);
  cloud().await_state(vm, "POWEROFF");
  EXPECT_EQ(cloud().phase(shot), "armed");
  EXPECT_TRUE(std::filesystem::exists(cloud().disk_path(vm)));
  cloud().call_id("neph.snapshot.capture", {shot.id});
  expect_crashed(shot, "killed");
  end(vm);
}

}  // namespace
}  // namespace neph::e2e
