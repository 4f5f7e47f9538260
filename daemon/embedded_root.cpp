#include <fmt/format.h>

#include <cstdint>

#include "daemon/config.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

/// libvirt makes sockets below the root, whose paths end at 107 bytes; the driver refuses longer
/// roots.
constexpr std::size_t kRootCharactersMax = 35;

/// FNV-1a: the same in every build, which std::hash does not promise.
std::uint64_t digest_of(const std::string& text) {
  std::uint64_t digest = 0xcbf2'9ce4'8422'2325;
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  return digest;
}

}  // namespace

fs::path embedded_root_of(const Config& config) {
  if (config.embedded_host == EmbeddedHost::kNo) return {};
  if (!config.embedded_root.empty()) return config.embedded_root;
  const fs::path inside = config.state / "embed";
  if (inside.string().size() <= kRootCharactersMax) return inside;
  // Not in /run: what libvirt knows about stopped guests should outlive a reboot.
  return fmt::format("/var/tmp/neph-{:016x}", digest_of(config.state.string()));
}

}  // namespace neph::daemon
