#pragma once

#include <string>
#include <vector>

#include "access/permissions.h"
#include "compute/host.h"
#include "compute/settings.h"
#include "db/database.h"
#include "drivers/catalogue.h"

namespace neph::compute {

/// What one.host.* does. Transactions on the store lane; rights are the caller's business.
class HostService {
 public:
  HostService(const Settings& settings, const DriverCatalogue& drivers)
      : settings_(settings), drivers_(drivers) {}
  /// `vm_mad` "dummy" makes a simulated host. The URI is LIBVIRT_URI of the host's template, set
  /// by update(), or made from the pattern.
  Result<HostId> allocate(db::Txn& txn, const std::string& name, const std::string& im_mad,
                          const std::string& vm_mad, ClusterId cluster);
  /// \returns kWrongState naming VMs or retained disks that are still there
  Result<void> remove(db::Txn& txn, HostId id);
  /// Enabling a host that was declared lost takes that back: guests that run there are taken as
  /// they are found.
  Result<void> set_admin(db::Txn& txn, HostId id, HostAdmin admin);
  /// An administrator's word that nothing runs any more on a host that does not answer: it lost
  /// its power, or was fenced. Its VMs are off from here on, as after a power cut; what waited for
  /// the host goes on. May be said again.
  /// \returns kInvalid unless `name` is the host's, kWrongState while it answers and where nobody
  ///   has asked it
  Result<void> declare_lost(db::Txn& txn, HostId id, const std::string& name);
  Result<void> update(db::Txn& txn, HostId id, const text::Template& change, bool is_append);
  Result<void> rename(db::Txn& txn, HostId id, const std::string& name);

 private:
  const Settings& settings_;
  const DriverCatalogue& drivers_;
};

}  // namespace neph::compute
