#include "compute/lifecycle.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace neph::compute {
namespace {

struct ActionName {
  std::string_view name;
  Action action;
};
/// The first name of each action is today's; the others are those of 4.12.
constexpr std::array kNames = std::to_array<ActionName>({
    {"hold", Action::kHold}, {"release", Action::kRelease}, {"suspend", Action::kSuspend},
    {"stop", Action::kStop}, {"resume", Action::kResume}, {"poweroff", Action::kPoweroff},
    {"poweroff-hard", Action::kPoweroffHard}, {"undeploy", Action::kUndeploy},
    {"undeploy-hard", Action::kUndeployHard}, {"terminate", Action::kTerminate},
    {"terminate-hard", Action::kTerminateHard}, {"reboot", Action::kReboot},
    {"reboot-hard", Action::kRebootHard}, {"resched", Action::kResched},
    {"unresched", Action::kUnresched}, {"shutdown", Action::kTerminate},
    {"shutdown-hard", Action::kTerminateHard}, {"cancel", Action::kTerminateHard},
    {"boot", Action::kResume}, {"restart", Action::kResume}, {"reset", Action::kRebootHard},
});

constexpr Stand rest(VmState state) { return {state, LcmState::kInit}; }
constexpr Stand kRunning = active(LcmState::kRunning);
constexpr Stand kUnknown = active(LcmState::kUnknown);
constexpr Stand kOff = rest(VmState::kPoweroff);
constexpr Stand kPending = rest(VmState::kPending);

constexpr std::array kActions = std::to_array<ActionRow>({
    {Action::kHold, kPending, Course::kHold, rest(VmState::kHold)},
    {Action::kRelease, rest(VmState::kHold), Course::kRelease, kPending},

    {Action::kSuspend, kRunning, Course::kSave, active(LcmState::kSaveSuspend)},
    {Action::kStop, kRunning, Course::kSave, active(LcmState::kSaveStop)},
    {Action::kStop, rest(VmState::kSuspended), Course::kSave, active(LcmState::kEpilogStop)},

    {Action::kResume, rest(VmState::kSuspended), Course::kBoot, active(LcmState::kBootSuspended)},
    {Action::kResume, kOff, Course::kBoot, active(LcmState::kBootPoweroff)},
    {Action::kResume, kUnknown, Course::kBoot, active(LcmState::kBootUnknown)},
    {Action::kResume, rest(VmState::kStopped), Course::kRequeue, kPending},
    {Action::kResume, rest(VmState::kUndeployed), Course::kRequeue, kPending},

    {Action::kPoweroff, kRunning, Course::kHalt, active(LcmState::kShutdownPoweroff)},
    {Action::kPoweroff, kUnknown, Course::kHalt, active(LcmState::kShutdownPoweroff)},
    {Action::kPoweroffHard, kRunning, Course::kHalt, active(LcmState::kShutdownPoweroff)},
    {Action::kPoweroffHard, kUnknown, Course::kHalt, active(LcmState::kShutdownPoweroff)},
    {Action::kPoweroffHard, active(LcmState::kShutdownPoweroff), Course::kHarden,
     active(LcmState::kShutdownPoweroff)},

    {Action::kUndeploy, kRunning, Course::kHalt, active(LcmState::kShutdownUndeploy)},
    {Action::kUndeploy, kUnknown, Course::kHalt, active(LcmState::kShutdownUndeploy)},
    {Action::kUndeploy, kOff, Course::kHalt, active(LcmState::kEpilogUndeploy)},
    {Action::kUndeployHard, kRunning, Course::kHalt, active(LcmState::kShutdownUndeploy)},
    {Action::kUndeployHard, kUnknown, Course::kHalt, active(LcmState::kShutdownUndeploy)},
    {Action::kUndeployHard, kOff, Course::kHalt, active(LcmState::kEpilogUndeploy)},
    {Action::kUndeployHard, active(LcmState::kShutdownUndeploy), Course::kHarden,
     active(LcmState::kShutdownUndeploy)},

    {Action::kTerminate, kRunning, Course::kHalt, active(LcmState::kShutdown)},
    {Action::kTerminate, kUnknown, Course::kHalt, active(LcmState::kShutdown)},
    {Action::kTerminateHard, kRunning, Course::kHalt, active(LcmState::kShutdown)},
    {Action::kTerminateHard, kUnknown, Course::kHalt, active(LcmState::kShutdown)},
    {Action::kTerminateHard, active(LcmState::kShutdown), Course::kHarden,
     active(LcmState::kShutdown)},

    {Action::kReboot, kRunning, Course::kReboot, kRunning},
    {Action::kRebootHard, kRunning, Course::kReboot, kRunning},

    {Action::kResched, kRunning, Course::kMark, kRunning},
    {Action::kResched, kUnknown, Course::kMark, kUnknown},
    {Action::kResched, kOff, Course::kMark, kOff},
    {Action::kUnresched, kRunning, Course::kUnmark, kRunning},
    {Action::kUnresched, kUnknown, Course::kUnmark, kUnknown},
    {Action::kUnresched, kOff, Course::kUnmark, kOff},
});

/// Where both forms of terminate do the same: the guest is off, or has only just been started and
/// nothing of it is worth a shutdown.
constexpr std::array kTerminateAtRest = std::to_array<ActionRow>({
    {Action::kTerminate, rest(VmState::kInit), Course::kEnd, rest(VmState::kDone)},
    {Action::kTerminate, kPending, Course::kEnd, rest(VmState::kDone)},
    {Action::kTerminate, rest(VmState::kHold), Course::kEnd, rest(VmState::kDone)},
    {Action::kTerminate, rest(VmState::kCloning), Course::kEnd, rest(VmState::kDone)},
    {Action::kTerminate, rest(VmState::kCloningFailure), Course::kEnd, rest(VmState::kDone)},
    {Action::kTerminate, kOff, Course::kHalt, active(LcmState::kEpilog)},
    {Action::kTerminate, rest(VmState::kSuspended), Course::kHalt, active(LcmState::kEpilog)},
    {Action::kTerminate, rest(VmState::kStopped), Course::kHalt, active(LcmState::kEpilog)},
    {Action::kTerminate, rest(VmState::kUndeployed), Course::kHalt, active(LcmState::kEpilog)},
    {Action::kTerminate, active(LcmState::kProlog), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kBoot), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kBootFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kPrologFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kEpilogFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kEpilogStopFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kEpilogUndeployFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kBootUndeployFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kBootStoppedFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kBootMigrateFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kPrologResumeFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
    {Action::kTerminate, active(LcmState::kPrologUndeployFailure), Course::kHalt,
     active(LcmState::kCleanupDelete)},
});

constexpr std::array kDeploys = std::to_array<DeployRow>({
    {DeployMode::kNew, "NEW", LcmState::kProlog, active(LcmState::kPrologFailure), LcmState::kBoot,
     active(LcmState::kBootFailure), ""},
    {DeployMode::kStopped, "STOPPED", LcmState::kPrologResume,
     active(LcmState::kPrologResumeFailure), LcmState::kBootStopped,
     active(LcmState::kBootStoppedFailure), "memory"},
    {DeployMode::kUndeployed, "UNDEPLOYED", LcmState::kPrologUndeploy,
     active(LcmState::kPrologUndeployFailure), LcmState::kBootUndeploy,
     active(LcmState::kBootUndeployFailure), ""},
    {DeployMode::kPoweroff, "POWEROFF", LcmState::kInit, kOff, LcmState::kBootPoweroff, kOff, ""},
    {DeployMode::kSuspended, "SUSPENDED", LcmState::kInit, rest(VmState::kSuspended),
     LcmState::kBootSuspended, rest(VmState::kSuspended), "memory"},
    {DeployMode::kUnknown, "UNKNOWN", LcmState::kInit, kUnknown, LcmState::kBootUnknown, kUnknown,
     ""},
    {DeployMode::kMigrated, "MIGRATED", LcmState::kInit, active(LcmState::kBootMigrateFailure),
     LcmState::kBootMigrate, active(LcmState::kBootMigrateFailure), "memory"},
});

constexpr std::array kHalts = std::to_array<HaltRow>({
    {HaltTarget::kPoweroff, "POWEROFF", LcmState::kShutdownPoweroff, LcmState::kInit,
     VmState::kPoweroff, kOff, HistoryAction::kPoweroff, HistoryAction::kPoweroffHard},
    {HaltTarget::kUndeployed, "UNDEPLOYED", LcmState::kShutdownUndeploy, LcmState::kEpilogUndeploy,
     VmState::kUndeployed, active(LcmState::kEpilogUndeployFailure), HistoryAction::kUndeploy,
     HistoryAction::kUndeployHard},
    {HaltTarget::kDone, "DONE", LcmState::kShutdown, LcmState::kEpilog, VmState::kDone,
     active(LcmState::kEpilogFailure), HistoryAction::kTerminate, HistoryAction::kTerminateHard},
    {HaltTarget::kDeleted, "DELETED", LcmState::kCleanupDelete, LcmState::kCleanupDelete,
     VmState::kDone, active(LcmState::kEpilogFailure), HistoryAction::kDelete,
     HistoryAction::kDelete},
    {HaltTarget::kMoved, "MOVED", LcmState::kSaveMigrate, LcmState::kInit, VmState::kPoweroff, kOff,
     HistoryAction::kPoweroffMigrate, HistoryAction::kPoweroffHardMigrate},
    {HaltTarget::kRecreated, "RECREATED", LcmState::kCleanupResubmit, LcmState::kCleanupResubmit,
     VmState::kPending, kOff, HistoryAction::kDeleteRecreate, HistoryAction::kDeleteRecreate},
});

constexpr auto kNew = DeployMode::kNew;
constexpr auto kStopped = DeployMode::kStopped;
constexpr auto kUndeployed = DeployMode::kUndeployed;
constexpr std::nullopt_t kNone = std::nullopt;

constexpr std::array kRecovers = std::to_array<RecoverRow>({
    {LcmState::kProlog, false, kNew, "prolog", kNone},
    {LcmState::kPrologFailure, true, kNew, "prolog", kNone},
    {LcmState::kBoot, false, kNew, "boot", kNone},
    {LcmState::kBootFailure, true, kNew, "boot", kNone},
    {LcmState::kPrologResume, false, kStopped, "prolog", kNone},
    {LcmState::kPrologResumeFailure, true, kStopped, "prolog", kNone},
    {LcmState::kBootStopped, false, kStopped, "boot", kNone},
    {LcmState::kBootStoppedFailure, true, kStopped, "boot", kNone},
    {LcmState::kPrologUndeploy, false, kUndeployed, "prolog", kNone},
    {LcmState::kPrologUndeployFailure, true, kUndeployed, "prolog", kNone},
    {LcmState::kBootUndeploy, false, kUndeployed, "boot", kNone},
    {LcmState::kBootUndeployFailure, true, kUndeployed, "boot", kNone},
    {LcmState::kBootPoweroff, false, DeployMode::kPoweroff, "boot", kNone},
    {LcmState::kBootSuspended, false, DeployMode::kSuspended, "boot", kNone},
    {LcmState::kBootUnknown, false, DeployMode::kUnknown, "boot", kNone},
    {LcmState::kShutdownPoweroff, false, kNone, "ask", HaltTarget::kPoweroff},
    {LcmState::kShutdownUndeploy, false, kNone, "ask", HaltTarget::kUndeployed},
    {LcmState::kShutdown, false, kNone, "ask", HaltTarget::kDone},
    {LcmState::kEpilog, false, kNone, "release", HaltTarget::kDone},
    {LcmState::kEpilogFailure, true, kNone, "release", HaltTarget::kDone},
    {LcmState::kEpilogUndeploy, false, kNone, "release", HaltTarget::kUndeployed},
    {LcmState::kEpilogUndeployFailure, true, kNone, "release", HaltTarget::kUndeployed},
    {LcmState::kCleanupDelete, false, kNone, "ask", HaltTarget::kDeleted},
    {LcmState::kCleanupResubmit, false, kNone, "ask", HaltTarget::kRecreated},
    {LcmState::kSaveSuspend, false, kNone, "save", kNone},
    {LcmState::kSaveStop, false, kNone, "save", kNone},
    {LcmState::kEpilogStop, false, kNone, "release", kNone},
    {LcmState::kEpilogStopFailure, true, kNone, "release", kNone},
    {LcmState::kMigrate, false, kNone, "move", kNone},
    {LcmState::kSaveMigrate, false, kNone, "ask", HaltTarget::kMoved},
    {LcmState::kBootMigrate, false, DeployMode::kMigrated, "boot", kNone},
    {LcmState::kBootMigrateFailure, true, DeployMode::kMigrated, "boot", kNone},
});

constexpr Stand kSuspended = rest(VmState::kSuspended);
constexpr Stand kUndeployedRest = rest(VmState::kUndeployed);
constexpr Stand kHotplugNic = active(LcmState::kHotplugNic);

constexpr std::array kChanges = std::to_array<ChangeRow>({
    {Change::kAttachDisk, kRunning, active(LcmState::kHotplug)},
    {Change::kAttachDisk, kOff, active(LcmState::kHotplugPrologPoweroff)},
    {Change::kDetachDisk, kRunning, active(LcmState::kHotplug)},
    {Change::kDetachDisk, kOff, active(LcmState::kHotplugEpilogPoweroff)},
    {Change::kAttachNic, kRunning, kHotplugNic},
    {Change::kAttachNic, kOff, kOff},
    {Change::kDetachNic, kRunning, kHotplugNic},
    {Change::kDetachNic, kOff, kOff},
    {Change::kUpdateNic, kRunning, kHotplugNic},
    {Change::kUpdateNic, kPending, kPending},
    {Change::kUpdateNic, rest(VmState::kHold), rest(VmState::kHold)},
    {Change::kUpdateNic, kOff, kOff},
    {Change::kUpdateNic, kSuspended, kSuspended},
    {Change::kUpdateNic, rest(VmState::kStopped), rest(VmState::kStopped)},
    {Change::kUpdateNic, kUndeployedRest, kUndeployedRest},
    {Change::kAttachGroup, kRunning, kRunning},
    {Change::kAttachGroup, kPending, kPending},
    {Change::kAttachGroup, rest(VmState::kHold), rest(VmState::kHold)},
    {Change::kAttachGroup, kOff, kOff},
    {Change::kAttachGroup, kSuspended, kSuspended},
    {Change::kAttachGroup, rest(VmState::kStopped), rest(VmState::kStopped)},
    {Change::kAttachGroup, kUndeployedRest, kUndeployedRest},
    {Change::kAttachGroup, rest(VmState::kCloning), rest(VmState::kCloning)},
    {Change::kAttachGroup, rest(VmState::kCloningFailure), rest(VmState::kCloningFailure)},
    {Change::kDetachGroup, kRunning, kRunning},
    {Change::kDetachGroup, kPending, kPending},
    {Change::kDetachGroup, rest(VmState::kHold), rest(VmState::kHold)},
    {Change::kDetachGroup, kOff, kOff},
    {Change::kDetachGroup, kSuspended, kSuspended},
    {Change::kDetachGroup, rest(VmState::kStopped), rest(VmState::kStopped)},
    {Change::kDetachGroup, kUndeployedRest, kUndeployedRest},
    {Change::kDetachGroup, rest(VmState::kCloning), rest(VmState::kCloning)},
    {Change::kDetachGroup, rest(VmState::kCloningFailure), rest(VmState::kCloningFailure)},
    {Change::kResizeDisk, kRunning, active(LcmState::kDiskResize)},
    {Change::kResizeDisk, kOff, active(LcmState::kDiskResizePoweroff)},
    {Change::kResizeDisk, kUndeployedRest, active(LcmState::kDiskResizeUndeployed)},
    {Change::kCreateDiskSnapshot, kRunning, active(LcmState::kDiskSnapshot)},
    {Change::kCreateDiskSnapshot, kOff, active(LcmState::kDiskSnapshotPoweroff)},
    {Change::kCreateDiskSnapshot, kSuspended, active(LcmState::kDiskSnapshotSuspended)},
    {Change::kRevertDiskSnapshot, kOff, active(LcmState::kDiskSnapshotRevertPoweroff)},
    {Change::kDeleteDiskSnapshot, kRunning, active(LcmState::kDiskSnapshotDelete)},
    {Change::kDeleteDiskSnapshot, kOff, active(LcmState::kDiskSnapshotDeletePoweroff)},
    {Change::kDeleteDiskSnapshot, kSuspended, active(LcmState::kDiskSnapshotDeleteSuspended)},
    {Change::kCreateSnapshot, kRunning, active(LcmState::kHotplugSnapshot)},
    {Change::kRevertSnapshot, kRunning, active(LcmState::kHotplugSnapshot)},
    {Change::kDeleteSnapshot, kRunning, active(LcmState::kHotplugSnapshot)},
    {Change::kBackup, kRunning, active(LcmState::kBackup)},
    {Change::kBackup, kOff, active(LcmState::kBackupPoweroff)},
    {Change::kRestore, kOff, active(LcmState::kRestore)},
    {Change::kResize, rest(VmState::kInit), rest(VmState::kInit)},
    {Change::kResize, kPending, kPending},
    {Change::kResize, rest(VmState::kHold), rest(VmState::kHold)},
    {Change::kResize, kOff, kOff},
    {Change::kResize, kUndeployedRest, kUndeployedRest},
    {Change::kResize, rest(VmState::kCloning), rest(VmState::kCloning)},
    {Change::kResize, rest(VmState::kCloningFailure), rest(VmState::kCloningFailure)},
    {Change::kUpdateConf, kRunning, kRunning},
    {Change::kUpdateConf, kPending, kPending},
    {Change::kUpdateConf, rest(VmState::kHold), rest(VmState::kHold)},
    {Change::kUpdateConf, kOff, kOff},
    {Change::kUpdateConf, kSuspended, kSuspended},
    {Change::kUpdateConf, rest(VmState::kStopped), rest(VmState::kStopped)},
    {Change::kUpdateConf, kUndeployedRest, kUndeployedRest},
    {Change::kUpdateConf, rest(VmState::kCloning), rest(VmState::kCloning)},
    {Change::kUpdateConf, rest(VmState::kCloningFailure), rest(VmState::kCloningFailure)},
});

struct ChangeName {
  Change change;
  std::string_view name;
};
constexpr std::array kChangeNames = std::to_array<ChangeName>({
    {Change::kAttachDisk, "disk-attach"},
    {Change::kDetachDisk, "disk-detach"},
    {Change::kAttachNic, "nic-attach"},
    {Change::kDetachNic, "nic-detach"},
    {Change::kUpdateNic, "nic-update"},
    {Change::kAttachGroup, "sg-attach"},
    {Change::kDetachGroup, "sg-detach"},
    {Change::kResizeDisk, "disk-resize"},
    {Change::kCreateDiskSnapshot, "disk-snapshot-create"},
    {Change::kRevertDiskSnapshot, "disk-snapshot-revert"},
    {Change::kDeleteDiskSnapshot, "disk-snapshot-delete"},
    {Change::kCreateSnapshot, "snapshot-create"},
    {Change::kRevertSnapshot, "snapshot-revert"},
    {Change::kDeleteSnapshot, "snapshot-delete"},
    {Change::kResize, "resize"},
    {Change::kUpdateConf, "updateconf"},
    {Change::kBackup, "backup"},
    {Change::kRestore, "restore"},
});

/// A busy state leads back to the one state that it was entered from, so that recover knows it.
constexpr bool every_change_leads_back() {
  for (const auto& row : kChanges) {
    for (const auto& other : kChanges) {
      if (row.busy == other.busy && row.from != other.from) return false;
    }
  }
  return true;
}
static_assert(every_change_leads_back(), "a change that ends in more than one state");

constexpr bool is_busy(Stand stand) {
  return stand.state == VmState::kActive && stand.lcm != LcmState::kRunning &&
         stand.lcm != LcmState::kUnknown;
}

constexpr bool has_no_doubles() {
  for (std::size_t a = 0; a < kActions.size(); ++a) {
    for (std::size_t b = a + 1; b < kActions.size(); ++b) {
      if (kActions[a].action == kActions[b].action && kActions[a].from == kActions[b].from) {
        return false;
      }
    }
  }
  return true;
}
static_assert(has_no_doubles(), "an action does one thing in one state");

/// "Nothing is stuck": whatever state a table leads to while a job works has a row for recover.
constexpr bool every_busy_state_recovers() {
  const auto recovers = [](Stand stand) {
    if (!is_busy(stand)) return true;
    for (const auto& row : kRecovers) {
      if (row.from == stand.lcm) return true;
    }
    return false;
  };
  for (const auto& row : kActions) {
    if (!recovers(row.next)) return false;
  }
  for (const auto& row : kTerminateAtRest) {
    if (!recovers(row.next)) return false;
  }
  for (const auto& row : kDeploys) {
    if (row.prolog != LcmState::kInit && !recovers(active(row.prolog))) return false;
    if (!recovers(active(row.boot)) || !recovers(row.prolog_failed)) return false;
    if (!recovers(row.boot_failed)) return false;
  }
  for (const auto& row : kHalts) {
    if (!recovers(active(row.shutdown)) || !recovers(row.epilog_failed)) return false;
  }
  return true;
}
static_assert(every_busy_state_recovers(), "a busy state without a way out");

std::string text_of(Stand stand) { return std::string(shown_name(stand.state, stand.lcm)); }

}  // namespace

