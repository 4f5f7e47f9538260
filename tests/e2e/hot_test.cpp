#include <fmt/format.h>

#include <algorithm>

#include "tests/e2e/cloud.h"
#include "tests/e2e/disk_check.h"
#include "tests/e2e/waiting.h"
#include "tests/support/command.h"

/// Hot snapshots of guests that write all the time.
namespace neph::e2e {
namespace {

using testing_support::run_command;

constexpr int kFillMb = 32;

class GuestHot : public SharedCloud {
 protected:
  static void SetUpTestSuite() { open({}); }

  static void end(std::int64_t vm) {
    cloud().act(vm, "terminate-hard");
    cloud().await_state(vm, "DONE");
  }

  static void expect_going_on(std::int64_t vm) {
    EXPECT_EQ(cloud().state_of(vm), "RUNNING");
    const auto before = last_number(cloud().serial_log(vm), "IOWRITER number");
    await("the guest to write on", [&] {
      return last_number(cloud().serial_log(vm), "IOWRITER number") > before;
    });
    EXPECT_TRUE(cloud().leftovers().empty()) << cloud().leftovers().front();
  }
};

/// Largest "worst_ms=" in what a guest said.
std::int64_t worst_gap(const std::string& text) {
  std::int64_t worst = -1;
  const std::string key = " worst_ms=";
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 1))
    worst = std::max<std::int64_t>(worst, std::atoll(text.c_str() + at + key.size()));
  return worst;
}

TEST_F(GuestHot, AWritingGuestIsFrozenAndItsImageIsCleanInOrderAndBoots) {
  const auto vm = cloud().create_guest(
      {.name = "writer", .context = {{"MARKER", "hot"}, {"WORKLOAD", "yes"}}});
  cloud().await_ready(vm);
  cloud().await_line(vm, "IOWRITER number");
  const auto shot = cloud().take(vm, "of-writer", "KIND=HOT QUIESCE=REQUIRE");
  cloud().await_phase(shot, "ready");
  EXPECT_EQ(cloud().snapshot(shot).get("GRADE"), "frozen");
  expect_going_on(vm);
  {
    FileSystemCopy content(cloud().image_path(shot.image), cloud().folder());
    EXPECT_EQ(content.faults(Shutdown::kClean), "");
    const auto order = judge_order(content.extract("/A"), content.extract("/B"));
    EXPECT_TRUE(order.is_kept) << order.words;
  }
  EXPECT_EQ(backing_of(cloud().image_path(shot.image)), "");
  const auto again = cloud().create_guest({.name = "again", .images = {shot.image}});
  EXPECT_EQ(cloud().await_ready(again, 2), "hot");
  end(again);
  end(vm);
}

TEST_F(GuestHot, WithoutAnAgentTheImageIsAsAfterAPowerCut) {
  const auto vm = cloud().create_guest(
      {.name = "mute",
       .context = {{"MARKER", "mute"}, {"WORKLOAD", "yes"}, {"NOAGENT", "yes"}}});
  cloud().await_ready(vm);
  cloud().await_line(vm, "IOWRITER number");
  const auto image = cloud().call_id("one.vm.disksaveas", {vm, 0, "of-mute", "", -1});
  cloud().await_image(image, "READY");
  EXPECT_EQ(cloud().image(image).get("TEMPLATE/SNAPSHOT/GRADE"), "crash");
  expect_going_on(vm);
  FileSystemCopy content(cloud().image_path(image), cloud().folder());
  EXPECT_EQ(content.faults(Shutdown::kAny), "");
  EXPECT_EQ(content.read("/marker"), "mute\n");
  const auto order = judge_order(content.extract("/A"), content.extract("/B"));
  EXPECT_TRUE(order.is_kept) << order.words;
  end(vm);
}

