#include "events/hook_runner.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

namespace neph::events {
namespace {

namespace fs = std::filesystem;

class HookRunner : public testing::Test {
 protected:
  void SetUp() override {
    std::string made = (fs::temp_directory_path() / "neph-hooks.XXXXXX").string();
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    directory_ = made;
  }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path script(const std::string& text, const std::string& name = "hook") {
    const fs::path file = directory_ / name;
    std::ofstream(file) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(file, fs::perms::owner_all);
    return file;
  }
  Result<HookOutcome> run(const std::string& text, std::vector<std::string> arguments = {},
                          const std::string& input = {}) {
    return run_hook({script(text), std::move(arguments), input}, limits_, clock_, progress_);
  }

  fs::path directory_;
  SystemClock clock_;
  NoProgress progress_;
  HookLimits limits_;
};

TEST_F(HookRunner, TellsCodeAndBothStreams) {
  const auto outcome = run("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->code, 3);
  EXPECT_EQ(outcome->output, "out\n");
  EXPECT_EQ(outcome->errors, "err\n");
}

TEST_F(HookRunner, HandsArgumentsOverAsTheyAreAndInputOnStdin) {
  const auto outcome = run("printf '%s|' \"$@\"; cat", {"a b", "$HOME", ";"}, "<VM/>");
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->output, "a b|$HOME|;|<VM/>");
}

TEST_F(HookRunner, EndsAHookWithAllItStartedWhenItsTimeIsOver) {
  limits_.time = Duration{300};
  const auto outcome = run("sleep 100 & echo $!; sleep 100");
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->code, 255);
  EXPECT_NE(outcome->errors.find("ended the hook"), std::string::npos);
  const pid_t grandchild = std::stoi(outcome->output);
  // It is somebody else's to reap, so it may be there as a zombie for a moment.
  const auto is_running = [&] {
    std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
    std::string pid, name, state;
    stat >> pid >> name >> state;
    return state != "" && state != "Z" && state != "X";
  };
  const Duration deadline = clock_.monotonic() + Duration{5000};
  while (is_running() && clock_.monotonic() < deadline) clock_.sleep_for(Duration{10});
  EXPECT_FALSE(is_running());
}

TEST_F(HookRunner, KeepsTheFirstBytesOfAnEndlessTalker) {
  limits_.output_max = 10;
  const auto outcome = run("yes | head -c 1000000");
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->output.size(), 10u);
  EXPECT_EQ(outcome->code, 0);
}

TEST_F(HookRunner, TellsWhatCannotBeStarted) {
  const auto outcome =
      run_hook({directory_ / "nothing", {}, {}}, limits_, clock_, progress_);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::kUnavailable);
}

TEST_F(HookRunner, ProgramsLieInTheDirectoryOfHooks) {
  const fs::path inside = script("true");
  EXPECT_EQ(program_in(directory_, "hook").value(), fs::canonical(inside));
  EXPECT_EQ(program_in(directory_, inside.string()).value(), fs::canonical(inside));
  for (const char* outside : {"../../bin/sh", "/bin/sh", "", ".", "nothing"})
    EXPECT_FALSE(program_in(directory_, outside)) << outside;
  fs::create_symlink("/bin/sh", directory_ / "link");
  EXPECT_FALSE(program_in(directory_, "link")) << "a link does not lead out";
}

}  // namespace
}  // namespace neph::events