std::optional<Action> action_from(std::string_view name) {
  const auto found = std::ranges::find(kNames, name, &ActionName::name);
  if (found == kNames.end()) return std::nullopt;
  return found->action;
}

std::string_view name_of(Action action) {
  return std::ranges::find(kNames, action, &ActionName::action)->name;
}

access::Op right_for(Action action) {
  const bool is_placement = action == Action::kResched || action == Action::kUnresched;
  return is_placement ? access::Op::kAdmin : access::Op::kManage;
}

std::span<const ActionRow> action_rows() { return kActions; }
std::span<const DeployRow> deploy_rows() { return kDeploys; }
std::span<const HaltRow> halt_rows() { return kHalts; }

const ActionRow* find_row(Action action, Stand from) {
  const auto in = [&](const auto& rows, Action wanted) -> const ActionRow* {
    for (const auto& row : rows) {
      if (row.action == wanted && row.from == from) return &row;
    }
    return nullptr;
  };
  if (const ActionRow* row = in(kActions, action)) return row;
  const bool is_end = action == Action::kTerminate || action == Action::kTerminateHard;
  return is_end ? in(kTerminateAtRest, Action::kTerminate) : nullptr;
}

const DeployRow& deploy_row(DeployMode mode) { return kDeploys.at(static_cast<int>(mode)); }
const HaltRow& halt_row(HaltTarget target) { return kHalts.at(static_cast<int>(target)); }

