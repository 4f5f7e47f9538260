#include "compute/timetable.h"

#include "access/directory.h"
#include "base/log.h"
#include "compute/internal/scheduled_work.h"
#include "compute/internal/vm_jobs.h"
#include "datastore/image.h"

namespace neph::compute {
namespace {

/// So many are begun at a look; the others are still due at the next one.
constexpr int kDueMax = 512;

/// As it is now.
Result<ScheduledAction> find_again(db::Txn& txn, const ScheduledAction& action) {
  if (action.vm.is_set()) return find_schedule(txn, action.vm, action.id);
  return find_schedule(txn, action.backup_job, action.id);
}

/// What it was for has ended.
bool is_pointless(db::Txn& txn, const ScheduledAction& action) {
  if (!action.vm.is_set()) return false;
  const auto vm = find_vm(txn, action.vm);
  return !vm || vm->state == VmState::kDone;
}

bool is_still_due(const ScheduledAction& action, Instant now) {
  return !action.is_over && action.due.seconds() <= now.seconds();
}

void note_done(db::Txn& txn, ScheduledAction action) {
  action.done = txn.at();
  action.message.clear();
  advance_schedule(action, txn.at());
  save_schedule(txn, action);
  log::info("schedule.done", {{"vm", action.vm},
                              {"backup_job", action.backup_job},
                              {"action", action.action}});
}

/// The VM is at something that ends by itself.
bool may_wait(db::Txn& txn, const ScheduledAction& action, const Error& error) {
  const auto vm = find_vm(txn, action.vm);
  const bool is_busy = vm && vm->state != VmState::kDone && internal::has_open_job(txn, *vm);
  return is_busy && error.code == Errc::kWrongState &&
         txn.at() - action.due < Timetable::kPatience;
}

void note_failed(db::Txn& txn, ScheduledAction action, const Error& error) {
  const bool waits = may_wait(txn, action, error);
  const std::string message = waits ? "waits: " + error.text() : error.text();
  if (waits && message == action.message) return;
  action.message = message;
  if (!waits) {
    advance_schedule(action, txn.at());
    if (is_pointless(txn, action)) action.is_over = true;
    log::warn("schedule.failed", {{"vm", action.vm},
                                  {"backup_job", action.backup_job},
                                  {"action", action.action},
                                  {"error", message}});
  }
  save_schedule(txn, action);
}

}  // namespace

void Timetable::start() {
  lanes_.store().post([this] { look(); });
}

void Timetable::look() {
  if (is_stopping_) return;
  using Due = std::vector<ScheduledAction>;
  store_.run<Due>(
      [](db::Txn& txn) -> Result<Due> { return list_due_schedules(txn, txn.at(), kDueMax); },
      [this](const Result<Due>& due) {
        if (due) {
          for (const auto& action : *due) perform(action);
        }
        lanes_.timers().after(kPause, lanes_.store(), [this] { look(); });
      });
}

Result<void> Timetable::act(db::Txn& txn, const ScheduledAction& action) {
  if (action.vm.is_set()) return act_as_owner(txn, action);
  return help_.start_backup_job(txn, action.backup_job);
}

Result<void> Timetable::act_as_owner(db::Txn& txn, const ScheduledAction& action) {
  const Vm vm = TRY(find_vm(txn, action.vm));
  const auto work = TRY(internal::read_scheduled_work(action.action, action.args));
  const auto owner = TRY(access::find_user(txn, vm.owner));
  if (!owner.is_enabled) {
    return fail(Errc::kDenied, "the owner of the VM, user {}, is disabled", owner.name);
  }
  const auto actor = access::actor_of(owner, GroupId{}, default_umask_);
  CHECK_OK(access::authorize(txn, actor, access::Op::kManage, subject_of(vm)));
  return do_work(txn, actor, vm, work);
}

Result<void> Timetable::do_work(db::Txn& txn, const access::Actor& owner, const Vm& vm,
                                const internal::ScheduledWork& work) {
  using internal::WorkKind;
  switch (work.what) {
    case WorkKind::kAction:
      return vms_.act(txn, owner.user, vm.id, work.action);
    case WorkKind::kBackup:
      return help_.back_up(txn, owner, vm.id, work.datastore);
    case WorkKind::kSnapshotCreate:
      return vms_.create_system_snapshot(txn, owner.user, vm.id, work.name).map([](auto) {});
    case WorkKind::kSnapshotRevert:
      CHECK_OK(vms_.revert_system_snapshot(txn, owner.user, vm.id, work.snapshot));
      help_.note_revert(txn, vm.id, DiskId{}, work.snapshot);
      return {};
    case WorkKind::kSnapshotDelete:
      return vms_.delete_system_snapshot(txn, owner.user, vm.id, work.snapshot);
    case WorkKind::kDiskSnapshotCreate:
    case WorkKind::kDiskSnapshotRevert:
    case WorkKind::kDiskSnapshotDelete:
      break;
  }
  return do_disk_work(txn, owner, vm, work);
}

Result<void> Timetable::do_disk_work(db::Txn& txn, const access::Actor& owner, const Vm& vm,
                                     const internal::ScheduledWork& work) {
  using internal::WorkKind;
  const auto disk = TRY(find_disk(txn, vm.id, work.disk));
  if (disk.is_persistent) {
    // A persistent disk is its image.
    const auto image = TRY(datastore::find_image(txn, disk.image));
    CHECK_OK(access::authorize(txn, owner, access::Op::kManage, datastore::subject_of(image)));
  }
  if (work.what == WorkKind::kDiskSnapshotCreate)
    return vms_.create_disk_snapshot(txn, owner.user, vm.id, disk.id, work.name).map([](auto) {});
  if (work.what == WorkKind::kDiskSnapshotDelete)
    return vms_.delete_disk_snapshot(txn, owner.user, vm.id, disk.id, work.snapshot);
  CHECK_OK(vms_.revert_disk_snapshot(txn, owner.user, vm.id, disk.id, work.snapshot));
  help_.note_revert(txn, vm.id, disk.id, work.snapshot);
  return {};
}

/// What the transaction that failed had written is gone; the reason is a transaction of its own.
void Timetable::perform(const ScheduledAction& action) {
  store_.run<int>(
      [this, action](db::Txn& txn) -> Result<int> {
        const auto now = find_again(txn, action);
        if (!now || !is_still_due(*now, txn.at())) return 0;
        CHECK_OK(act(txn, *now));
        note_done(txn, *now);
        return 0;
      },
      [this, action](const Result<int>& done) {
        if (done) return;
        store_.run([action, error = done.error()](db::Txn& txn) -> Result<void> {
          const auto now = find_again(txn, action);
          if (now && is_still_due(*now, txn.at())) note_failed(txn, *now, error);
          return {};
        });
      });
}

}  // namespace neph::compute
