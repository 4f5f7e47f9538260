#include <csignal>
#include <cstdio>

#include <sys/resource.h>
#include <unistd.h>

#include "daemon/application.h"
#include "daemon/bootstrap.h"
#include "daemon/files.h"
#include "daemon/launcher.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/restore.h"
#include "daemon/state_lock.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

constexpr int kOk = 0;
constexpr int kFailed = 1;
/// A socket for each connection, and files of running copies.
constexpr rlim_t kOpenFilesWanted = 65'536;

int complain(const Error& error) {
  fmt::print(stderr, "nephd: {}\n", error.text());
  return kFailed;
}

void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kOpenFilesWanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, kOpenFilesWanted);
  setrlimit(RLIMIT_NOFILE, &limit);
}

sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

/// Where neph stands beside this program in a build directory, else just its name.
std::string client_command() {
  std::error_code problem;
  const fs::path self = fs::read_symlink("/proc/self/exe", problem);
  const fs::path built = self.parent_path().parent_path() / "cli" / "neph";
  if (problem || ::access(built.c_str(), X_OK) != 0) return "neph";
  return fs::proximate(built, problem).string();
}

void greet(const Config& config, const StartReport& report) {
  const std::string neph =
      fmt::format("{} --state {}", client_command(), config.state.string());
  std::string login = fmt::format("user oneadmin, {}", one_auth_path(config).string());
  if (!report.oneadmin_password.empty())
    login = fmt::format("user oneadmin, password {} (kept in {})", report.oneadmin_password,
                        one_auth_path(config).string());
  fmt::print("Nephograph answers at {}\n"
             "log in as  {}\n"
             "try        {} demo\n"
             "           {} vm list\n"
             "           {} snapshot create VM DISK NAME\n",
             report.endpoint, login, neph, neph, neph);
  std::fflush(stdout);
}

/// Only the level of the log can change while nephd runs.
void reread_log_level(const Options& options) {
  const auto loaded = config_of(options);
  if (!loaded) {
    log::error("config.not_reread", {{"why", loaded.error().text()}});
    return;
  }
  log::set_level(loaded->config.log_level);
  log::info("config.reread", {{"file", options.config_file.string()}});
}

/// Returns when somebody wants an end.
void wait_for_the_end(const Options& options, const sigset_t& signals) {
  while (true) {
    const int signal = sigwaitinfo(&signals, nullptr);
    if (signal == SIGHUP) reread_log_level(options);
    if (signal != SIGTERM && signal != SIGINT) continue;
    log::info("daemon.stopping", {{"signal", signal}});
    return;
  }
}

/// The state directory is ours.
Result<void> serve(const Options& options, const Config& config) {
  // Blocked in every thread to come, so that only wait_for_the_end() hears of them.
  const sigset_t signals = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  raise_open_files();
  auto application = TRY(Application::start(config, options.demo_image));
  log::info("daemon.ready", {{"endpoint", application->report().endpoint}});
  greet(config, application->report());
  notify_ready();
  wait_for_the_end(options, signals);
  notify_stopping();
  // From here on the default action: a second signal ends nephd at once, which loses nothing.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  application->stop();
  application.reset();
  log::info("daemon.stopped");
  return {};
}

Result<void> lock_and_serve(const Options& options, const LoadedConfig& loaded) {
  const auto lock = TRY(StateLock::take(loaded.config.state));
  CHECK_OK(log::configure({.file = loaded.config.log_path()}, loaded.config.log_level));
  for (const auto& warning : loaded.warnings) log::warn("config.unknown_key", {{"what", warning}});
  return serve(options, loaded.config);
}

Result<void> restore(const Options& options, const Config& config) {
  const auto lock = TRY(StateLock::take(config.state));
  const auto done = TRY(restore_store(config.state, options.backup, SystemClock{}.now()));
  fmt::print("{} is restored; the next VM gets id {}{}\n", store_file(config.state).string(),
             done.next_vm,
             done.knows_successor ? ""
                                  : " (what was made since the backup is not known: ids go on with "
                                    "a margin)");
  if (!done.kept.empty())
    fmt::print("what was there before is kept as {}\n", done.kept.string());
  fmt::print("start nephd, then see what has changed since the backup: neph check\n");
  return {};
}

int run(const Options& options) {
  const auto loaded = config_of(options);
  if (!loaded) return complain(loaded.error());
  if (options.mode == Options::Mode::kCheckConfig) {
    for (const auto& warning : loaded->warnings) fmt::print("{}\n", warning);
    fmt::print("the configuration is in order\n");
    return kOk;
  }
  if (const auto made = ensure_directory(loaded->config.state, Privacy::kGroup); !made)
    return complain(made.error());
  if (options.mode == Options::Mode::kRestore) {
    const auto restored = restore(options, loaded->config);
    return restored ? kOk : complain(restored.error());
  }
  return run_under_launcher([&] {
    const auto served = lock_and_serve(options, *loaded);
    log::flush();
    return served ? kOk : complain(served.error());
  });
}

}  // namespace
}  // namespace neph::daemon

int main(int count, char** words) {
  const auto options = neph::daemon::parse_options({words + 1, words + count});
  if (options) return neph::daemon::run(*options);
  std::fputs(options.error().text.c_str(), options.error().exit_code == 0 ? stdout : stderr);
  return options.error().exit_code;
}
