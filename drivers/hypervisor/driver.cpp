#include "drivers/hypervisor/driver.h"

namespace neph::hypervisor_driver {

std::string_view name_of(Operation operation) {
  switch (operation) {
    case Operation::kDiskHotplug: return "attaching and detaching disks while it runs";
    case Operation::kNicHotplug: return "attaching and detaching NICs while it runs";
    case Operation::kNicUpdate: return "changing NICs while it runs";
    case Operation::kDiskResize: return "resizing disks while it runs";
    case Operation::kSystemSnapshot: return "snapshots of the whole system";
    case Operation::kLiveMigration: return "live migration";
  }
  return "?";
}

}  // namespace neph::hypervisor_driver