bool removes_disks(const HaltRow& row) {
  return row.end == VmState::kDone || row.target == HaltTarget::kRecreated;
}

const DeployRow* find_deploy_row(std::string_view name) {
  const auto row = std::ranges::find(kDeploys, name, &DeployRow::name);
  return row == kDeploys.end() ? nullptr : &*row;
}

const HaltRow* find_halt_row(std::string_view name) {
  const auto row = std::ranges::find(kHalts, name, &HaltRow::name);
  return row == kHalts.end() ? nullptr : &*row;
}

const RecoverRow* find_recover_row(LcmState from) {
  const auto row = std::ranges::find(kRecovers, from, &RecoverRow::from);
  return row == kRecovers.end() ? nullptr : &*row;
}

const HaltRow* find_halt_by_shutdown(LcmState lcm) {
  const auto row = std::ranges::find(kHalts, lcm, &HaltRow::shutdown);
  return row == kHalts.end() ? nullptr : &*row;
}

std::span<const ChangeRow> change_rows() { return kChanges; }

const ChangeRow* find_change_row(Change change, Stand from) {
  const auto row = std::ranges::find_if(kChanges, [&](const ChangeRow& each) {
    return each.change == change && each.from == from;
  });
  return row == kChanges.end() ? nullptr : &*row;
}

