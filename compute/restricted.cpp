#include "compute/restricted.h"

#include <algorithm>
#include <array>

#include "access/restricted_attributes.h"

namespace neph::compute {
namespace {

constexpr auto kAlwaysRestricted = std::to_array<std::string_view>(
    {"RAW/DATA", "EMULATOR", "OS/KERNEL", "OS/INITRD", "OS/BOOTLOADER", "CONTEXT/FILES"});

std::vector<std::string> all_of(const std::vector<std::string>& restricted) {
  auto all = restricted;
  for (const auto name : kAlwaysRestricted) {
    if (std::find(all.begin(), all.end(), name) == all.end()) all.emplace_back(name);
  }
  return all;
}

}  // namespace

Result<void> check_restricted(const access::Actor& actor,
                              const std::vector<std::string>& restricted,
                              const text::Template& brought, const text::Template& known,
                              std::string_view what) {
  return access::check_restricted_attributes(actor, all_of(restricted), brought, known, what);
}

void carry_restricted_over(const access::Actor& actor, const std::vector<std::string>& restricted,
                           const text::Template& old, text::Template& replaced) {
  access::carry_restricted_attributes(actor, all_of(restricted), old, replaced);
}

}  // namespace neph::compute
