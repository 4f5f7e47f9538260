#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/datastore/fs/internal/command.h"
#include "drivers/datastore/fs/internal/file.h"
#include "drivers/datastore/fs/internal/qemu_progress.h"
#include "tests/contract/datastore/expect.h"
#include "tests/contract/datastore/fs_support.h"

namespace neph::datastore_driver::fs {
namespace {

constexpr Duration kLong{60'000};
constexpr Duration kShort{200};

class FsCommand : public testing::Test {
 protected:
  Result<std::string> run(std::vector<std::string> arguments, Duration stall_limit = kLong) {
    return run_command({std::move(arguments), {}}, {clock_, stall_limit}, no_progress_);
  }
  /// Runs shell lines that write `target`.
  Result<std::string> run_lines(const std::string& lines, Duration stall_limit,
                                Progress& progress, const OutputListener& listener = {}) {
    const std::string script = write_script(directory_.file("script"), lines);
    return run_command({{script}, directory_.file("target")}, {clock_, stall_limit}, progress,
                       listener);
  }
  SystemClock clock_;
  NoProgress no_progress_;
  TemporaryDirectory directory_;
};

/// Waits for a process to end, by its pidfd; \returns whether it did in time.
bool ends_within(int process_handle, int milliseconds) {
  pollfd wait{process_handle, POLLIN, 0};
  return ::poll(&wait, 1, milliseconds) == 1;
}

int handle_of(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

TEST_F(FsCommand, ArgumentsReachTheProgramWithoutAShell) {
  const auto output = run({"printf", "%s|", "a b", "$(id)", "*", ";", ""});
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(*output, "a b|$(id)|*|;||");
}

TEST_F(FsCommand, AFailureCarriesExitCodeAndWords) {
  const auto result = run({"sh", "-c", "echo some words >&2; exit 3"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kInternal);
  EXPECT_NE(result.error().message.find("3"), std::string::npos);
  EXPECT_EQ(result.error().cause, "some words");
}

TEST_F(FsCommand, WordsOfTheSystemBecomeCodes) {
  EXPECT_FAILS(Errc::kExhausted, run({"sh", "-c", "echo x: No space left on device >&2; exit 1"}));
  EXPECT_FAILS(Errc::kNotFound, run({"cat", directory_.file("nothing")}));
  EXPECT_FAILS(Errc::kUnavailable, run({"sh", "-c", "kill -9 $$"}));
}

TEST_F(FsCommand, AMissingProgramIsUnavailable) {
  EXPECT_FAILS(Errc::kUnavailable, run({"no-program-of-this-name"}));
  EXPECT_FAILS(Errc::kUnavailable, run({directory_.file("nothing")}));
}

TEST_F(FsCommand, AProgramInheritsNothingButItsPipes) {
  const int stray = ::open("/dev/zero", O_RDONLY);  // on purpose without O_CLOEXEC
  const auto output = run({"sh", "-c", "for fd in /proc/$$/fd/*; do readlink $fd; done; true"});
  ::close(stray);
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_NE(output->find("/dev/null\n"), std::string::npos) << *output;
  EXPECT_EQ(output->find("/dev/zero"), std::string::npos) << *output;
}

TEST_F(FsCommand, BothPipesAreDrainedAndWhatIsKeptIsBounded) {
  const auto output =
      run({"sh", "-c", "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero"});
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output->size(), 1048576U);
}

TEST_F(FsCommand, AProgramThatMovesNothingIsStalled) {
  EXPECT_FAILS(Errc::kStalled, run_lines("exec sleep 1000", kShort, no_progress_));
}

TEST_F(FsCommand, AGrowingTargetIsASignOfLife) {
  const std::string target = directory_.file("target");
  // Longer than the stall limit as a whole, but never without a byte for that long.
  const std::string lines = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n"
                            "  echo byte >> " + target + "; sleep 0.1\ndone\n";
  EXPECT_OK(run_lines(lines, Duration{1000}, no_progress_));
}

TEST_F(FsCommand, ACancelKillsTheProgramAndItsChildren) {
  RecordingProgress cancelled(RecordingProgress::Cancel::kAfterFirstReport);
  int child = -1;
  const auto result = run_lines("sleep 1000 & echo $!; wait", kLong, cancelled,
                                [&](std::string_view chunk) {
                                  child = handle_of(std::stoi(std::string(chunk)));
                                  cancelled.report(Bytes{1}, Bytes{2});
                                });
  EXPECT_FAILS(Errc::kConflict, result);
  ASSERT_GE(child, 0);
  EXPECT_TRUE(ends_within(child, 10'000));
  ::close(child);
}

TEST_F(FsCommand, KillingTheDaemonKillsQemuImg) {
  const std::string fifo = directory_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::string tool = write_script(
      directory_.file("qemu-img"),
      "[ $1 = convert ] && echo $$ > " + fifo + "\nexec /usr/bin/qemu-img \"$@\"\n");
  const Layer source{directory_.file("source"), Format::kQcow2};
  const Layer target{directory_.file("target"), Format::kQcow2};
  FsDriver maker({}, clock_);
  ASSERT_OK(maker.ensure_created(source, Bytes::megabytes(64)));
  shell("qemu-io -f qcow2 -c 'write -P 7 0 32M' " + source.path);

  const pid_t daemon = ::fork();
  if (daemon == 0) {
    FsDriver driver({.qemu_img = tool, .stall_limit = kLong}, clock_);
    // At this rate the copy would take minutes.
    const auto proof = driver.ensure_copied(source, target, Bytes{65536}, no_progress_);
    ::_exit(proof ? 0 : 1);
  }
  const Fd reader(::open(fifo.c_str(), O_RDWR));
  pollfd wait{reader.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 30'000), 1);
  char text[32] = {};
  ASSERT_GT(::read(reader.get(), text, sizeof text - 1), 0);
  const int copier = handle_of(std::atoi(text));
  ASSERT_GE(copier, 0);
  EXPECT_FALSE(ends_within(copier, 300));
  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
  EXPECT_TRUE(ends_within(copier, 10'000));
  ::close(copier);
}

TEST(QemuProgress, ReadsPercentagesOutOfAnyChunks) {
  QemuProgress progress;
  EXPECT_EQ(progress.hear("    (0.00/100%)\r    (1.5"), 0.0);
  EXPECT_EQ(progress.hear("0/1"), std::nullopt);
  EXPECT_EQ(progress.hear("00%)\r"), 1.5);
  EXPECT_EQ(progress.hear("    (40.25/100%)\r    (50.00/100%)\r"), 50.0);
}

TEST(QemuProgress, NeverFallsAndNeverExceedsAHundred) {
  QemuProgress progress;
  EXPECT_EQ(progress.hear("(60.00/100%)"), 60.0);
  EXPECT_EQ(progress.hear("(30.00/100%)"), 60.0);
  EXPECT_EQ(progress.hear("(999.00/100%)"), 100.0);
  EXPECT_EQ(progress.hear(std::string(100'000, '(')), std::nullopt);
}

}  // namespace
}  // namespace neph::datastore_driver::fs