std::string_view name_of(Change change) {
  return std::ranges::find(kChangeNames, change, &ChangeName::change)->name;
}

std::optional<Stand> rest_after_change(Stand busy) {
  if (!is_busy(busy)) return std::nullopt;
  const auto row = std::ranges::find(kChanges, busy, &ChangeRow::busy);
  if (row == kChanges.end()) return std::nullopt;
  return row->from;
}

bool may_run(Stand stand) {
  if (stand.state != VmState::kActive) return false;
  switch (stand.lcm) {
    case LcmState::kRunning:
    case LcmState::kUnknown:
    case LcmState::kMigrate:
    case LcmState::kSaveMigrate:
    case LcmState::kHotplug:
    case LcmState::kHotplugNic:
    case LcmState::kHotplugSnapshot:
    case LcmState::kDiskSnapshot:
    case LcmState::kDiskSnapshotDelete:
    case LcmState::kDiskResize:
    case LcmState::kBackup:
    case LcmState::kSaveStop:
    case LcmState::kSaveSuspend:
    case LcmState::kShutdown:
    case LcmState::kShutdownPoweroff:
    case LcmState::kShutdownUndeploy:
    case LcmState::kCleanupDelete:
    case LcmState::kCleanupResubmit: return true;
    default: return false;
  }
}

