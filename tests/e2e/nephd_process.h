#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

/// nephd as a child process, on a state directory of its own. What goes wrong in the harness is
/// thrown, which fails the test with the words.
namespace neph::e2e {

[[nodiscard]] std::string read_file(const std::filesystem::path& path);
/// Processes of this machine whose command line holds `text`, this one left out.
[[nodiscard]] std::vector<pid_t> processes_with(const std::string& text);
/// The program that is tested: NEPH_NEPHD, else that of the build directory.
[[nodiscard]] std::filesystem::path nephd_program();
/// SIGKILL, and waits until they are gone.
void kill_and_await(const std::vector<pid_t>& pids);

/// Whether it makes the image and the template "demo".
enum class Demo { kMade, kNone };

class NephdProcess {
 public:
  /// \param settings  KEY=VALUE, for --set
  NephdProcess(std::filesystem::path state, std::vector<std::string> settings,
               Demo demo = Demo::kMade);
  ~NephdProcess();
  NephdProcess(const NephdProcess&) = delete;
  NephdProcess& operator=(const NephdProcess&) = delete;

  /// Returns when the API answers.
  void start();
  /// For the next start: KEY=VALUE in the place of what was set for that key before.
  void set(const std::string& setting);
  /// SIGKILL to the daemon itself, as the kernel does when memory is short.
  void kill();
  /// The daemon, for who kills it without waiting; reap() must follow.
  [[nodiscard]] pid_t find_daemon() const;
  /// Waits until it has ended. \returns as terminate()
  int reap();
  /// SIGTERM. \returns the exit status, 128 + n after signal n
  int terminate();
  [[nodiscard]] bool is_running() const { return launcher_ > 0; }

  /// What it printed since the last start.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::filesystem::path output_file() const { return state_.string() + ".out"; }

 private:
  const std::filesystem::path state_;
  std::vector<std::string> settings_;
  const Demo demo_;
  pid_t launcher_ = -1;
};

}  // namespace neph::e2e
