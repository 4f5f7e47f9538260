#include "compute/vm.h"

#include "base/numbers.h"

namespace neph::compute {

std::string state_key(VmId vm) { return fmt::format("vm.state/{}", vm); }

std::string disk_resource(VmId vm, DiskId disk) { return fmt::format("disk/{}/{}", vm, disk); }

access::Subject subject_of(const Vm& vm) {
  return {access::Resource::kVm, vm.id.value, vm.name, vm.owner, vm.group, vm.permissions, {}};
}

namespace {
constexpr std::string_view kDomainPrefix = "one-";
}

bool is_alias(const VmNic& nic) { return nic.attributes.has("PARENT_ID"); }

bool is_parent(const VmNic& parent, const VmNic& alias) {
  return is_alias(alias) && alias.attributes.get("PARENT_ID") == fmt::format("{}", parent.id);
}

std::string domain_name(VmId vm) { return fmt::format("{}{}", kDomainPrefix, vm); }

std::optional<VmId> vm_of_domain(std::string_view name) {
  if (!name.starts_with(kDomainPrefix)) return std::nullopt;
  const auto number = natural_from(name.substr(kDomainPrefix.size()));
  return number ? std::optional{VmId{*number}} : std::nullopt;
}

bool is_swap(const VmDisk& disk) {
  const std::string type = disk.attributes.get("TYPE");
  return type == "swap" || type == "SWAP";
}

const std::string& live_path(const VmDisk& disk) {
  return disk.overlay_path.empty() ? disk.path : disk.overlay_path;
}

std::string vm_directory(const std::string& system_base_path, VmId vm) {
  return fmt::format("{}/{}", system_base_path, vm);
}

}  // namespace neph::compute
