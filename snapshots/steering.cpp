#include "jobs/queue.h"
#include "snapshots/internal/backup_job_rows.h"
#include "snapshots/internal/backup_watch.h"
#include "snapshots/internal/records.h"
#include "snapshots/internal/set.h"
#include "snapshots/snapshot_service.h"

/// What owners can do about the jobs of their snapshots.
namespace neph::snapshots {
namespace {

using jobs::Job;

/// The snapshots that a job works on: a pin has a whole set.
std::vector<Snapshot> list_worked_on(db::Txn& txn, const Job& job) {
  std::vector<Snapshot> mine;
  if (job.kind == "snapshot.pin") {
    for (Snapshot& one : list_set(txn, job.snapshot))
      if (one.job == job.id) mine.push_back(std::move(one));
  } else if (auto one = find_snapshot(txn, job.snapshot); one && one->job == job.id) {
    mine.push_back(std::move(*one));
  }
  return mine;
}

/// The same job once more, from a step that may be repeated.
JobId enqueue_again(db::Txn& txn, const Job& job, Snapshot snapshot, std::string_view step) {
  jobs::NewJob again;
  again.kind = job.kind;
  again.step = step;
  again.args = job.args;
  again.owner = job.owner;
  again.datastore = job.datastore;
  again.vm = job.vm;
  again.image = job.image;
  again.snapshot = job.snapshot;
  snapshot.job = jobs::enqueue(txn, again);
  save_snapshot(txn, snapshot);
  return snapshot.job;
}

void abandon(db::Txn& txn, const Job& job, const Error& error) {
  for (const Snapshot& snapshot : list_worked_on(txn, job))
    mark_failed(txn, snapshot, job.step, error);
}

}  // namespace

Result<JobId> SnapshotService::retry_job(db::Txn& txn, const Job& job) {
  if (job.kind == "snapshot.backup")
    return fail(Errc::kWrongState,
                "job {} ({}) cannot be tried again: its instant is over; back up VM {} again",
                job.id, job.kind, job.vm);
  if (job.kind == kBackupRun) {
    const BackupJobId id = backup_job_of(job);
    CHECK_OK(retry_backup_job(txn, id));
    return TRY(find_backup_job(txn, id)).run;
  }
  for (const Snapshot& snapshot : list_worked_on(txn, job)) {
    if (snapshot.phase == Phase::kFailed) {
      CHECK_OK(retry(txn, snapshot.id));
      return TRY(find_snapshot(txn, snapshot.id)).job;
    }
    if (snapshot.phase == Phase::kCancelling) return enqueue_again(txn, job, snapshot, "stop");
    const bool keeps_layer = snapshot.phase == Phase::kReady && snapshot.pin != PinKind::kNone;
    if (keeps_layer) return enqueue_again(txn, job, snapshot, "unpin");
  }
  return fail(Errc::kWrongState,
              "job {} ({}) cannot be tried again: snapshot {} needs it no more", job.id, job.kind,
              job.snapshot);
}

Result<void> SnapshotService::cancel_job(db::Txn& txn, const Job& job) {
  if (job.kind == "snapshot.undo")
    return fail(Errc::kWrongState,
                "job {} ({}) cannot be cancelled: it cleans up, since snapshot {} was given up",
                job.id, job.kind, job.snapshot);
  if (job.kind == "snapshot.backup") return jobs::ask_cancel(txn, job.id);
  if (job.kind == kBackupRun) {
    CHECK_OK(cancel_backup_job(txn, backup_job_of(job)));
    return jobs::ask_cancel(txn, job.id);
  }
  if (job.step == "unpin")
    return fail(Errc::kWrongState,
                "job {} ({}) cannot be cancelled: image {} is READY, only its layer is still being "
                "folded back", job.id, job.kind, job.image);
  for (const Snapshot& snapshot : list_worked_on(txn, job)) {
    if (is_over(snapshot.phase)) continue;
    CHECK_OK(cancel(txn, snapshot.id));
  }
  return {};
}

std::vector<jobs::KindSpec> SnapshotService::job_kinds() const {
  const Toolbox tools{settings_, vms_.drivers()};
  std::vector<jobs::KindSpec> kinds{pin_job(tools), copy_job(tools), undo_job(tools)};
  for (auto& kind : kinds) kind.abandon = &abandon;
  kinds.push_back(backup_watch());
  kinds.push_back(backup_run(*this));
  return kinds;
}

}  // namespace neph::snapshots
