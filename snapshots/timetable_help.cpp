#include "snapshots/timetable_help.h"

#include "snapshots/backup_jobs.h"

namespace neph::snapshots {

compute::TimetableHelp timetable_help(SnapshotService& snapshots) {
  compute::TimetableHelp help;
  help.back_up = [&snapshots](db::Txn& txn, const access::Actor& actor, VmId vm,
                              DatastoreId datastore) {
    return snapshots.back_up(txn, actor, {vm, datastore}).map([](ImageId) {});
  };
  help.note_revert = [&snapshots](db::Txn& txn, VmId vm, DiskId disk, std::int64_t snapshot) {
    if (disk.is_set())
      snapshots.note_revert(txn, vm, disk, fmt::format("to its disk snapshot {}", snapshot));
    else
      snapshots.note_system_revert(txn, vm, snapshot);
  };
  help.start_backup_job = &start_backup_job;
  return help;
}

}  // namespace neph::snapshots
