#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

/// Numbers of the wire (OpenNebula 7.4, states.md 2). Only those that a VM of ours can show.
namespace neph::compute {

enum class VmState {
  kInit = 0, kPending = 1, kHold = 2, kActive = 3, kStopped = 4, kSuspended = 5, kDone = 6,
  kPoweroff = 8, kUndeployed = 9, kCloning = 10, kCloningFailure = 11,
};

enum class LcmState {
  kInit = 0, kProlog = 1, kBoot = 2, kRunning = 3, kMigrate = 4, kSaveStop = 5, kSaveSuspend = 6,
  kSaveMigrate = 7, kPrologMigrate = 8,
  kPrologResume = 9, kEpilogStop = 10, kEpilog = 11, kShutdown = 12, kCleanupResubmit = 15,
  kUnknown = 16, kHotplug = 17, kShutdownPoweroff = 18, kBootUnknown = 19, kBootPoweroff = 20,
  kBootSuspended = 21, kBootStopped = 22, kCleanupDelete = 23, kHotplugSnapshot = 24,
  kHotplugNic = 25, kShutdownUndeploy = 29, kEpilogUndeploy = 30, kPrologUndeploy = 31,
  kBootUndeploy = 32, kHotplugPrologPoweroff = 33, kHotplugEpilogPoweroff = 34,
  kBootMigrate = 35, kBootFailure = 36, kBootMigrateFailure = 37, kPrologFailure = 39,
  kEpilogFailure = 40, kEpilogStopFailure = 41, kEpilogUndeployFailure = 42,
  kPrologMigratePoweroff = 43, kPrologMigrateSuspend = 45, kBootUndeployFailure = 47,
  kBootStoppedFailure = 48, kPrologResumeFailure = 49, kPrologUndeployFailure = 50,
  kDiskSnapshotPoweroff = 51, kDiskSnapshotRevertPoweroff = 52, kDiskSnapshotDeletePoweroff = 53,
  kDiskSnapshotSuspended = 54, kDiskSnapshotDeleteSuspended = 56, kDiskSnapshot = 57,
  kDiskSnapshotDelete = 59, kDiskResize = 62, kDiskResizePoweroff = 63,
  kDiskResizeUndeployed = 64, kBackup = 69, kBackupPoweroff = 70, kRestore = 71,
};

/// HISTORY/ACTION: what closed the record.
enum class HistoryAction {
  kNone = 0, kMigrate = 1, kLiveMigrate = 2,
  kUndeploy = 5, kUndeployHard = 6, kStop = 9, kSuspend = 10, kResume = 11,
  kDelete = 13, kDeleteRecreate = 14, kReboot = 15, kRebootHard = 16, kPoweroff = 19,
  kPoweroffHard = 20, kTerminate = 27, kTerminateHard = 28, kDeploy = 30, kRecover = 42,
  kMonitor = 44, kPoweroffMigrate = 48, kPoweroffHardMigrate = 49,
};

[[nodiscard]] std::string_view name_of(VmState state);    ///< "ACTIVE"
[[nodiscard]] std::string_view name_of(LcmState state);   ///< "SHUTDOWN_POWEROFF"
/// What people read: the LCM name while ACTIVE, else the state's.
[[nodiscard]] std::string_view shown_name(VmState state, LcmState lcm);

}  // namespace neph::compute
