#include <fmt/format.h>
#include <signal.h>

#include <thread>

#include "tests/e2e/cloud.h"
#include "tests/e2e/disk_check.h"
#include "tests/e2e/guest_agent.h"
#include "tests/e2e/waiting.h"

/// nephd is killed with -9 at the worst moments, and started again. One start for each test, so
/// that a slow copy can be met under way and ended fast.
namespace neph::e2e {
namespace {

constexpr const char* kSlow = "SNAPSHOT_COPY_RATE=2";
constexpr const char* kFast = "SNAPSHOT_COPY_RATE=0";

void pass(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }

/// Moments of a pin; they get the path of the layer that is going to appear.
using Moment = void (*)(const std::string& layer);
const std::pair<const char*, Moment> kMoments[] = {
    {"at-once", [](const std::string&) {}},
    {"freezing", [](const std::string&) { pass(std::chrono::milliseconds(30)); }},
    // The guest is frozen while its layer appears: nobody but the next nephd can thaw it.
    {"frozen",
     [](const std::string& layer) {
       while (!std::filesystem::exists(layer)) pass(std::chrono::milliseconds(1));
     }},
    {"thawing",
     [](const std::string& layer) {
       while (!std::filesystem::exists(layer)) pass(std::chrono::milliseconds(1));
       pass(std::chrono::milliseconds(20));
     }},
};

class GuestKilledNephd : public testing::Test {
 protected:
  void TearDown() override {
    if (HasFailure()) std::printf("nephd complained:\n%s", cloud_.complaints().c_str());
  }

  Cloud& cloud() { return cloud_; }

  void kill_and_restart() {
    cloud_.nephd().kill();
    cloud_.nephd().set(kFast);
    cloud_.restart();
  }

  std::int64_t rounds(std::int64_t vm) {
    return last_number(cloud_.serial_log(vm), "IOWRITER number");
  }

  /// Waits for two more reports of the writer: the first may be of a moment ago.
  std::int64_t rounds_from_now(std::int64_t vm) {
    for (int report = 0; report < 2; ++report) {
      const auto before = rounds(vm);
      await("the guest to write on", [&] { return rounds(vm) > before; });
    }
    return rounds(vm);
  }

  std::int64_t create_writer(const std::string& marker) {
    const auto vm = cloud_.create_guest(
        {.name = marker, .context = {{"MARKER", marker}, {"WORKLOAD", "yes"}}});
    cloud_.await_ready(vm);
    cloud_.await_line(vm, "IOWRITER number");
    return vm;
  }

  /// Thawed, writing, and its disk is one layer over the image.
  void expect_untouched(std::int64_t vm) {
    EXPECT_EQ(cloud_.state_of(vm), "RUNNING");
    rounds_from_now(vm);
    await("the layers of the snapshot to be gone", [&] { return cloud_.leftovers().empty(); });
    EXPECT_EQ(backing_of(cloud_.disk_path(vm)), cloud_.image_path(cloud_.demo_image()));
  }

  /// \returns newest number that the writer had put into the first file at the instant
  std::int64_t expect_whole(const Shot& shot, const std::string& marker) {
    FileSystemCopy content(cloud_.image_path(shot.image), cloud_.folder());
    EXPECT_EQ(content.faults(Shutdown::kAny), "");
    EXPECT_EQ(content.read("/marker"), marker + "\n");
    const auto order = judge_order(content.extract("/A"), content.extract("/B"));
    EXPECT_TRUE(order.is_kept) << order.words;
    return last_number(order.words, "first");
  }

  void expect_boots(const Shot& shot, const std::string& marker) {
    const auto vm = cloud_.create_guest({.name = "again", .images = {shot.image}});
    EXPECT_EQ(cloud_.await_ready(vm, 2), marker);
  }

