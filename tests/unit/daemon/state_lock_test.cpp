#include "daemon/state_lock.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

class StateLocks : public testing::Test {
 protected:
  StateLocks() {
    std::string pattern = "/tmp/neph-lock-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~StateLocks() override { fs::remove_all(directory_); }
  fs::path directory_;
};

TEST_F(StateLocks, NamesTheProcessThatUsesTheDirectory) {
  const auto first = StateLock::take(directory_);
  ASSERT_TRUE(first) << first.error().text();
  const auto second = StateLock::take(directory_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kConflict);
  EXPECT_EQ(second.error().message, "state directory " + directory_.string() +
                                        " is in use by nephd with process id " +
                                        std::to_string(getpid()));
}

TEST_F(StateLocks, IsFreeAgainWhenTheHolderLetsGo) {
  {
    const auto first = StateLock::take(directory_);
    ASSERT_TRUE(first);
  }
  EXPECT_TRUE(StateLock::take(directory_));
}

TEST_F(StateLocks, GoesAlongWhenItIsMoved) {
  auto first = StateLock::take(directory_);
  ASSERT_TRUE(first);
  std::optional<StateLock> owner(std::move(*first));
  EXPECT_FALSE(StateLock::take(directory_));
  owner.reset();
  EXPECT_TRUE(StateLock::take(directory_));
}

TEST_F(StateLocks, IsFreeAgainAfterTheHolderWasKilled) {
  const pid_t holder = fork();
  if (holder == 0) {
    const auto lock = StateLock::take(directory_);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(holder, &status, 0), holder);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(StateLock::take(directory_));
}

TEST_F(StateLocks, IsNotHandedToProgramsThatOutliveTheDaemon) {
  const pid_t holder = fork();
  if (holder == 0) {
    const auto lock = StateLock::take(directory_);
    execl("/bin/sh", "sh", "-c", "ls -l /proc/self/fd | grep -q /lock && exit 1; exit 0", nullptr);
    std::_Exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(holder, &status, 0), holder);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(StateLocks, ForgetsAnOlderHoldersId) {
  std::ofstream(directory_ / "lock") << "123456789\n";
  const auto lock = StateLock::take(directory_);
  ASSERT_TRUE(lock);
  std::string text;
  std::getline(std::ifstream(directory_ / "lock"), text);
  EXPECT_EQ(text, std::to_string(getpid()));
}

TEST_F(StateLocks, RefusesADirectoryThatIsNotThere) {
  const auto lock = StateLock::take(directory_ / "missing");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::kUnavailable);
  EXPECT_NE(lock.error().message.find("missing"), std::string::npos);
}

}  // namespace
}  // namespace neph::daemon
