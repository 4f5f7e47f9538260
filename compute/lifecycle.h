#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "access/permissions.h"
#include "compute/states.h"

/// The life cycle of a VM as tables (OpenNebula 7.4, lifecycle.md). What is not in a table is
/// refused. docs/lifecycle.md is printed from here.
namespace neph::compute {

enum class Action {
  kHold, kRelease, kSuspend, kStop, kResume, kPoweroff, kPoweroffHard, kUndeploy, kUndeployHard,
  kTerminate, kTerminateHard, kReboot, kRebootHard, kResched, kUnresched,
};
/// Also the names of 4.12 ("shutdown", "boot", "cancel" ...). nullopt: no such action.
[[nodiscard]] std::optional<Action> action_from(std::string_view name);
[[nodiscard]] std::string_view name_of(Action action);
/// The right that OpenNebula asks for (auth.md 8): MANAGE, for resched ADMIN.
[[nodiscard]] access::Op right_for(Action action);

enum class Recover { kFailure = 0, kSuccess = 1, kRetry = 2, kDelete = 3, kRecreate = 4,
                     kDeleteDb = 5 };

/// STATE and LCM_STATE together; LCM_STATE is kInit unless ACTIVE.
struct Stand {
  VmState state = VmState::kPending;
  LcmState lcm = LcmState::kInit;
  friend constexpr bool operator==(const Stand&, const Stand&) = default;
};
[[nodiscard]] constexpr Stand active(LcmState lcm) { return {VmState::kActive, lcm}; }

/// What an action does where it is allowed.
enum class Course {
  kHold, kRelease,       ///< at once
  kRequeue,              ///< PENDING again: resume of STOPPED and UNDEPLOYED
  kMark, kUnmark,        ///< RESCHED
  kSave,                 ///< job vm.save
  kBoot,                 ///< job vm.deploy at its boot
  kReboot,               ///< job vm.reboot, the state stays
  kHalt,                 ///< job vm.halt
  kHarden,               ///< the halt under way becomes a hard one
  kEnd,                  ///< DONE at once: it never was on a host
};
struct ActionRow {
  Action action;
  Stand from;
  Course course;
  Stand next;  ///< shown while the job works, or at once
};
/// \returns nullptr where the action is not allowed
[[nodiscard]] const ActionRow* find_row(Action action, Stand from);
[[nodiscard]] std::span<const ActionRow> action_rows();

/// A way to a running guest: the states while it goes, and where it ends when a step fails.
enum class DeployMode { kNew, kStopped, kUndeployed, kPoweroff, kSuspended, kUnknown, kMigrated };
struct DeployRow {
  DeployMode mode;
  std::string_view name;          ///< as the job's argument MODE
  LcmState prolog;                ///< kInit: has none
  Stand prolog_failed;
  LcmState boot;
  Stand boot_failed;
  std::string_view restores;      ///< "memory" for a restore, else ""
};
[[nodiscard]] const DeployRow& deploy_row(DeployMode mode);
[[nodiscard]] const DeployRow* find_deploy_row(std::string_view name);
[[nodiscard]] std::span<const DeployRow> deploy_rows();

/// A way to a guest that is off.
enum class HaltTarget { kPoweroff, kUndeployed, kDone, kDeleted, kMoved, kRecreated };
struct HaltRow {
  HaltTarget target;
  std::string_view name;          ///< as the job's argument TARGET
  LcmState shutdown;
  LcmState epilog;                ///< kInit: has none
  VmState end;
  Stand epilog_failed;
  HistoryAction soft, hard;
};
[[nodiscard]] const HaltRow& halt_row(HaltTarget target);
/// Whether the VM's own disks go at the end of it, so that whatever is armed on them fires.
[[nodiscard]] bool removes_disks(const HaltRow& row);
[[nodiscard]] const HaltRow* find_halt_row(std::string_view name);
[[nodiscard]] std::span<const HaltRow> halt_rows();

/// What one.vm.recover does to a VM whose operation is under way or has failed.
struct RecoverRow {
  LcmState from;
  bool is_failure = false;         ///< the operation has failed already; nothing is under way
  std::optional<DeployMode> deploy;
  std::string_view step;           ///< of the job that goes on
  std::optional<HaltTarget> halt;
};
[[nodiscard]] const RecoverRow* find_recover_row(LcmState from);

/// An operation after which, done or failed, the VM is in the state it was found in.
enum class Change {
  kAttachDisk, kDetachDisk, kAttachNic, kDetachNic, kUpdateNic, kResizeDisk,
  kAttachGroup, kDetachGroup,
  kCreateDiskSnapshot, kRevertDiskSnapshot, kDeleteDiskSnapshot,
  kCreateSnapshot, kRevertSnapshot, kDeleteSnapshot,
  kResize, kUpdateConf, kBackup, kRestore,
};
struct ChangeRow {
  Change change;
  Stand from;
  Stand busy;  ///< shown while the job works; as `from` where it is done at once, or needs none
};
/// \returns nullptr where the change is not allowed
[[nodiscard]] const ChangeRow* find_change_row(Change change, Stand from);
[[nodiscard]] std::span<const ChangeRow> change_rows();
[[nodiscard]] std::string_view name_of(Change change);  ///< "disk-attach": OpenNebula's word
/// Where a change under way leads back to, nullopt for states that are no change's.
[[nodiscard]] std::optional<Stand> rest_after_change(Stand busy);

/// Whether the guest is (or may be) running in this state.
[[nodiscard]] bool may_run(Stand stand);
/// Whether a guest that stops in this state was being shut down by us.
[[nodiscard]] const HaltRow* find_halt_by_shutdown(LcmState lcm);

/// The text of docs/lifecycle.md.
[[nodiscard]] std::string lifecycle_markdown();

}  // namespace neph::compute
