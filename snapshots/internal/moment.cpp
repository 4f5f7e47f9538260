#include "snapshots/internal/moment.h"

#include "compute/guest_facts.h"

namespace neph::snapshots {
namespace {

using compute::LcmState;
using compute::VmState;

Moment moment_of_active(LcmState lcm) {
  switch (lcm) {
    case LcmState::kRunning:
    case LcmState::kHotplug:
    case LcmState::kHotplugNic:
    case LcmState::kDiskResize:
    case LcmState::kBackup:
      return Moment::kRunning;
    case LcmState::kUnknown:
      return Moment::kUnknown;
    case LcmState::kShutdown:
    case LcmState::kShutdownPoweroff:
    case LcmState::kShutdownUndeploy:
      return Moment::kStopping;
    case LcmState::kEpilog:
    // Some of its disks may have gone.
    case LcmState::kEpilogFailure:
    case LcmState::kCleanupDelete:
      return Moment::kRemoved;
    case LcmState::kEpilogUndeploy:
    case LcmState::kEpilogUndeployFailure:
    case LcmState::kBootFailure:
    case LcmState::kBootUndeployFailure:
    case LcmState::kPrologFailure:
    case LcmState::kPrologUndeployFailure:
    case LcmState::kBackupPoweroff:
      return Moment::kAtRest;
    case LcmState::kEpilogStop:
    case LcmState::kEpilogStopFailure:
    case LcmState::kBootStoppedFailure:
    case LcmState::kPrologResumeFailure:
      return Moment::kSaved;
    default:
      return Moment::kMoving;
  }
}

}  // namespace

Moment moment_of(const compute::Vm& vm) {
  if (compute::is_in_doubt(vm)) return Moment::kUnknown;
  // Its disks stay until no snapshot needs one of them.
  const bool is_recreated = compute::stand_of(vm) == compute::active(LcmState::kCleanupResubmit);
  if (is_recreated) {
    return vm.rest_grade == datastore::Grade::kNone ? Moment::kStopping : Moment::kAtRest;
  }
  switch (vm.state) {
    case VmState::kActive: return moment_of_active(vm.lcm);
    case VmState::kPoweroff:
    case VmState::kUndeployed: return Moment::kAtRest;
    case VmState::kStopped: return Moment::kSaved;
    // Without a memory file it is QEMU that holds the guest still, with the disks open.
    case VmState::kSuspended: return vm.memory_path.empty() ? Moment::kPaused : Moment::kSaved;
    case VmState::kDone: return Moment::kGone;
    default: return Moment::kAbsent;
  }
}

bool is_ending(const compute::Vm& vm) {
  if (vm.state == VmState::kDone) return true;
  if (vm.state != VmState::kActive) return false;
  return vm.lcm == LcmState::kShutdown || vm.lcm == LcmState::kEpilog ||
         vm.lcm == LcmState::kEpilogFailure || vm.lcm == LcmState::kCleanupDelete;
}

bool is_before_boot(const compute::Vm& vm) {
  if (vm.state == VmState::kPending || vm.state == VmState::kHold) return true;
  if (vm.state != VmState::kActive) return false;
  switch (vm.lcm) {
    case LcmState::kPrologResume:
    case LcmState::kPrologUndeploy:
    case LcmState::kBootPoweroff:
    case LcmState::kBootUndeploy:
    case LcmState::kBootStopped: return true;
    // Without a memory file QEMU has the disks open.
    case LcmState::kBootSuspended: return !vm.memory_path.empty();
    default: return false;
  }
}

std::string words_of(const compute::Vm& vm) {
  return fmt::format("VM {} is {}", vm.id, compute::shown_name(vm.state, vm.lcm));
}

}  // namespace neph::snapshots
