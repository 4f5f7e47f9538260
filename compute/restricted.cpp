#include "compute/restricted.h"

#include <algorithm>
#include <array>

namespace neph::compute {

std::vector<std::string> restricted_names(std::vector<std::string> configured) {
  constexpr auto kAlways = std::to_array<std::string_view>(
      {"RAW/DATA", "EMULATOR", "OS/KERNEL", "OS/INITRD", "OS/BOOTLOADER", "CONTEXT/FILES"});
  for (const auto name : kAlways) {
    if (std::find(configured.begin(), configured.end(), name) == configured.end())
      configured.emplace_back(name);
  }
  return configured;
}

Result<void> check_restricted(const access::Actor& actor,
                              const std::vector<std::string>& configured,
                              const text::Template& brought, const text::Template& known,
                              std::string_view what) {
  return access::check_restricted_attributes(actor, restricted_names(configured), brought, known,
                                             what);
}

}  // namespace neph::compute