 private:
  Cloud cloud_{{kSlow}};
};

TEST_F(GuestKilledNephd, AHotCopyUnderWayEndsWithTheInstantItHad) {
  const auto vm = create_writer("copying");
  const auto shot = cloud().take(vm, "of-copying", "KIND=HOT QUIESCE=REQUIRE");
  cloud().await_phase(shot, "copying");
  const auto captured = cloud().snapshot(shot).get("CAPTURED_AT_MS");
  const auto at_capture = rounds_from_now(vm);
  ASSERT_EQ(cloud().phase(shot), "copying");
  kill_and_restart();
  cloud().await_phase(shot, "ready");
  EXPECT_EQ(cloud().snapshot(shot).get("CAPTURED_AT_MS"), captured);
  EXPECT_EQ(cloud().snapshot(shot).get("GRADE"), "frozen");
  expect_untouched(vm);
  EXPECT_LE(expect_whole(shot, "copying"), at_capture) << "that is a later instant";
  expect_boots(shot, "copying");
}

TEST_F(GuestKilledNephd, APinUnderWayIsTakenUpAndTheGuestGoesOn) {
  const auto vm = create_writer("pinning");
  for (const auto& [name, moment] : kMoments) {
    SCOPED_TRACE(name);
    const auto shot = cloud().take(vm, name, "KIND=HOT");
    moment(cloud().disk_path(vm).string() + fmt::format(".snap-{}", shot.id));
    kill_and_restart();
    cloud().await_phase(shot, "ready");
    expect_untouched(vm);
    expect_whole(shot, "pinning");
  }
}

/// Kills nephd when the layer of a snapshot appears, which is after the freeze and before the thaw.
/// \returns whether the agent says that the guest was left frozen
bool leaves_frozen(Cloud& cloud, std::int64_t vm, const std::string& name) {
  const auto nephd = cloud.nephd().find_daemon();
  const auto shot = cloud.take(vm, name, "KIND=HOT QUIESCE=TRY");
  const auto layer = cloud.disk_path(vm).string() + fmt::format(".snap-{}", shot.id);
  while (!std::filesystem::exists(layer)) pass(std::chrono::milliseconds(1));
  ::kill(nephd, SIGKILL);
  cloud.nephd().reap();
  return freeze_status(agent_socket_below(cloud.state())) == "frozen";
}

TEST_F(GuestKilledNephd, AGuestLeftFrozenIsThawedByTheNextNephdWithinItsBudget) {
  constexpr int kAttempts = 10;
  constexpr std::chrono::seconds kBudget{5};  // SNAPSHOT_FREEZE_TIMEOUT
  const auto vm = create_writer("frozen");
  cloud().nephd().set(kFast);
  int attempt = 1;
  for (; !leaves_frozen(cloud(), vm, fmt::format("frozen-{}", attempt)); ++attempt) {
    ASSERT_LT(attempt, kAttempts) << "no kill came between freeze and thaw";
    cloud().restart();
    expect_untouched(vm);
  }
  cloud().restart();
  const auto answered = std::chrono::steady_clock::now();
  const auto before = rounds(vm);
  await("the guest to write again", [&] { return rounds(vm) > before; });
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - answered);
  EXPECT_LE(took, kBudget);
  note(fmt::format("a guest that a dead nephd had frozen wrote again {} ms after the next one "
                   "answered (kill {})", took.count(), attempt));
  const auto shots = cloud().document("neph.snapshot.list", {-2, vm});
  for (const Element* shot : shots.all("SNAPSHOT"))
    cloud().await_phase({shot->number("ID", -1), shot->number("IMAGE_ID", -1)}, "ready");
  expect_untouched(vm);
}

TEST_F(GuestKilledNephd, ACopyAtRestUnderWayEndsWithTheInstantItHad) {
  const auto vm = create_writer("resting");
  const auto shot = cloud().take(vm, "of-resting", "KIND=DEFERRED");
  cloud().act(vm, "poweroff");
  cloud().await_phase(shot, "copying");
  const auto captured = cloud().snapshot(shot).get("CAPTURED_AT_MS");
  kill_and_restart();
  cloud().await_phase(shot, "ready");
  EXPECT_EQ(cloud().snapshot(shot).get("CAPTURED_AT_MS"), captured);
  EXPECT_EQ(cloud().snapshot(shot).get("GRADE"), "shutdown");
  expect_whole(shot, "resting");
  cloud().act(vm, "resume");
  cloud().await_ready(vm, 2);
  expect_untouched(vm);
}

TEST_F(GuestKilledNephd, ASuspendDuringAHotCopyWaitsForNothingAndSpoilsNothing) {
  const auto vm = create_writer("suspended");
  const auto shot = cloud().take(vm, "of-suspended", "KIND=HOT QUIESCE=REQUIRE");
  cloud().await_phase(shot, "copying");
  cloud().act(vm, "suspend");
  cloud().await_state(vm, "SUSPENDED");
  kill_and_restart();
  cloud().await_phase(shot, "ready");
  cloud().act(vm, "resume");
  cloud().await_state(vm, "RUNNING");
  expect_untouched(vm);
  expect_whole(shot, "suspended");
}

}  // namespace
}  // namespace neph::e2e
