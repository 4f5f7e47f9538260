#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>

/// Makes a small parent of the test program that reaps whatever the tests orphan.
///
/// A daemonised QEMU is handed to process 1. In a container that one reaps late or never, and
/// libvirt, which waits for the process to vanish, takes seconds for every stop. The parent is the
/// child subreaper instead, as nephd's launcher is. It cannot be this process itself: reaping any
/// child would take away those that libvirt waits for.
///
/// Call it before the first thread exists, from the constructor of a static object. Processes that
/// the tests left behind are killed when the tests are over. With NEPH_NO_SUBREAPER in the
/// environment nothing happens: for a test program that is started by another one.
namespace neph::testing_support {

namespace subreaper_detail {

inline pid_t tests_pid = 0;

inline void pass_on(int signal) { ::kill(tests_pid, signal); }

inline void kill_orphans() {
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  for (pid_t orphan = 0; children >> orphan;) ::kill(orphan, SIGKILL);
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
}

[[noreturn]] inline void reap_until_tests_end() {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno == EINTR) continue;
    if (ended >= 0 && ended != tests_pid) continue;
    kill_orphans();
    if (ended >= 0 && WIFEXITED(status)) ::_exit(WEXITSTATUS(status));
    ::_exit(128 + (ended >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0));
  }
}

}  // namespace subreaper_detail

inline void run_below_a_subreaper() {
  if (std::getenv("NEPH_NO_SUBREAPER") != nullptr) return;
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return;
  const pid_t child = ::fork();
  if (child < 0) return;
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return;
  }
  subreaper_detail::tests_pid = child;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, &subreaper_detail::pass_on);
  subreaper_detail::reap_until_tests_end();
}

}  // namespace neph::testing_support
