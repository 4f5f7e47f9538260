#pragma once

#include <string>

#include "compute/vm.h"

namespace neph::snapshots {

/// What a VM's state means for its disks. Pure functions, for any thread.
enum class Moment {
  kAbsent,    ///< it has not been on a host: there are no disks
  kRunning,
  kPaused,    ///< QEMU has the disks open, yet the guest does not run
  kMoving,    ///< on its way to another of these: booting, saving, migrating
  kStopping,  ///< asked to switch off; it runs until it has
  kSaved,     ///< off, with its memory in a file: the file system is not at rest
  kAtRest,    ///< off
  kUnknown,   ///< nobody knows
  kRemoved,   ///< its disks are being removed this moment
  kGone,      ///< it has ended
};
[[nodiscard]] Moment moment_of(const compute::Vm& vm);

/// Whether its own disks go as soon as nobody holds them.
[[nodiscard]] bool is_ending(const compute::Vm& vm);

/// On its way to a boot from disks that nobody has open.
[[nodiscard]] bool is_before_boot(const compute::Vm& vm);

/// "VM 3 is RUNNING".
[[nodiscard]] std::string words_of(const compute::Vm& vm);

}  // namespace neph::snapshots
