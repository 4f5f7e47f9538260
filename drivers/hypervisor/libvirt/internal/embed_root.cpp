#include "drivers/hypervisor/libvirt/internal/embed_root.h"

#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <string_view>
#include <system_error>

#include "drivers/hypervisor/libvirt/internal/mending.h"
#include "drivers/hypervisor/libvirt/internal/threads.h"

namespace neph::hypervisor_driver::virt {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark =
    "# Written by Nephograph at every start; remove this line to keep changes of yours.";

/// The longest socket that libvirt makes below the root, with generous numbers.
constexpr std::string_view kLongestSocket =
    "/lib/qemu/channel/target/domain-99999-one-9999999/org.qemu.guest_agent.0";
constexpr std::size_t kSocketPathMax = sizeof(sockaddr_un::sun_path) - 1;

/// No daemon stands behind the embedded driver: nobody logs for it (virtlogd), nobody confines
/// guests, and control groups belong to whoever started this process.
std::string qemu_conf() {
  std::string text(kMark);
  text += "\nstdio_handler = \"file\"\nsecurity_driver = \"none\"\n";
  text += "security_default_confined = 0\n";
  if (::geteuid() == 0) text += "user = \"root\"\ngroup = \"root\"\n";
  text += "dynamic_ownership = 0\nremember_owner = 0\n";
  text += "cgroup_controllers = []\nnamespaces = []\nseccomp_sandbox = 0\nmax_core = 0\n";
  return text;
}

bool is_somebody_elses(const fs::path& file) {
  std::ifstream stream(file);
  std::string first;
  if (!stream) return false;
  std::getline(stream, first);
  return first != kMark;
}

struct Anchor {
  EventLoopShare event_loop;
  std::string root;
  Connect connection;
};

}  // namespace

Result<void> ensure_embed_root(const std::string& root) {
  if (root.size() + kLongestSocket.size() > kSocketPathMax)
    return fail(Errc::kInvalid,
                "The embedded host's directory {} is too long: at most {} characters, because "
                "paths of UNIX sockets end at {}.",
                root, kSocketPathMax - kLongestSocket.size(), kSocketPathMax);
  std::error_code trouble;
  fs::create_directories(fs::path(root) / "etc", trouble);
  if (trouble)
    return fail_because(Errc::kInvalid, trouble.message(), "Cannot make {}/etc.", root);
  const auto file = fs::path(root) / "etc" / "qemu.conf";
  if (is_somebody_elses(file)) return {};
  std::ofstream stream(file, std::ios::trunc);
  stream << qemu_conf();
  stream.close();
  if (!stream) return fail(Errc::kInvalid, "Cannot write {}.", file.string());
  return {};
}

Result<Connect> open_embedded(const std::string& uri, const std::string& root) {
  static std::mutex mutex;
  static const Anchor* anchor = nullptr;  // never destroyed, see the header
  const std::lock_guard lock(mutex);
  if (anchor == nullptr) {
    CHECK_OK(ensure_embed_root(root));
    mend_after_kill(root);
    auto opening = std::make_unique<Anchor>();
    opening->root = root;
    opening->connection = TRY(open_here(uri));
    anchor = opening.release();
  }
  if (anchor->root != root)
    return fail(Errc::kInvalid, "The embedded host of this process lives in {}, not in {}.",
                anchor->root, root);
  return share(anchor->connection);
}

}  // namespace neph::hypervisor_driver::virt
