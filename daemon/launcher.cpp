#include "daemon/launcher.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

namespace neph::daemon {
namespace {

constexpr int kPassedOn[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
constexpr int kCouldNotStart = 1;
constexpr int kEndedBySignal = 128;

sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  for (const int signal : kPassedOn) sigaddset(&signals, signal);
  return signals;
}

[[noreturn]] void run_child(const std::function<int()>& daemon, pid_t launcher,
                            const sigset_t& mask) {
  setpgid(0, 0);
  // SIGKILL, not SIGTERM: whoever kills the launcher means to end nephd at once, and every
  // acknowledged operation survives that.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The launcher may have died before the line above; then nobody would ever tell us.
  if (getppid() != launcher) std::_Exit(kCouldNotStart);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  std::exit(daemon());
}

int exit_status_of(int wait_status) {
  if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
  const int signal = WTERMSIG(wait_status);
  log::error("daemon.killed", {{"signal", signal}});
  return kEndedBySignal + signal;
}

enum class Child { kRuns, kEnded };

/// Reaps everybody who has ended; signals of the same kind merge, so one SIGCHLD may mean many.
Child reap(pid_t child, int& wait_status) {
  int status = 0;
  Child state = Child::kRuns;
  for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (ended != child) continue;
    wait_status = status;
    state = Child::kEnded;
  }
  return state;
}

int watch(pid_t child, const sigset_t& signals) {
  int wait_status = 0;
  while (true) {
    const int signal = sigwaitinfo(&signals, nullptr);
    if (signal < 0) continue;  // interrupted by a debugger or by SIGCONT
    if (signal != SIGCHLD) {
      kill(child, signal);
    } else if (reap(child, wait_status) == Child::kEnded) {
      return exit_status_of(wait_status);
    }
  }
}

}  // namespace

int run_under_launcher(const std::function<int()>& daemon) {
  if (std::getenv("NOTIFY_SOCKET") != nullptr) return daemon();

  const sigset_t signals = awaited_signals();
  sigset_t mask_before;
  // Blocked before the fork, so that no signal falls between the two processes.
  sigprocmask(SIG_BLOCK, &signals, &mask_before);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::fflush(nullptr);  // else both processes would print what is buffered
  const pid_t launcher = getpid();
  const pid_t child = fork();
  if (child == 0) run_child(daemon, launcher, mask_before);
  if (child < 0) {
    log::error("daemon.no_fork", {{"errno", errno}});
    sigprocmask(SIG_SETMASK, &mask_before, nullptr);
    return kCouldNotStart;
  }
  return watch(child, signals);
}

}  // namespace neph::daemon