std::string lifecycle_markdown() {
  std::string text =
      "# Life cycle of a VM\n\nPrinted from the tables in `compute/lifecycle.cpp`; a test keeps "
      "this page fresh. An action in a state\nthat has no row is refused. Terminate and "
      "terminate-hard do the same where the guest is off or not up yet.\n\n## Actions\n\n"
      "| action | in | shown then |\n|---|---|---|\n";
  for (const auto& row : kActions) {
    text += fmt::format("| {} | {} | {} |\n", name_of(row.action), text_of(row.from),
                        text_of(row.next));
  }
  for (const auto& row : kTerminateAtRest) {
    text += fmt::format("| terminate[-hard] | {} | {} |\n", text_of(row.from), text_of(row.next));
  }
  text += "\n## Ways to a running guest\n\n| from | prolog | fails to | boot | fails to |\n"
          "|---|---|---|---|---|\n";
  for (const auto& row : kDeploys) {
    const bool has_prolog = row.prolog != LcmState::kInit;
    text += fmt::format("| {} | {} | {} | {} | {} |\n", row.name,
                        has_prolog ? name_of(row.prolog) : "-",
                        has_prolog ? text_of(row.prolog_failed) : "-", name_of(row.boot),
                        text_of(row.boot_failed));
  }
  text += "\n## Ways to a guest that is off\n\n| to | shutdown | epilog | fails to |\n"
          "|---|---|---|---|\n";
  for (const auto& row : kHalts) {
    text += fmt::format("| {} | {} | {} | {} |\n", row.name, name_of(row.shutdown),
                        row.epilog == LcmState::kInit ? "-" : name_of(row.epilog),
                        text_of(row.epilog_failed));
  }
  text += "\n## Changes\n\nDone or failed, the VM is again in the state that it was found in.\n\n"
          "| operation | in | shown while it works |\n|---|---|---|\n";
  for (const auto& row : kChanges) {
    text += fmt::format("| {} | {} | {} |\n", name_of(row.change), text_of(row.from),
                        row.busy == row.from ? "-" : text_of(row.busy));
  }
  text += "\n## Recover\n\n`failure` ends an operation under way as failed. `retry` does what is "
          "missing of a failed one. `success` looks on\nthe host and in the storage whether its "
          "step has been done after all, and goes on from there; where it has not, it\nfails as "
          "before and `ERROR` says what was found. `delete` ends the VM from any state. "
          "`delete-recreate` leads a VM in HOLD,\nPOWEROFF, SUSPENDED or ACTIVE back to PENDING, "
          "and its next start makes its disks anew.\n\n"
          "| in | goes on with |\n|---|---|\n";
  for (const auto& row : kRecovers) {
    text += fmt::format("| {} | {} |\n", name_of(row.from), row.step);
  }
  for (const auto& row : kChanges) {
    const bool is_told = &row != std::ranges::find(kChanges, row.busy, &ChangeRow::busy);
    if (is_busy(row.busy) && !is_told)
      text += fmt::format("| {} | {} |\n", name_of(row.busy.lcm), text_of(row.from));
  }
  return text;
}

}  // namespace neph::compute