TEST_F(GuestHot, TwoDisksOfOneRequestShowOneInstant) {
  const auto vm = cloud().create_guest(
      {.name = "span",
       .context = {{"MARKER", "span"}, {"WORKLOAD", "span"}, {"NOAGENT", "yes"}},
       .images = {cloud().demo_image(), cloud().clone_demo("second")}});
  cloud().await_ready(vm);
  cloud().await_line(vm, "IOWRITER number");
  const auto shots = cloud().take_all(vm, "0,1", "of-span", "KIND=HOT QUIESCE=NEVER");
  ASSERT_EQ(shots.size(), 2U);
  for (const auto& shot : shots) cloud().await_phase(shot, "ready");
  EXPECT_EQ(cloud().snapshot(shots[0]).get("CAPTURED_AT_MS"),
            cloud().snapshot(shots[1]).get("CAPTURED_AT_MS"));
  expect_going_on(vm);
  FileSystemCopy first(cloud().image_path(shots[0].image), cloud().folder());
  FileSystemCopy second(cloud().image_path(shots[1].image), cloud().folder());
  EXPECT_EQ(first.faults(Shutdown::kAny), "");
  EXPECT_EQ(second.faults(Shutdown::kAny), "");
  const auto order = judge_order(first.extract("/A"), second.extract("/B"));
  EXPECT_TRUE(order.is_kept) << order.words;
  end(vm);
}

/// Writes `megabytes` onto the second disk, from a file of random bytes, and waits for the disk.
std::string fill_script(int megabytes) {
  const auto script = fmt::format(
      "s=0; while [ $s -lt {} ]; do dd if=/data/fill of=/dev/vdb bs=1M seek=$s conv=notrunc "
      "2>/dev/null; echo WROTE $s; s=$((s + {})); done; sync",
      megabytes, kFillMb);
  const auto encoded = run_command(fmt::format("printf %s '{}' | base64 -w0", script));
  return encoded.output;
}

TEST_F(GuestHot, TheGuestHardlyNoticesTheSnapshotOfALargeDisk) {
  const int megabytes = std::getenv("NEPH_FULL") == nullptr ? 1024 : 8192;
  const auto empty = cloud().call_id(
      "one.image.allocate",
      {fmt::format("NAME=empty\nTYPE=DATABLOCK\nDEV_PREFIX=vd\nSIZE={}", megabytes + 64), 1});
  cloud().await_image(empty, "READY");
  const auto vm = cloud().create_guest(
      {.name = "large",
       .context = {{"MARKER", "large"},
                   {"WORKLOAD", "yes"},
                   {"FILL_MB", fmt::format("{}", kFillMb)},
                   {"START_SCRIPT_BASE64", fill_script(megabytes)}},
       .images = {cloud().demo_image(), empty}});
  for (int written = 0; written < megabytes; written += kFillMb)
    cloud().await_line(vm, fmt::format("WROTE {}\r", written));
  cloud().await_ready(vm);
  cloud().await_line(vm, "IOWRITER number");
  const auto said_before = cloud().serial_log(vm);
  const auto shots = cloud().take_all(vm, "0,1", "of-large", "KIND=HOT QUIESCE=REQUIRE");
  for (const auto& shot : shots) cloud().await_phase(shot, "ready");
  expect_going_on(vm);
  const auto during = cloud().serial_log(vm).substr(said_before.size());
  const auto facts = cloud().snapshot(shots.at(1));
  EXPECT_GE(facts.number("BYTES_TOTAL"), megabytes * 1048576LL) << "all of it was to be copied";
  note(fmt::format("hot snapshot of {} MB: frozen {} ms, worst pause between two writes {} ms, "
                   "READY after {} ms",
                   megabytes, facts.get("FROZEN_MS"), worst_gap(during),
                   facts.number("READY_AT_MS") - facts.number("REQUESTED_AT_MS")));
  FileSystemCopy content(cloud().image_path(shots.at(0).image), cloud().folder());
  EXPECT_EQ(content.faults(Shutdown::kClean), "");
  const auto order = judge_order(content.extract("/A"), content.extract("/B"));
  EXPECT_TRUE(order.is_kept) << order.words;
  end(vm);
}

}  // namespace
}  // namespace neph::e2e
