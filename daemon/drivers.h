#pragma once

#include <memory>

#include "base/clock.h"
#include "daemon/config.h"
#include "drivers/catalogue.h"

namespace neph::daemon {

/// The drivers of this daemon and the names they go by: kvm and qemu are libvirt; local, shared,
/// qcow2 and ssh are files; dummy is a simulated host or datastore. The simulated hosts keep their
/// guests in <state>/sim-hosts over restarts. Made and destroyed by one thread.
class Drivers {
 public:
  Drivers(const Config& config, Clock& clock);
  ~Drivers();
  Drivers(const Drivers&) = delete;
  Drivers& operator=(const Drivers&) = delete;

  [[nodiscard]] const DriverCatalogue& catalogue() const { return catalogue_; }
  /// No listener is called any more when this returns.
  void silence();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  DriverCatalogue catalogue_;
};

}  // namespace neph::daemon
