#include "events/hook_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fd.h"

namespace neph::events {
namespace {

namespace fs = std::filesystem;

constexpr int kPollMs = 20;
constexpr int kEndedByUs = 255;
constexpr int kSignalBase = 128;

Error errno_error(const char* what) {
  return {Errc::kUnavailable, fmt::format("{} for a hook failed", what), std::strerror(errno)};
}

struct Pipe {
  Fd reader;
  Fd writer;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return tl::unexpected(errno_error("a pipe"));
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// Standard input as a file in memory: a program that reads slowly, or not at all, holds up
/// nobody.
Result<Fd> make_input(const std::string& text) {
  Fd file(::memfd_create("hook-input", MFD_CLOEXEC));
  if (file.get() < 0) return tl::unexpected(errno_error("standard input"));
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = ::write(file.get(), text.data() + at, text.size() - at);
    if (count < 0) return tl::unexpected(errno_error("standard input"));
    at += static_cast<std::size_t>(count);
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

struct Streams {
  Fd input;
  Pipe output;
  Pipe errors;
};

Result<pid_t> start(const HookCommand& command, const Streams& streams) {
  std::vector<std::string> words{command.program.string()};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<std::string> environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                       "/sbin:/bin"};
  auto argv = pointers_to(words);
  auto envp = pointers_to(environment);

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, streams.input.get(), 0);
  ::posix_spawn_file_actions_adddup2(&files, streams.output.writer.get(), 1);
  ::posix_spawn_file_actions_adddup2(&files, streams.errors.writer.get(), 2);
  ::posix_spawn_file_actions_addclosefrom_np(&files, 3);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  ::sigfillset(&signals);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  pid_t pid = -1;
  const int problem = ::posix_spawn(&pid, argv[0], &files, &attributes, argv.data(), envp.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (problem == 0) return pid;
  return fail_because(Errc::kUnavailable, std::strerror(problem), "hook {} could not be started",
                      command.program.string());
}

/// A hook that runs; killed with its group and reaped on the way out.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  ~Child() {
    // What it left in the background ends with it: nobody would ever end it else.
    ::kill(-pid_, SIGKILL);
    if (!is_over()) ::waitpid(pid_, &status_, 0);
  }
  bool is_over() {
    if (!is_reaped_) is_reaped_ = ::waitpid(pid_, &status_, WNOHANG) != 0;
    return is_reaped_;
  }
  [[nodiscard]] int code() const {
    return WIFSIGNALED(status_) ? kSignalBase + WTERMSIG(status_) : WEXITSTATUS(status_);
  }

 private:
  pid_t pid_;
  int status_ = 0;
  bool is_reaped_ = false;
};

/// Takes what is there to read; what is too much is read and forgotten, so that the program does
/// not wait for us.
void drain(Fd& file, std::string& kept, std::size_t kept_max) {
  std::array<char, 16384> buffer;
  while (file.get() >= 0) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0) return;
    if (count == 0) return file.close();
    const auto room = kept_max - std::min(kept_max, kept.size());
    kept.append(buffer.data(), std::min(room, static_cast<std::size_t>(count)));
  }
}

Result<HookOutcome> attend(Child& child, Streams& streams, const HookLimits& limits, Clock& clock,
                           Progress& progress) {
  HookOutcome outcome;
  const Duration end = clock.monotonic() + limits.time;
  for (;;) {
    std::array<pollfd, 2> waits{pollfd{streams.output.reader.get(), POLLIN, 0},
                                pollfd{streams.errors.reader.get(), POLLIN, 0}};
    ::poll(waits.data(), waits.size(), kPollMs);
    const bool is_over = child.is_over();
    drain(streams.output.reader, outcome.output, limits.output_max);
    drain(streams.errors.reader, outcome.errors, limits.output_max);
    outcome.code = child.code();
    if (is_over) return outcome;
    if (progress.is_cancelled()) return fail(Errc::kConflict, "the hook was cancelled");
    if (clock.monotonic() < end) continue;
    outcome.code = kEndedByUs;
    outcome.errors += fmt::format("nephd ended the hook after {} s\n", limits.time.count() / 1000);
    return outcome;
  }
}

}  // namespace

Result<HookOutcome> run_hook(const HookCommand& command, const HookLimits& limits, Clock& clock,
                             Progress& progress) {
  Streams streams{TRY(make_input(command.input)), TRY(make_pipe()), TRY(make_pipe())};
  Child child(TRY(start(command, streams)));
  streams.output.writer.close();
  streams.errors.writer.close();
  return attend(child, streams, limits, clock, progress);
}

Result<fs::path> program_in(const fs::path& directory, const std::string& command) {
  std::error_code problem;
  const fs::path home = fs::weakly_canonical(directory, problem);
  const fs::path asked = fs::path(command).is_absolute() ? fs::path(command) : home / command;
  const fs::path program = fs::weakly_canonical(asked, problem);
  const auto [end, rest] = std::mismatch(home.begin(), home.end(), program.begin(), program.end());
  if (command.empty() || end != home.end() || rest == program.end())
    return fail(Errc::kInvalid, "COMMAND \"{}\" of a hook must lie in {} (HOOK_LOCATION)", command,
                home.string());
  if (::access(program.c_str(), X_OK) != 0 || !fs::is_regular_file(program, problem))
    return fail(Errc::kInvalid, "COMMAND \"{}\" of a hook is no program: {} cannot be executed",
                command, program.string());
  return program;
}

}  // namespace neph::events
