#include <fmt/format.h>

#include "tests/e2e/cloud.h"
#include "tests/support/command.h"

/// The story of the README, and what a stop of nephd leaves running.
namespace neph::e2e {
namespace {

std::string neph_program() {
  const char* given = std::getenv("NEPH_CLI");
  if (given != nullptr) return given;
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "cli/neph";
}

class GuestDemo : public SharedCloud {
 protected:
  static void SetUpTestSuite() { open({}); }
};

TEST_F(GuestDemo, PlaysItsStoryToTheEnd) {
  const auto played = testing_support::run_command(
      fmt::format("{} --state {} demo --clean", neph_program(), cloud().state().string()));
  EXPECT_EQ(played.status, 0) << played.output;
  EXPECT_NE(played.output.find("Every step was as it says"), std::string::npos) << played.output;
  EXPECT_TRUE(cloud().leftovers().empty()) << cloud().leftovers().front();
}

TEST_F(GuestDemo, GuestsOutliveATerminatedNephdAndAreFoundAgain) {
  const auto vm = cloud().create_guest({.name = "stayer", .context = {{"MARKER", "stay"}}});
  EXPECT_EQ(cloud().await_ready(vm), "stay");
  const auto armed = cloud().take(vm, "after-restart", "KIND=DEFERRED");
  const auto qemu = cloud().qemu_of(vm);
  ASSERT_TRUE(qemu.has_value());
  EXPECT_EQ(cloud().nephd().terminate(), 0) << cloud().nephd().output();
  EXPECT_EQ(cloud().qemu_of(vm), qemu) << "the guest must go on without nephd";
  cloud().restart();
  EXPECT_EQ(cloud().state_of(vm), "RUNNING");
  EXPECT_EQ(cloud().phase(armed), "armed");
  cloud().act(vm, "poweroff");
  cloud().await_state(vm, "POWEROFF");
  cloud().await_phase(armed, "ready");
  EXPECT_EQ(cloud().snapshot(armed).get("GRADE"), "shutdown");
  cloud().act(vm, "terminate");
  cloud().await_state(vm, "DONE");
}

}  // namespace
}  // namespace neph::e2e
