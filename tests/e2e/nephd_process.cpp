#include "tests/e2e/nephd_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/e2e/waiting.h"
#include "tests/support/demo_image.h"
#include "tests/support/subreaper.h"

namespace neph::e2e {

namespace fs = std::filesystem;

namespace {

// Guests outlive their nephd: somebody has to reap them when it is killed.
struct BelowSubreaper {
  BelowSubreaper() { testing_support::run_below_a_subreaper(); }
};
const BelowSubreaper kBelowSubreaper;

bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0; }

/// In the child: becomes nephd, or ends.
[[noreturn]] void become(const std::vector<std::string>& words, const fs::path& output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

fs::path nephd_program() {
  const char* given = std::getenv("NEPH_NEPHD");
  if (given != nullptr) return given;
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "daemon" / "nephd";
}

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc{} || pid == ::getpid()) continue;
    if (read_file(entry.path() / "cmdline").find(text) != std::string::npos) found.push_back(pid);
  }
  return found;
}

void kill_and_await(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) ::kill(pid, SIGKILL);
  for (const pid_t pid : pids)
    await(fmt::format("process {} to be gone", pid), [pid] { return !is_alive(pid); });
}

NephdProcess::NephdProcess(fs::path state, std::vector<std::string> settings, Demo demo)
    : state_(std::move(state)), settings_(std::move(settings)), demo_(demo) {}

NephdProcess::~NephdProcess() {
  if (is_running()) kill();
}

void NephdProcess::set(const std::string& setting) {
  const auto key = setting.substr(0, setting.find('=') + 1);
  std::erase_if(settings_, [&](const std::string& old) { return old.starts_with(key); });
  settings_.push_back(setting);
}

void NephdProcess::start() {
  std::vector<std::string> words{nephd_program(), "--state", state_, "--listen", "127.0.0.1:0"};
  if (demo_ == Demo::kMade)
    words.insert(words.end(), {"--demo-image", testing_support::demo_image().disk});
  for (const auto& setting : settings_) words.insert(words.end(), {"--set", setting});
  const fs::path endpoint = state_ / "endpoint";
  fs::create_directories(state_);
  fs::remove(endpoint);
  const fs::path output = output_file();
  launcher_ = ::fork();
  if (launcher_ < 0) throw std::runtime_error("fork failed");
  if (launcher_ == 0) become(words, output);
  await("nephd to answer", [&] {
    if (!read_file(endpoint).empty()) return true;
    int status = 0;
    if (::waitpid(launcher_, &status, WNOHANG) != launcher_) return false;
    launcher_ = -1;
    throw std::runtime_error("nephd ended at once: " + this->output());
  });
}

/// The launcher's children are the daemon and the orphans that it adopted.
pid_t NephdProcess::find_daemon() const {
  const auto program = fs::read_symlink(fmt::format("/proc/{}/exe", launcher_));
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", launcher_));
  for (pid_t child = 0; children >> child;) {
    std::error_code gone;
    if (fs::read_symlink(fmt::format("/proc/{}/exe", child), gone) == program) return child;
  }
  throw std::runtime_error("nephd has no daemon process");
}

int NephdProcess::reap() {
  int status = 0;
  ::waitpid(launcher_, &status, 0);
  launcher_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void NephdProcess::kill() {
  if (::kill(find_daemon(), SIGKILL) != 0) throw std::runtime_error("nephd cannot be killed");
  reap();
}

int NephdProcess::terminate() {
  ::kill(launcher_, SIGTERM);
  return reap();
}

std::string NephdProcess::output() const { return read_file(output_file()); }

}  // namespace neph::e2e
