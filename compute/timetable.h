#pragma once

#include <atomic>
#include <functional>

#include "base/lanes.h"
#include "compute/schedule.h"
#include "compute/vm_service.h"
#include "db/store.h"

namespace neph::compute {

namespace internal {
struct ScheduledWork;
}

/// What scheduled actions need of the rooms above.
struct TimetableHelp {
  /// As SnapshotService::back_up().
  std::function<Result<void>(db::Txn&, const access::Actor&, VmId, DatastoreId)> back_up;
  /// A disk, or with an unset id all disks, was taken back to that restore point.
  std::function<void(db::Txn&, VmId, DiskId, std::int64_t)> note_revert;
  /// As snapshots::start_backup_job().
  std::function<Result<void>(db::Txn&, BackupJobId)> start_backup_job;
};

/// Performs scheduled actions when they are due, as the owner of the VM would: with his rights as
/// they are then, through the functions behind the API. A backup asks for MANAGE of the VM, as the
/// other actions do: who may schedule one need not be able to make one by hand. Backup jobs are
/// started. What fell due while no daemon ran is done once, at the start. Lives on the store lane;
/// one per daemon.
///
/// The action and the note that it is done are one transaction, so that a power cut leaves both or
/// neither. An action that cannot be done leaves its reason and is not tried again, or not before
/// its next time; only where the VM is just at something else it waits for kPatience.
class Timetable {
 public:
  static constexpr Duration kPause{5'000};       ///< between two looks at what is due
  static constexpr Duration kPatience{600'000};

  Timetable(db::Store& store, Lanes& lanes, VmService& vms, TimetableHelp help,
            int default_umask = 0177)
      : store_(store),
        lanes_(lanes),
        vms_(vms),
        help_(std::move(help)),
        default_umask_(default_umask) {}

  /// Once, when the hosts are being watched.
  void start();
  /// Begins nothing more.
  void stop() { is_stopping_ = true; }

 private:
  void look();
  void perform(const ScheduledAction& action);
  Result<void> act(db::Txn& txn, const ScheduledAction& action);
  Result<void> act_as_owner(db::Txn& txn, const ScheduledAction& action);
  Result<void> do_work(db::Txn& txn, const access::Actor& owner, const Vm& vm,
                       const internal::ScheduledWork& work);
  Result<void> do_disk_work(db::Txn& txn, const access::Actor& owner, const Vm& vm,
                            const internal::ScheduledWork& work);

  db::Store& store_;
  Lanes& lanes_;
  VmService& vms_;
  const TimetableHelp help_;
  const int default_umask_;
  std::atomic<bool> is_stopping_{false};
};

}  // namespace neph::compute
