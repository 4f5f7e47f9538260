#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/datastore/driver.h"
#include "drivers/hypervisor/driver.h"

namespace neph {

/// The drivers this daemon was wired with, by the names that hosts and datastores give: VM_MAD
/// ("kvm", "qemu", "dummy") and TM_MAD ("local", "shared", "qcow2", "ssh", "dummy"). Filled at
/// start, only read afterwards; the drivers outlive it. Any thread.
struct DriverCatalogue {
  std::map<std::string, hypervisor_driver::Driver*, std::less<>> hypervisors;
  std::map<std::string, datastore_driver::Driver*, std::less<>> datastores;

  /// kInvalid naming the driver and those there are.
  [[nodiscard]] Result<hypervisor_driver::Driver*> hypervisor(std::string_view vm_mad) const {
    return find(hypervisors, "hypervisor", vm_mad);
  }
  [[nodiscard]] Result<datastore_driver::Driver*> datastore(std::string_view tm_mad) const {
    return find(datastores, "datastore", tm_mad);
  }

 private:
  template <class Map>
  static Result<typename Map::mapped_type> find(const Map& map, std::string_view what,
                                                std::string_view name) {
    const auto found = map.find(name);
    if (found != map.end()) return found->second;
    std::string known;
    for (const auto& [key, driver] : map) known += (known.empty() ? "" : ", ") + key;
    return fail(Errc::kInvalid, "there is no {} driver \"{}\" (there are: {})", what, name, known);
  }
};

}  // namespace neph
