#include "compute/vm_service.h"

#include <algorithm>

#include "access/directory.h"
#include "access/quota.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/placing.h"
#include "compute/internal/vm_jobs.h"
#include "compute/lifecycle.h"
#include "compute/placement.h"
#include "compute/restricted.h"
#include "compute/schedule.h"
#include "datastore/holds.h"
#include "jobs/queue.h"
#include "site/vm_group.h"

namespace neph::compute {
namespace {

using access::QuotaCharge;
using internal::check_capacity;
using internal::choose_datastore;
using internal::has_open_job;
using internal::open_history;

bool is_hard(Action action) {
  return action == Action::kPoweroffHard || action == Action::kUndeployHard ||
         action == Action::kTerminateHard || action == Action::kRebootHard;
}

HaltTarget target_of(LcmState next) {
  switch (next) {
    case LcmState::kShutdownPoweroff: return HaltTarget::kPoweroff;
    case LcmState::kShutdownUndeploy:
    case LcmState::kEpilogUndeploy: return HaltTarget::kUndeployed;
    case LcmState::kCleanupDelete: return HaltTarget::kDeleted;
    default: return HaltTarget::kDone;
  }
}

DeployMode boot_mode_of(VmState state) {
  if (state == VmState::kSuspended) return DeployMode::kSuspended;
  return state == VmState::kPoweroff ? DeployMode::kPoweroff : DeployMode::kUnknown;
}

/// How a PENDING VM gets to run: it may have been on a host before.
DeployMode pending_mode(const Vm& vm, const std::vector<VmDisk>& disks) {
  if (!vm.memory_path.empty()) return DeployMode::kStopped;
  const bool has_files = std::ranges::any_of(disks, &VmDisk::is_present);
  return has_files ? DeployMode::kUndeployed : DeployMode::kNew;
}

std::vector<QuotaCharge> running_charges(const Vm& vm) {
  return {{"VM", "", "RUNNING_VMS", 1},
          {"VM", "", "RUNNING_CPU", vm.cpu},
          {"VM", "", "RUNNING_MEMORY", static_cast<double>(vm.memory_mb)}};
}

Result<void> check_running_quota(db::Txn& txn, const Vm& vm) {
  // POWEROFF, SUSPENDED, STOPPED and UNDEPLOYED VMs do not count as running.
  return access::check_quota(txn, vm.owner, vm.group, running_charges(vm));
}

Result<void> check_new_quota(db::Txn& txn, const NewVm& fresh) {
  std::vector<QuotaCharge> charges = running_charges(fresh.vm);
  charges.push_back({"VM", "", "VMS", 1});
  charges.push_back({"VM", "", "CPU", fresh.vm.cpu});
  charges.push_back({"VM", "", "MEMORY", static_cast<double>(fresh.vm.memory_mb)});
  charges.push_back({"VM", "", "SYSTEM_DISK_SIZE", static_cast<double>(fresh.vm.disk_mb)});
  for (const auto& disk : fresh.disks) {
    if (!disk.image.is_set()) continue;
    charges.push_back({"IMAGE", fmt::format("{}", disk.image), "RVMS", 1});
  }
  for (const auto& ask : fresh.nic_asks) charges.push_back(network::charge_of(ask));
  return access::check_quota(txn, fresh.vm.owner, fresh.vm.group, charges);
}

Result<void> refuse(const Vm& vm, std::string_view action) {
  return fail(Errc::kWrongState,
              "Error performing action \"{}\": This action is not available for state {}", action,
              shown_name(vm.state, vm.lcm));
}

/// A delete-recreate that failed, or was given up, has removed some of the disks.
Result<void> check_disks_there(db::Txn& txn, const Vm& vm) {
  for (const VmDisk& disk : list_disks(txn, vm.id)) {
    if (disk.is_present) continue;
    return fail(Errc::kWrongState,
                "disk {} of virtual machine [{}] was to be made anew: recover it with "
                "delete-recreate once more, or terminate it",
                disk.id, vm.id);
  }
  return {};
}

/// What placement, and nobody else, has done with the VM in the last moments. OpenNebula collects
/// VMs for up to 10 s before it places them (SCHED_MAX_WND_TIME), so that its clients count on
/// having that long to say where a VM shall go.
std::optional<HistoryRecord> find_fresh_placement(db::Txn& txn, const Vm& vm) {
  constexpr Duration kFresh{10'000};
  if (vm.state != VmState::kActive) return std::nullopt;
  const auto* recover = find_recover_row(vm.lcm);
  if (recover != nullptr && recover->is_failure) return std::nullopt;
  auto history = list_history(txn, vm.id);
  const bool is_fresh = !history.empty() && !history.back().by_user.is_set() &&
                        txn.at() - history.back().started < kFresh;
  return is_fresh ? std::optional{std::move(history.back())} : std::nullopt;
}

bool is_what_was_asked(const HistoryRecord& placed, const VmService::DeployAsk& ask) {
  const bool is_datastore =
      !ask.system_datastore.is_set() || ask.system_datastore == placed.datastore;
  return placed.host == ask.host && is_datastore;
}

Result<void> refuse_placed(const Vm& vm, const HistoryRecord& placed) {
  return fail(Errc::kWrongState,
              "Error performing action \"deploy\": This action is not available for state {}: it "
              "has just been placed on host {}; create a virtual machine on hold to choose its "
              "host",
              shown_name(vm.state, vm.lcm), placed.host_name);
}

/// Without a call to its host nobody knows that the guest is off, so a disk that a snapshot waits
/// for could not be read.
Result<void> check_disks_at_rest(db::Txn& txn, const Vm& vm) {
  const auto holds = datastore::list_holds(txn, vm.id);
  if (holds.empty() || !may_run(stand_of(vm))) return {};
  return fail(Errc::kWrongState,
              "snapshot {} needs disk {} of virtual machine [{}], whose guest may still run: "
              "delete the VM with its host, or cancel the snapshot",
              holds.front().snapshot, holds.front().disk, vm.id);
}

}  // namespace

Result<VmId> VmService::allocate(db::Txn& txn, const access::Actor& actor, const NewVmAsk& ask) {
  NewVm fresh = TRY(read_new_vm(txn, actor, settings_, ask));
  CHECK_OK(check_new_quota(txn, fresh));
  const auto role = TRY(site::find_role(txn, actor, fresh.vm.attributes));
  const VmId id = TRY(insert_new_vm(txn, std::move(fresh)));
  if (role) site::join_role(txn, id, *role);
  CHECK_OK(add_schedules(txn, id, ask.attributes));
  return id;
}

Result<void> VmService::deploy(db::Txn& txn, UserId by, const DeployAsk& ask) {
  Vm vm = TRY(find_vm(txn, ask.vm));
  if (const auto placed = find_fresh_placement(txn, vm)) {
    if (!is_what_was_asked(*placed, ask)) return refuse_placed(vm, *placed);
    change_history(txn, vm.id, [&](HistoryRecord& record) { record.by_user = by; });
    return {};
  }
  const bool is_back = vm.state == VmState::kStopped || vm.state == VmState::kUndeployed;
  if (vm.state != VmState::kPending && vm.state != VmState::kHold && !is_back)
    return refuse(vm, "deploy");
  if (is_back) CHECK_OK(check_running_quota(txn, vm));
  const Host host = TRY(find_host(txn, ask.host));
  if (host.admin == HostAdmin::kOffline || !host.is_reachable) {
    return fail(Errc::kWrongState, "host {} is {}{}{}", host.name, name_of(state_of(host)),
                host.error.empty() ? "" : ": ", host.error);
  }
  if (ask.enforces_capacity) CHECK_OK(check_capacity(txn, host, vm));
  CHECK_OK(network::check_cluster(txn, vm.id, host.cluster));
  const auto system = TRY(choose_datastore(txn, host, ask.system_datastore));

  const DeployRow& row = deploy_row(pending_mode(vm, list_disks(txn, vm.id)));
  set_stand(vm, active(row.prolog));
  vm.host = host.id;
  vm.system_datastore = system.id;
  vm.deploy_id = domain_name(vm.id);
  vm.user_attributes.erase("ERROR");
  open_history(txn, vm, host, system, by);
  save_vm(txn, vm);

  VmPlan plan = TRY(plan_of(txn, vm.id));
  assign_paths(plan);
  for (const VmDisk& disk : plan.disks) save_disk(txn, disk);
  vm.attributes.set("SERIAL_LOG", serial_log_path(plan));
  vm.job = internal::enqueue_deploy(txn, vm, row, "prolog", by.is_set() ? by : UserId{0});
  save_vm(txn, vm);
  return {};
}

Result<void> VmService::act(db::Txn& txn, UserId by, VmId id, Action action) {
  Vm vm = TRY(find_vm(txn, id));
  const bool ends = action == Action::kTerminate || action == Action::kTerminateHard;
  if (ends && vm.state == VmState::kDone) return {};
  const ActionRow* row = find_row(action, stand_of(vm));
  if (row == nullptr) return refuse(vm, name_of(action));
  vm.user_attributes.erase("ERROR");
  if (action != Action::kResched) vm.is_rescheduled = false;
  change_history(txn, id, [&](HistoryRecord& record) { record.by_user = by; });

  switch (row->course) {
    case Course::kHold:
    case Course::kRelease: set_stand(vm, row->next); break;
    case Course::kMark: vm.is_rescheduled = true; break;
    case Course::kUnmark: break;
    case Course::kRequeue:
      CHECK_OK(check_running_quota(txn, vm));
      set_stand(vm, row->next);
      break;
    case Course::kBoot: {
      CHECK_OK(check_disks_there(txn, vm));
      if (row->from != active(LcmState::kUnknown)) CHECK_OK(check_running_quota(txn, vm));
      const DeployRow& deploy = deploy_row(boot_mode_of(vm.state));
      set_stand(vm, row->next);
      vm.job = internal::enqueue_deploy(txn, vm, deploy, "boot", by);
      break;
    }
    case Course::kSave: {
      const bool is_saved = row->from.state == VmState::kSuspended && !vm.memory_path.empty();
      set_stand(vm, is_saved ? row->next : active(action == Action::kStop
                                                      ? LcmState::kSaveStop
                                                      : LcmState::kSaveSuspend));
      vm.job = internal::enqueue_save(txn, vm, is_saved ? "release" : "save", by);
      break;
    }
    case Course::kReboot: internal::enqueue_reboot(txn, vm, is_hard(action), by); break;
    case Course::kHarden:
      internal::harden_halt(txn, vm.job);
      break;
    case Course::kHalt:
      CHECK_OK(halt(txn, vm, {target_of(row->next.lcm), row->next, is_hard(action), by}));
      break;
    case Course::kEnd:
      if (!vm.host.is_set()) {
        end_vm(txn, vm);
      } else {
        CHECK_OK(halt(txn, vm, {HaltTarget::kDone, active(LcmState::kEpilog), is_hard(action),
                                by}));
      }
      return {};
  }
  save_vm(txn, vm);
  return {};
}

Result<void> VmService::halt(db::Txn& txn, Vm& vm, const HaltAsk& ask) {
  // QEMU still holds the guest, with the disks open: it must be gone before anything is released.
  const bool is_paused = vm.state == VmState::kSuspended && vm.memory_path.empty();
  const bool is_off = !is_paused && (ask.next.lcm == LcmState::kEpilog ||
                                     ask.next.lcm == LcmState::kEpilogUndeploy);
  if (is_paused) vm.rest_grade = datastore::Grade::kNone;
  internal::NewHalt fresh;
  fresh.target = ask.target;
  fresh.is_hard = ask.is_hard || is_paused || ask.target == HaltTarget::kDeleted;
  fresh.step = is_off ? "release" : "ask";
  fresh.deadline = txn.at() + settings_.shutdown_limit;
  fresh.by = ask.by;
  if (has_open_job(txn, vm)) {
    fresh.after = vm.job;
    CHECK_OK(jobs::ask_cancel(txn, vm.job));
  }
  const LcmState shutdown = halt_row(ask.target).shutdown;
  set_stand(vm, is_paused && shutdown != LcmState::kInit ? active(shutdown) : ask.next);
  vm.job = internal::enqueue_halt(txn, vm, fresh);
  save_vm(txn, vm);
  // From here on nobody expects the disks to come back: what is armed for the end fires.
  if (is_off && ask.target == HaltTarget::kDone) fire_final_holds(txn, vm);
  return {};
}

Result<void> VmService::recover(db::Txn& txn, UserId by, VmId id, Recover how) {
  Vm vm = TRY(find_vm(txn, id));
  if (vm.state == VmState::kDone) return refuse(vm, "recover");
  switch (how) {
    case Recover::kDelete:
      if (!vm.host.is_set()) {
        end_vm(txn, vm);
        return {};
      }
      return halt(txn, vm, {HaltTarget::kDeleted, active(LcmState::kCleanupDelete), true, by});
    case Recover::kDeleteDb:
      CHECK_OK(check_disks_at_rest(txn, vm));
      if (has_open_job(txn, vm)) CHECK_OK(jobs::ask_cancel(txn, vm.job));
      end_vm(txn, vm);
      return {};
    case Recover::kRecreate: return recreate(txn, by, vm);
    case Recover::kFailure:
    case Recover::kSuccess:
    case Recover::kRetry: return go_on(txn, by, vm, how);
  }
  return fail(Errc::kInvalid, "unknown recover operation {}", static_cast<int>(how));
}

/// Back to PENDING, without disks: the next prolog makes them anew, and persistent ones keep their
/// bytes. Half of an operation under way would be lost, so that one is ended first.
Result<void> VmService::recreate(db::Txn& txn, UserId by, Vm& vm) {
  const bool is_going = vm.lcm == LcmState::kCleanupDelete || vm.lcm == LcmState::kCleanupResubmit;
  if (is_going || rest_after_change(stand_of(vm))) return refuse(vm, "recover");
  switch (vm.state) {
    case VmState::kHold:
      set_stand(vm, {VmState::kPending, LcmState::kInit});
      save_vm(txn, vm);
      return {};
    case VmState::kPoweroff:
    case VmState::kSuspended: CHECK_OK(check_running_quota(txn, vm)); break;
    case VmState::kActive: break;
    default: return refuse(vm, "recover");
  }
  vm.user_attributes.erase("ERROR");
  return halt(txn, vm, {HaltTarget::kRecreated, active(LcmState::kCleanupResubmit), true, by});
}

/// Retry does what is missing: every step inspects before it does anything. Success only looks, and
/// fails as before where the outcome is not there. What is under way goes on by itself.
Result<void> VmService::go_on(db::Txn& txn, UserId by, Vm& vm, Recover how) {
  if (vm.state == VmState::kCloningFailure && how != Recover::kRetry) {
    set_stand(vm, {VmState::kCloning, LcmState::kInit});
    save_vm(txn, vm);
    for (const VmDisk& disk : list_disks(txn, vm.id)) {
      if (disk.image.is_set()) promote_waiting_for(txn, disk.image);
    }
    return {};
  }
  if (vm.state != VmState::kActive) return refuse(vm, "recover");
  if (vm.lcm == LcmState::kRunning || vm.lcm == LcmState::kUnknown) {
    internal::enqueue_look(txn, vm);
    return {};
  }
  const RecoverRow* row = find_recover_row(vm.lcm);
  const auto rest = rest_after_change(stand_of(vm));
  if (row == nullptr && !rest) return refuse(vm, "recover");
  const bool is_under_way = has_open_job(txn, vm);
  if (how == Recover::kFailure) {
    return is_under_way ? jobs::ask_cancel(txn, vm.job) : Result<void>{};
  }
  if (is_under_way) {
    jobs::hurry(txn, vm.job);
    return {};
  }
  vm.user_attributes.erase("ERROR");
  if (rest) {
    set_stand(vm, *rest);
  } else if (row->deploy) {
    const DeployRow& deploy = deploy_row(*row->deploy);
    set_stand(vm, active(row->step == "prolog" ? deploy.prolog : deploy.boot));
    vm.job = internal::enqueue_deploy(txn, vm, deploy, row->step, by);
  } else if (row->halt) {
    const HaltRow& target = halt_row(*row->halt);
    const bool is_release = row->step == "release";
    CHECK_OK(halt(txn, vm, {*row->halt, active(is_release ? target.epilog : target.shutdown), true,
                            by}));
  } else if (row->step == "move") {
    set_stand(vm, active(LcmState::kUnknown));
    internal::enqueue_look(txn, vm);
  } else {
    set_stand(vm, active(row->step == "save" ? vm.lcm : LcmState::kEpilogStop));
    vm.job = internal::enqueue_save(txn, vm, row->step, by);
  }
  if (how == Recover::kSuccess && has_open_job(txn, vm)) internal::only_prove(txn, vm.job);
  save_vm(txn, vm);
  return {};
}

Result<void> VmService::update(db::Txn& txn, const access::Actor& actor, VmId id,
                               const text::Template& change, bool is_append) {
  Vm vm = TRY(find_vm(txn, id));
  auto fresh = TRY(access::updated_template(actor,
                                            restricted_names(settings_.restricted_attributes),
                                            {vm.user_attributes, change, is_append},
                                            "VM Template"));
  CHECK_OK(fresh.check_limits());
  vm.user_attributes = std::move(fresh);
  save_vm(txn, vm);
  return {};
}

Result<void> VmService::rename(db::Txn& txn, VmId id, const std::string& name) {
  CHECK_OK(access::check_name("virtual machine", name));
  Vm vm = TRY(find_vm(txn, id));
  vm.name = name;
  save_vm(txn, vm);
  return {};
}

Result<void> VmService::chmod(db::Txn& txn, VmId id, access::Permissions permissions) {
  Vm vm = TRY(find_vm(txn, id));
  vm.permissions = permissions;
  save_vm(txn, vm);
  return {};
}

Result<void> VmService::chown(db::Txn& txn, VmId id, UserId user, GroupId group) {
  Vm vm = TRY(find_vm(txn, id));
  if (user.is_set() && user != vm.owner) {
    for (const auto& hold : datastore::list_holds(txn, id)) {
      if (hold.state != datastore::HoldState::kArmed) continue;
      return fail(Errc::kConflict,
                  "snapshot {} of disk {} of virtual machine [{}] is armed for its owner: cancel "
                  "it, or wait until it is taken",
                  hold.snapshot, hold.disk, id);
    }
  }
  if (user.is_set()) {
    CHECK_OK(access::find_user(txn, user));
    txn.touch(ObjectKind::kUser, vm.owner);
    vm.owner = user;
  }
  if (group.is_set()) {
    CHECK_OK(access::find_group(txn, group));
    txn.touch(ObjectKind::kGroup, vm.group);
    vm.group = group;
  }
  save_vm(txn, vm);
  return {};
}

std::vector<jobs::KindSpec> VmService::job_kinds() const {
  return internal::vm_job_kinds({settings_, drivers_});
}

}  // namespace neph::compute
