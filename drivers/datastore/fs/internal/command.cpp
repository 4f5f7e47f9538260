#include "drivers/datastore/fs/internal/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/log.h"
#include "drivers/datastore/fs/internal/file.h"

namespace neph::datastore_driver::fs {
namespace {

constexpr std::size_t kOutputMax = 1048576;
constexpr std::size_t kErrorTailMax = 4096;
constexpr int kPollMs = 50;
constexpr int kReadsAtATime = 64;
constexpr int kKillWaitMs = 5000;
constexpr int kExitNotStarted = 127;

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "make", "a pipe");
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// Everything the child needs, made before the fork: between fork and exec of a process with
/// threads only async-signal-safe calls are allowed, and an allocation is none.
struct Launch {
  std::string program;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  Fd null;
  pid_t parent = ::getpid();
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void become_program(const Launch& launch, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The daemon may have died before the line above.
  if (::getppid() != launch.parent) ::_exit(kExitNotStarted);
  ::setpgid(0, 0);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(0007);
  if (::dup2(launch.null.get(), 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0)
    ::_exit(kExitNotStarted);
  ::close_range(3, ~0U, 0);
  ::execve(launch.program.c_str(), launch.argv.data(), launch.envp.data());
  ::_exit(kExitNotStarted);
}

// glibc 2.36 declares pidfd_open() without C linkage, so C++ cannot link to it.
int open_process_handle(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

/// A running program, killed and reaped on the way out.
class Child {
 public:
  Child(pid_t pid, Fd out, Fd err)
      : pid_(pid), handle_(open_process_handle(pid)), out_(std::move(out)), err_(std::move(err)) {}
  Child(Child&&) = delete;
  ~Child() {
    if (!is_reaped_) end_now();
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Waits a moment for output or the end; true once the program has ended.
  bool wait_a_moment(int milliseconds) {
    std::array<pollfd, 3> waits{pollfd{out_.get(), POLLIN, 0}, pollfd{err_.get(), POLLIN, 0},
                                pollfd{handle_.get(), POLLIN, 0}};
    ::poll(waits.data(), waits.size(), milliseconds);
    return is_ended();
  }
  /// What is there to read; empty for nothing at the moment or nothing any more.
  std::string read_output() { return read_from(out_); }
  std::string read_errors() { return read_from(err_); }
  [[nodiscard]] int status() const { return status_; }

  /// Kills the whole group. A program that hangs in the kernel (dead NFS) cannot be reaped; it is
  /// left behind rather than this thread lost.
  void end_now() {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    for (int waited = 0; waited < kKillWaitMs && !is_ended(); waited += kPollMs) {
      pollfd wait{handle_.get(), POLLIN, 0};
      ::poll(&wait, 1, kPollMs);
    }
    if (!is_reaped_) log::error("command.unkillable", {{"pid", pid_}});
    is_reaped_ = true;
  }

 private:
  bool is_ended() {
    if (is_reaped_) return true;
    const pid_t reaped = ::waitpid(pid_, &status_, WNOHANG);
    // Somebody else in the process reaped it: how it ended is lost, so it counts as failed.
    if (reaped < 0 && errno == ECHILD) status_ = W_EXITCODE(EXIT_FAILURE, 0);
    is_reaped_ = reaped == pid_ || (reaped < 0 && errno == ECHILD);
    return is_reaped_;
  }
  static std::string read_from(Fd& file) {
    std::array<char, 16384> buffer;
    if (file.get() < 0) return {};
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count > 0) return {buffer.data(), static_cast<std::size_t>(count)};
    // At the end of the stream poll() would return at once, for ever.
    if (count == 0) file.close();
    return {};
  }

  pid_t pid_;
  Fd handle_;
  Fd out_;
  Fd err_;
  int status_ = 0;
  bool is_reaped_ = false;
};

/// Says when a program has shown no sign of life for too long.
class Pulse {
 public:
  Pulse(const Command& command, const Patience& patience)
      : target_(command.target), patience_(patience), beat_at_(patience.clock.monotonic()) {}

  void beat() { beat_at_ = patience_.clock.monotonic(); }
  [[nodiscard]] bool is_lost(pid_t pid) {
    const std::int64_t now = footprint(pid);
    if (now != footprint_) beat();
    footprint_ = now;
    return patience_.clock.monotonic() - beat_at_ > patience_.stall_limit;
  }

 private:
  /// A number that changes while bytes move. One per cent of a large disk can take longer than
  /// the stall limit, so the kernel's count of bytes read and written counts as well.
  [[nodiscard]] std::int64_t footprint(pid_t pid) const {
    std::int64_t sum = 0;
    struct stat facts {};
    if (!target_.empty() && ::stat(target_.c_str(), &facts) == 0)
      sum += facts.st_size + facts.st_blocks;
    std::ifstream counters(fmt::format("/proc/{}/io", pid));
    std::string name;
    for (std::int64_t count = 0; counters >> name >> count;) sum += count;
    return sum;
  }

  std::string target_;
  const Patience& patience_;
  Duration beat_at_;
  std::int64_t footprint_ = 0;
};

void append_tail(std::string& tail, const std::string& text) {
  tail += text;
  if (tail.size() > kErrorTailMax) tail.erase(0, tail.size() - kErrorTailMax);
}

/// What one run has said so far.
struct Voice {
  std::string output;
  std::string errors;
};

/// Reads what both pipes hold at the moment. \returns whether anything came
bool drain(Child& child, Voice& voice, const OutputListener& listener) {
  bool is_heard = false;
  // A program that talks without end must not keep us from hearing the cancel.
  for (int round = 0; round < kReadsAtATime; ++round) {
    const std::string output = child.read_output();
    const std::string errors = child.read_errors();
    if (output.empty() && errors.empty()) return is_heard;
    is_heard = true;
    if (listener && !output.empty()) listener(output);
    voice.output += output.substr(0, kOutputMax - std::min(kOutputMax, voice.output.size()));
    append_tail(voice.errors, errors);
  }
  return is_heard;
}

Errc code_from(std::string_view words) {
  struct Row {
    std::string_view words;
    Errc code;
  };
  // strerror() in the C locale, and the lock messages of QEMU's file driver.
  static constexpr Row kRows[] = {
      {"No space left on device", Errc::kExhausted},
      {"Disk quota exceeded", Errc::kExhausted},
      {"File too large", Errc::kExhausted},
      {"Failed to get", Errc::kUnavailable},
      {"Input/output error", Errc::kUnavailable},
      {"Stale file handle", Errc::kUnavailable},
      {"Permission denied", Errc::kUnavailable},
      {"No such file or directory", Errc::kNotFound},
      {"not in qcow2 format", Errc::kInvalid},
      {"corrupt", Errc::kInvalid},
      {"Unsupported", Errc::kInvalid},
  };
  for (const Row& row : kRows)
    if (words.find(row.words) != std::string_view::npos) return row.code;
  return Errc::kInternal;
}

std::string name_of_run(const Command& command) {
  std::string name = command.arguments.front();
  name.erase(0, name.rfind('/') + 1);
  return command.arguments.size() > 1 ? name + " " + command.arguments[1] : name;
}

Result<std::string> judge(const Command& command, int status, Voice voice) {
  while (!voice.errors.empty() && std::isspace(static_cast<unsigned char>(voice.errors.back())))
    voice.errors.pop_back();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::move(voice.output);
  if (WIFSIGNALED(status))
    return fail_because(Errc::kUnavailable, voice.errors, "{} was ended by signal {}",
                        name_of_run(command), WTERMSIG(status));
  if (WEXITSTATUS(status) == kExitNotStarted && voice.errors.empty())
    return fail(Errc::kUnavailable, "{} could not be started", command.arguments.front());
  return fail_because(code_from(voice.errors), voice.errors, "{} failed with exit code {}",
                      name_of_run(command), WEXITSTATUS(status));
}

Result<std::string> attend(Child& child, const Command& command, const Patience& patience,
                           Progress& progress, const OutputListener& listener) {
  Voice voice;
  Pulse pulse(command, patience);
  for (;;) {
    const bool is_ended = child.wait_a_moment(kPollMs);
    if (drain(child, voice, listener)) pulse.beat();
    if (is_ended) return judge(command, child.status(), std::move(voice));
    if (progress.is_cancelled()) {
      child.end_now();
      return fail(Errc::kConflict, "{} was cancelled", name_of_run(command));
    }
    if (pulse.is_lost(child.pid())) {
      child.end_now();
      return fail_because(Errc::kStalled, voice.errors, "{} moved no byte for {} ms",
                          name_of_run(command), patience.stall_limit.count());
    }
  }
}

}  // namespace

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return name;
    return fail(Errc::kUnavailable, "the program {} is not there", name);
  }
  const char* set = std::getenv("PATH");
  std::istringstream folders(set != nullptr ? set : "/usr/bin:/bin:/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(Errc::kUnavailable, "the program {} is not installed", name);
}

Result<std::string> run_command(const Command& command, const Patience& patience,
                                Progress& progress, const OutputListener& listener) {
  NEPH_ASSERT(!command.arguments.empty());
  std::vector<std::string> arguments = command.arguments;
  Launch launch;
  launch.program = TRY(find_program(arguments.front()));
  launch.environment = {"LC_ALL=C", "PATH=/usr/bin:/bin:/usr/sbin:/sbin"};
  launch.argv = pointers_to(arguments);
  launch.envp = pointers_to(launch.environment);
  launch.null = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (launch.null.get() < 0) return fail_errno(errno, "open", "/dev/null");
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());

  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errno, "start", launch.program);
  if (pid == 0) become_program(launch, out.writer.get(), err.writer.get());
  ::setpgid(pid, pid);
  out.writer.close();
  err.writer.close();
  Child child(pid, std::move(out.reader), std::move(err.reader));
  return attend(child, command, patience, progress, listener);
}

}  // namespace neph::datastore_driver::fs
