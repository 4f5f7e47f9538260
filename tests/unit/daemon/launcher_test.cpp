#include "daemon/launcher.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace neph::daemon {
namespace {

constexpr int kPatienceMs = 20'000;

/// A pipe on which another process tells something, or by ending says that it has ended.
class Wire {
 public:
  Wire() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~Wire() {
    close_end(0);
    close_end(1);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void tell(int value) const { ASSERT_EQ(::write(ends_[1], &value, sizeof value), sizeof value); }
  void only_listen() { close_end(1); }

  /// The next value told, -1 when nobody is left who could tell, -2 when it takes too long.
  int hear() const {
    pollfd waiting{ends_[0], POLLIN, 0};
    if (poll(&waiting, 1, kPatienceMs) <= 0) return -2;
    int value = 0;
    return ::read(ends_[0], &value, sizeof value) == sizeof value ? value : -1;
  }

 private:
  void close_end(int which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

pid_t start_launcher(const std::function<int()>& daemon) {
  const pid_t launcher = fork();
  if (launcher == 0) {
    unsetenv("NOTIFY_SOCKET");
    std::_Exit(run_under_launcher(daemon));
  }
  return launcher;
}

int status_of(pid_t process) {
  int status = 0;
  EXPECT_EQ(waitpid(process, &status, 0), process);
  return status;
}

int exit_code_of(pid_t process) {
  const int status = status_of(process);
  EXPECT_TRUE(WIFEXITED(status)) << "status " << status;
  return WEXITSTATUS(status);
}

/// Blocks until `signal` comes; it has to be blocked before.
void await(int signal) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, signal);
  siginfo_t seen;
  while (sigwaitinfo(&signals, &seen) < 0) {
  }
}

void block(int signal) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
}

TEST(Launcher, EndsWithTheExitStatusOfTheDaemon) {
  EXPECT_EQ(exit_code_of(start_launcher([] { return 0; })), 0);
  EXPECT_EQ(exit_code_of(start_launcher([] { return 23; })), 23);
}

TEST(Launcher, TellsTheSignalThatEndedTheDaemon) {
  EXPECT_EQ(exit_code_of(start_launcher([] { return raise(SIGKILL); })), 128 + SIGKILL);
}

TEST(Launcher, PassesSignalsOnToTheDaemon) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    Wire wire;
    const pid_t launcher = start_launcher([&wire, signal] {
      block(signal);
      wire.tell(1);
      await(signal);
      return 40 + signal;
    });
    ASSERT_EQ(wire.hear(), 1);
    kill(launcher, signal);
    EXPECT_EQ(exit_code_of(launcher), 40 + signal);
  }
}

TEST(Launcher, KeepsTheDaemonOutOfItsOwnProcessGroup) {
  const pid_t launcher =
      start_launcher([] { return getpgrp() != getpgid(getppid()) ? EXIT_SUCCESS : EXIT_FAILURE; });
  EXPECT_EQ(exit_code_of(launcher), EXIT_SUCCESS);
}

/// Ends with an orphan that waits for `release` and then ends too.
int leave_an_orphan(const Wire& told, const Wire& release) {
  const pid_t middle = fork();
  if (middle == 0) {
    if (fork() == 0) {
      told.tell(getpid());
      std::_Exit(release.hear());
    }
    std::_Exit(0);
  }
  waitpid(middle, nullptr, 0);
  return told.hear();
}

TEST(Launcher, ReapsTheOrphansOfTheDaemon) {
  Wire told;
  Wire release;
  const pid_t launcher = start_launcher([&] {
    const pid_t orphan = leave_an_orphan(told, release);
    // The orphan ends while the daemon runs; as a zombie it would still answer to signal 0.
    release.tell(0);
    for (int tries = 0; tries < kPatienceMs; ++tries) {
      if (kill(orphan, 0) != 0 && errno == ESRCH) return EXIT_SUCCESS;
      poll(nullptr, 0, 1);
    }
    return EXIT_FAILURE;
  });
  EXPECT_EQ(exit_code_of(launcher), EXIT_SUCCESS);
}

/// Fourth field of /proc/PID/stat; the second is a name in brackets that may contain anything.
int parent_of(pid_t process) {
  std::array<char, 512> text{};
  FILE* file = std::fopen(("/proc/" + std::to_string(process) + "/stat").c_str(), "re");
  if (file == nullptr) return -1;
  const std::size_t length = std::fread(text.data(), 1, text.size() - 1, file);
  std::fclose(file);
  const std::string stat(text.data(), length);
  int parent = -1;
  std::sscanf(stat.c_str() + stat.rfind(')'), ") %*c %d", &parent);
  return parent;
}

TEST(Launcher, AdoptsTheOrphansOfTheDaemon) {
  Wire told;
  Wire release;
  const pid_t launcher = start_launcher([&] {
    const pid_t orphan = leave_an_orphan(told, release);
    const bool is_adopted = parent_of(orphan) == getppid();
    release.tell(0);
    return is_adopted ? EXIT_SUCCESS : EXIT_FAILURE;
  });
  EXPECT_EQ(exit_code_of(launcher), EXIT_SUCCESS);
}

TEST(Launcher, TakesTheDaemonAlongWhenItIsKilled) {
  Wire wire;
  const pid_t launcher = start_launcher([&wire] {
    wire.tell(1);
    while (true) pause();
    return 0;
  });
  ASSERT_EQ(wire.hear(), 1);
  wire.only_listen();
  kill(launcher, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(status_of(launcher)));
  EXPECT_EQ(wire.hear(), -1) << "the daemon still holds its end of the pipe";
}

TEST(Launcher, StandsAsideUnderAServiceManager) {
  const pid_t process = fork();
  if (process == 0) {
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
    const pid_t self = getpid();
    std::_Exit(run_under_launcher([self] { return getpid() == self ? 5 : 6; }));
  }
  EXPECT_EQ(exit_code_of(process), 5);
}

}  // namespace
}  // namespace neph::daemon
