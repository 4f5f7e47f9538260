#include "compute/states.h"

#include <algorithm>
#include <array>
#include <utility>

namespace neph::compute {
namespace {

constexpr auto kVmNames = std::to_array<std::pair<VmState, std::string_view>>({
    {VmState::kInit, "INIT"},
    {VmState::kPending, "PENDING"},
    {VmState::kHold, "HOLD"},
    {VmState::kActive, "ACTIVE"},
    {VmState::kStopped, "STOPPED"},
    {VmState::kSuspended, "SUSPENDED"},
    {VmState::kDone, "DONE"},
    {VmState::kPoweroff, "POWEROFF"},
    {VmState::kUndeployed, "UNDEPLOYED"},
    {VmState::kCloning, "CLONING"},
    {VmState::kCloningFailure, "CLONING_FAILURE"},
});

constexpr auto kLcmNames = std::to_array<std::pair<LcmState, std::string_view>>({
    {LcmState::kInit, "LCM_INIT"},
    {LcmState::kProlog, "PROLOG"},
    {LcmState::kBoot, "BOOT"},
    {LcmState::kRunning, "RUNNING"},
    {LcmState::kMigrate, "MIGRATE"},
    {LcmState::kSaveStop, "SAVE_STOP"},
    {LcmState::kSaveSuspend, "SAVE_SUSPEND"},
    {LcmState::kPrologResume, "PROLOG_RESUME"},
    {LcmState::kEpilogStop, "EPILOG_STOP"},
    {LcmState::kEpilog, "EPILOG"},
    {LcmState::kShutdown, "SHUTDOWN"},
    {LcmState::kCleanupResubmit, "CLEANUP_RESUBMIT"},
    {LcmState::kUnknown, "UNKNOWN"},
    {LcmState::kHotplug, "HOTPLUG"},
    {LcmState::kShutdownPoweroff, "SHUTDOWN_POWEROFF"},
    {LcmState::kBootUnknown, "BOOT_UNKNOWN"},
    {LcmState::kBootPoweroff, "BOOT_POWEROFF"},
    {LcmState::kBootSuspended, "BOOT_SUSPENDED"},
    {LcmState::kBootStopped, "BOOT_STOPPED"},
    {LcmState::kCleanupDelete, "CLEANUP_DELETE"},
    {LcmState::kShutdownUndeploy, "SHUTDOWN_UNDEPLOY"},
    {LcmState::kEpilogUndeploy, "EPILOG_UNDEPLOY"},
    {LcmState::kPrologUndeploy, "PROLOG_UNDEPLOY"},
    {LcmState::kBootUndeploy, "BOOT_UNDEPLOY"},
    {LcmState::kBootFailure, "BOOT_FAILURE"},
    {LcmState::kPrologFailure, "PROLOG_FAILURE"},
    {LcmState::kEpilogFailure, "EPILOG_FAILURE"},
    {LcmState::kEpilogStopFailure, "EPILOG_STOP_FAILURE"},
    {LcmState::kEpilogUndeployFailure, "EPILOG_UNDEPLOY_FAILURE"},
    {LcmState::kBootUndeployFailure, "BOOT_UNDEPLOY_FAILURE"},
    {LcmState::kBootStoppedFailure, "BOOT_STOPPED_FAILURE"},
    {LcmState::kPrologResumeFailure, "PROLOG_RESUME_FAILURE"},
    {LcmState::kPrologUndeployFailure, "PROLOG_UNDEPLOY_FAILURE"},
    {LcmState::kSaveMigrate, "SAVE_MIGRATE"},
    {LcmState::kPrologMigrate, "PROLOG_MIGRATE"},
    {LcmState::kHotplugSnapshot, "HOTPLUG_SNAPSHOT"},
    {LcmState::kHotplugNic, "HOTPLUG_NIC"},
    {LcmState::kHotplugPrologPoweroff, "HOTPLUG_PROLOG_POWEROFF"},
    {LcmState::kHotplugEpilogPoweroff, "HOTPLUG_EPILOG_POWEROFF"},
    {LcmState::kBootMigrate, "BOOT_MIGRATE"},
    {LcmState::kBootMigrateFailure, "BOOT_MIGRATE_FAILURE"},
    {LcmState::kPrologMigratePoweroff, "PROLOG_MIGRATE_POWEROFF"},
    {LcmState::kPrologMigrateSuspend, "PROLOG_MIGRATE_SUSPEND"},
    {LcmState::kDiskSnapshotPoweroff, "DISK_SNAPSHOT_POWEROFF"},
    {LcmState::kDiskSnapshotRevertPoweroff, "DISK_SNAPSHOT_REVERT_POWEROFF"},
    {LcmState::kDiskSnapshotDeletePoweroff, "DISK_SNAPSHOT_DELETE_POWEROFF"},
    {LcmState::kDiskSnapshotSuspended, "DISK_SNAPSHOT_SUSPENDED"},
    {LcmState::kDiskSnapshotDeleteSuspended, "DISK_SNAPSHOT_DELETE_SUSPENDED"},
    {LcmState::kDiskSnapshot, "DISK_SNAPSHOT"},
    {LcmState::kDiskSnapshotDelete, "DISK_SNAPSHOT_DELETE"},
    {LcmState::kDiskResize, "DISK_RESIZE"},
    {LcmState::kDiskResizePoweroff, "DISK_RESIZE_POWEROFF"},
    {LcmState::kDiskResizeUndeployed, "DISK_RESIZE_UNDEPLOYED"},
    {LcmState::kBackup, "BACKUP"},
    {LcmState::kBackupPoweroff, "BACKUP_POWEROFF"},
    {LcmState::kRestore, "RESTORE"},
});

template <class Names, class State>
std::string_view find_name(const Names& names, State state) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [state](const auto& entry) { return entry.first == state; });
  return found == names.end() ? std::string_view{} : found->second;
}

}  // namespace

std::string_view name_of(VmState state) { return find_name(kVmNames, state); }
std::string_view name_of(LcmState state) { return find_name(kLcmNames, state); }

std::string_view shown_name(VmState state, LcmState lcm) {
  return state == VmState::kActive ? name_of(lcm) : name_of(state);
}

}  // namespace neph::compute
