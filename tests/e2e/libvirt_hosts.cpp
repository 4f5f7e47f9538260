#include "tests/e2e/libvirt_hosts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "tests/e2e/nephd_process.h"
#include "tests/e2e/waiting.h"
#include "tests/support/command.h"

namespace neph::e2e {

namespace fs = std::filesystem;
using testing_support::run_command;

namespace {

constexpr const char* kBridge = "nephbr";
// Loopback needs no bridge, but a network of its own can be told from it in a message.
constexpr const char* kNet = "10.213.77";

void run_or_throw(const std::string& command) {
  const auto done = run_command("PATH=$PATH:/usr/sbin:/sbin; " + command);
  if (done.status != 0) throw std::runtime_error(command + ": " + done.output);
}

std::vector<pid_t> processes_in(const fs::path& network) {
  std::vector<pid_t> found;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc{}) continue;
    if (fs::equivalent(entry.path() / "ns/net", network, problem)) found.push_back(pid);
  }
  return found;
}

[[noreturn]] void become_libvirtd(const fs::path& folder, const std::string& name,
                                  const std::string& address) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char* tree = std::getenv("NEPH_SOURCE_DIR");
  const auto folder_of_script =
      tree != nullptr ? fs::path(tree) / "tests/e2e" : fs::path(__FILE__).parent_path();
  const auto script = folder_of_script / "libvirtd-host.sh";
  const int out = ::open((folder / "out").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(::open("/dev/null", O_RDONLY), 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::execlp("ip", "ip", "netns", "exec", name.c_str(), script.c_str(), folder.c_str(),
           name.c_str(), address.c_str(), nullptr);
  ::_exit(127);
}

}  // namespace

HostNetwork::HostNetwork() {
  if (::access("/usr/sbin/libvirtd", X_OK) != 0) return;
  const auto made = run_command(fmt::format(
      "PATH=$PATH:/usr/sbin:/sbin; ip link add {0} type bridge && ip addr add {1}.1/24 dev {0} && "
      "ip link set {0} up",
      kBridge, kNet));
  is_possible_ = made.status == 0;
}

HostNetwork::~HostNetwork() {
  if (is_possible_) run_command(fmt::format("PATH=$PATH:/sbin; ip link del {}", kBridge));
}

LibvirtHost::LibvirtHost(int number, const fs::path& folder)
    : name_(fmt::format("nephh{}", number)),
      address_(fmt::format("{}.{}", kNet, 10 + number)),
      folder_(folder / name_) {
  fs::create_directories(folder_);
  const auto link = fmt::format("nephv{}", number);
  run_or_throw(fmt::format("ip netns add {}", name_));
  run_or_throw(fmt::format("ip link add {} type veth peer name eth0 netns {}", link, name_));
  run_or_throw(fmt::format("ip link set {} master {} up", link, kBridge));
  run_or_throw(fmt::format("ip -n {} link set lo up", name_));
  run_or_throw(fmt::format("ip -n {} addr add {}/24 dev eth0", name_, address_));
  run_or_throw(fmt::format("ip -n {} link set eth0 up", name_));
}

LibvirtHost::~LibvirtHost() {
  kill();
  run_command(fmt::format("PATH=$PATH:/sbin; ip netns del {}", name_));
}

std::string LibvirtHost::uri() const { return fmt::format("qemu+tcp://{}/system", address_); }

void LibvirtHost::start() {
  if (libvirtd_ > 0) ::waitpid(libvirtd_, nullptr, 0);
  libvirtd_ = ::fork();
  if (libvirtd_ < 0) throw std::runtime_error("fork failed");
  if (libvirtd_ == 0) become_libvirtd(folder_, name_, address_);
  await(name_ + " to answer", [&] {
    int status = 0;
    if (::waitpid(libvirtd_, &status, WNOHANG) == libvirtd_) {
      libvirtd_ = -1;
      throw std::runtime_error(run_command("cat " + (folder_ / "out").string()).output);
    }
    return run_command(fmt::format("virsh -q -c {} version", uri())).status == 0;
  });
}

void LibvirtHost::kill_libvirtd() const { ::kill(libvirtd_, SIGKILL); }

void LibvirtHost::kill() {
  const auto pids = processes_in("/run/netns/" + name_);
  for (const pid_t pid : pids) ::kill(pid, SIGKILL);
  if (libvirtd_ > 0) ::waitpid(libvirtd_, nullptr, 0);
  libvirtd_ = -1;
  kill_and_await(pids);
}

}  // namespace neph::e2e
