#include "compute/guest_facts.h"

#include <algorithm>
#include <ctime>

#include "base/log.h"
#include "compute/disk_tree.h"
#include "compute/host.h"
#include "compute/internal/vm_rows.h"
#include "datastore/holds.h"
#include "jobs/queue.h"
#include "network/leases.h"

namespace neph::compute {
namespace {

using datastore::Grade;
using datastore::GuestEnd;
using hypervisor_driver::StopReason;

/// What a stop says about the file systems, when nobody was ending the VM.
struct Verdict {
  Grade grade;
  GuestEnd end;
};
Verdict judge(StopReason reason) {
  switch (reason) {
    case StopReason::kShutdown: return {Grade::kShutdown, GuestEnd::kOrderly};
    case StopReason::kUnknown: return {Grade::kUnknown, GuestEnd::kUnseen};
    default: return {Grade::kCrash, GuestEnd::kCut};
  }
}

GuestEnd final_end(Grade grade) {
  switch (grade) {
    case Grade::kShutdown: return GuestEnd::kFinalOrderly;
    case Grade::kUnknown: return GuestEnd::kFinalUnseen;
    default: return GuestEnd::kFinalCut;
  }
}

/// A boot is under way or has failed, and the VM waits for its owner on that host.
bool is_booting(const Vm& vm) {
  return std::ranges::any_of(deploy_rows(), [&](const DeployRow& row) {
    return stand_of(vm) == active(row.boot) ||
           (vm.state == VmState::kActive && stand_of(vm) == row.boot_failed);
  });
}

std::string_view words_for(StopReason reason) {
  switch (reason) {
    case StopReason::kShutdown: return "the guest switched itself off";
    case StopReason::kDestroyed: return "somebody cut the guest's power on its host";
    case StopReason::kCrashed: return "the guest's kernel crashed";
    case StopReason::kFailed: return "the guest's QEMU process died";
    case StopReason::kSaved: return "somebody saved the guest's memory on its host";
    case StopReason::kMigrated: return "somebody moved the guest to another host";
    case StopReason::kVanished: return "the guest's QEMU process was gone";
    case StopReason::kUnknown: break;
  }
  return "the guest stopped while nobody watched";
}

void close_history(db::Txn& txn, VmId vm, HistoryAction action) {
  change_history(txn, vm, [&](HistoryRecord& record) {
    if (!record.running_ended.is_set() && record.running_started.is_set()) {
      record.running_ended = txn.at();
    }
    if (record.action == HistoryAction::kNone) record.action = action;
  });
}

/// States in which no job of ours starts or stops the guest.
bool is_left_alone(LcmState lcm) {
  return lcm == LcmState::kRunning || lcm == LcmState::kUnknown || lcm == LcmState::kBackup;
}

/// The guest of a VM that runs, may run or is being backed up stopped without our doing. A backup
/// goes on with disks at rest.
void stop_by_itself(db::Txn& txn, Vm& vm, StopReason reason, Instant at) {
  const Verdict verdict = judge(reason);
  const bool is_backed_up = vm.lcm == LcmState::kBackup;
  set_stand(vm, is_backed_up ? active(LcmState::kBackupPoweroff)
                             : Stand{VmState::kPoweroff, LcmState::kInit});
  vm.rest_grade = verdict.grade;
  if (!is_backed_up) vm.job = {};
  forget_system_snapshots(txn, vm);
  if (reason != StopReason::kShutdown) put_error(vm, txn.at(), std::string(words_for(reason)));
  save_vm(txn, vm);
  close_history(txn, vm.id, HistoryAction::kMonitor);
  datastore::apply_guest_end(txn, vm.id, verdict.end, at);
  log::info("vm.stopped", {{"vm", vm.id}, {"why", words_for(reason)}});
}

/// The guest of a VM that we are ending, or switching off, stopped.
void stop_as_asked(db::Txn& txn, Vm& vm, const HaltRow& row, StopReason reason, Instant at) {
  // One that had been asked to switch off may just as well have done so.
  const Verdict verdict = judge(reason == StopReason::kVanished ? StopReason::kUnknown : reason);
  vm.rest_grade = verdict.grade;
  forget_system_snapshots(txn, vm);
  save_vm(txn, vm);
  datastore::apply_guest_end(txn, vm.id,
                             removes_disks(row) ? final_end(verdict.grade) : verdict.end, at);
  jobs::wake(txn, stopped_key(vm.id));
  // A state such as CLEANUP_RESUBMIT stays, and yet the disks are at rest from now on.
  jobs::wake(txn, state_key(vm.id));
  log::info("vm.stopped", {{"vm", vm.id}, {"why", words_for(reason)}});
}

}  // namespace

bool is_in_doubt(const Vm& vm) {
  if (vm.rest_grade != Grade::kNone) return false;
  if (vm.state == VmState::kSuspended) return !vm.memory_path.empty();
  if (vm.state != VmState::kActive) return vm.state == VmState::kPoweroff;
  return vm.lcm == LcmState::kBootFailure || vm.lcm == LcmState::kBootUndeployFailure ||
         vm.lcm == LcmState::kBootStoppedFailure || vm.lcm == LcmState::kBootMigrateFailure;
}

bool has_run(StopReason reason) {
  return reason == StopReason::kShutdown || reason == StopReason::kDestroyed ||
         reason == StopReason::kCrashed || reason == StopReason::kFailed ||
         reason == StopReason::kVanished;
}

bool is_saving(db::Txn& txn, const Vm& vm) {
  if (vm.state != VmState::kActive) return false;
  if (vm.lcm == LcmState::kSaveSuspend || vm.lcm == LcmState::kSaveStop) return true;
  if (vm.lcm != LcmState::kSaveMigrate || !vm.job.is_set()) return false;
  // A guest that moves through its memory, and one that is powered off to move, show the same.
  const auto job = jobs::find(txn, vm.job);
  return job && job->kind == "vm.migrate";
}

std::string stopped_key(VmId vm) { return fmt::format("vm.stopped/{}", vm); }

void set_stand(Vm& vm, Stand stand) {
  vm.state = stand.state;
  vm.lcm = stand.lcm;
  vm.wait_reason.clear();
  if (stand.state != VmState::kPending) vm.pending_reason.clear();
}

void put_error(Vm& vm, Instant at, const std::string& text) {
  const std::time_t seconds = at.seconds();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> when{};
  std::strftime(when.data(), when.size(), "%a %b %e %H:%M:%S %Y", &parts);
  vm.user_attributes.set("ERROR", fmt::format("{}: {}", when.data(), text));
}

void change_history(db::Txn& txn, VmId vm, const std::function<void(HistoryRecord&)>& change) {
  auto records = list_history(txn, vm);
  if (records.empty()) return;
  change(records.back());
  save_history(txn, vm, records.back());
}

void apply_off(db::Txn& txn, VmId id, StopReason reason, Instant at) {
  auto vm = find_vm(txn, id);
  if (!vm) return;
  if (is_in_doubt(*vm) && !vm->memory_path.empty() && has_run(reason)) {
    // It was restored, whatever was heard of that: its disks are newer than the memory.
    vm->memory_path.clear();
    return stop_by_itself(txn, *vm, reason, at);
  }
  if (is_in_doubt(*vm)) {
    vm->rest_grade = Grade::kUnknown;
    save_vm(txn, *vm);
    jobs::wake(txn, state_key(id));
    return;
  }
  // One that QEMU held paused ends like one that ran.
  const bool was_paused = vm->state == VmState::kSuspended && vm->memory_path.empty();
  if (was_paused || (vm->state == VmState::kActive && is_left_alone(vm->lcm)))
    return stop_by_itself(txn, *vm, reason, at);
  if (vm->state != VmState::kActive) return;
  const HaltRow* halt = find_halt_by_shutdown(vm->lcm);
  const bool is_news = halt != nullptr && vm->rest_grade == Grade::kNone && !is_saving(txn, *vm);
  if (is_news) stop_as_asked(txn, *vm, *halt, reason, at);
}

void apply_alive(db::Txn& txn, VmId id) {
  auto vm = find_vm(txn, id);
  if (!vm) return;
  const Stand stand = stand_of(*vm);
  const bool was_off = stand.state == VmState::kPoweroff || stand.state == VmState::kSuspended;
  if (!was_off && !is_in_doubt(*vm) && stand != active(LcmState::kUnknown)) return;
  set_stand(*vm, active(LcmState::kRunning));
  vm->rest_grade = Grade::kNone;
  // Memory that was saved belongs to a disk that the guest is changing now.
  vm->memory_path.clear();
  vm->user_attributes.erase("ERROR");
  save_vm(txn, *vm);
  if (was_off) {
    change_history(txn, id, [&](HistoryRecord& record) {
      record.running_ended = {};
      record.action = HistoryAction::kNone;
    });
  }
  log::info("vm.alive", {{"vm", id}});
}

void apply_paused(db::Txn& txn, VmId id, std::string_view why) {
  auto vm = find_vm(txn, id);
  if (!vm) return;
  const Stand stand = stand_of(*vm);
  if (stand != active(LcmState::kRunning) && stand != active(LcmState::kUnknown)) return;
  set_stand(*vm, {VmState::kSuspended, LcmState::kInit});
  vm->rest_grade = Grade::kCrash;
  vm->memory_path.clear();
  put_error(*vm, txn.at(), fmt::format("the guest is paused on its host{}{}",
                                       why.empty() ? "" : ": ", why));
  save_vm(txn, *vm);
  log::warn("vm.paused", {{"vm", id}, {"why", why}});
}

void apply_lost(db::Txn& txn, VmId id, std::string_view why) {
  auto vm = find_vm(txn, id);
  if (!vm || stand_of(*vm) != active(LcmState::kRunning)) return;
  set_stand(*vm, active(LcmState::kUnknown));
  put_error(*vm, txn.at(), fmt::format("its host cannot be asked: {}", why));
  save_vm(txn, *vm);
  log::warn("vm.unknown", {{"vm", id}, {"why", why}});
}

void apply_host_lost(db::Txn& txn, VmId id, std::string_view host) {
  auto vm = find_vm(txn, id);
  if (!vm) return;
  // A guest that is only paused has its memory in QEMU.
  const bool is_paused = vm->state == VmState::kSuspended && vm->memory_path.empty();
  const bool boots = is_booting(*vm) || is_in_doubt(*vm);
  if (vm->state != VmState::kActive && !is_paused && !boots) return;
  const bool saves = is_saving(txn, *vm);
  const HaltRow* halt = is_paused || saves ? nullptr : find_halt_by_shutdown(vm->lcm);
  const bool is_on = is_left_alone(vm->lcm);
  const auto say_lost = [&] {
    put_error(*vm, txn.at(), fmt::format("its host {} was declared lost", host));
    save_vm(txn, *vm);
  };
  if (halt != nullptr) {
    if (vm->rest_grade != Grade::kNone) return;
    stop_as_asked(txn, *vm, *halt, StopReason::kFailed, txn.at());
  } else if (boots && vm->rest_grade != Grade::kNone) {
    // No guest was started there: disks and saved memory are as they were.
    const bool is_saved = !vm->memory_path.empty();
    set_stand(*vm, {is_saved ? VmState::kSuspended : VmState::kPoweroff, LcmState::kInit});
    vm->job = {};
    close_history(txn, id, HistoryAction::kMonitor);
    say_lost();
  } else if (is_paused || saves || is_on || boots) {
    vm->memory_path.clear();
    stop_by_itself(txn, *vm, StopReason::kFailed, txn.at());
    say_lost();
  } else if (vm->rest_grade == Grade::kNone) {
    vm->rest_grade = Grade::kCrash;
    save_vm(txn, *vm);
  }
}

void fire_final_holds(db::Txn& txn, const Vm& vm) {
  datastore::apply_guest_end(txn, vm.id, final_end(vm.rest_grade), txn.at());
}

void end_vm(db::Txn& txn, Vm& vm) {
  fire_final_holds(txn, vm);
  for (VmDisk& disk : list_disks(txn, vm.id)) {
    disk.is_retained = disk.is_present && !datastore::list_holds(txn, vm.id, disk.id).empty();
    if (!disk.is_retained) {
      disk.is_present = false;
      if (!disk.is_persistent) {
        // The layer on top went with it; that of a persistent disk is still to be folded back.
        disk.overlay_path.clear();
        datastore::delete_all_disk_snapshots(txn, tree_of(disk));
      }
    }
    save_disk(txn, disk);
    if (!disk.is_retained) continue;
    jobs::NewJob sweep;
    sweep.kind = "vm.sweep";
    sweep.step = "sweep";
    sweep.vm = vm.id;
    sweep.host = vm.host;
    sweep.datastore = vm.system_datastore;
    sweep.args.set("DISK", fmt::format("{}", disk.id));
    jobs::enqueue(txn, sweep);
  }
  forget_system_snapshots(txn, vm);
  network::give_back_all(txn, vm.id);
  set_stand(vm, {VmState::kDone, LcmState::kInit});
  vm.ended = txn.at();
  vm.job = {};
  vm.memory_path.clear();
  save_vm(txn, vm);
  change_history(txn, vm.id, [&](HistoryRecord& record) {
    if (!record.ended.is_set()) record.ended = txn.at();
  });
  log::info("vm.done", {{"vm", vm.id}});
}

}  // namespace neph::compute
