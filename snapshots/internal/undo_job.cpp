#include <cstdlib>

#include "jobs/backoff.h"
#include "jobs/queue.h"
#include "snapshots/internal/backup_watch.h"
#include "snapshots/internal/records.h"
#include "snapshots/internal/unpin.h"

/// snapshot.undo: what cancel and discard leave to be done once the worker has stopped. A job of
/// its own, because the steps of a cancelled job are told to stop.
namespace neph::snapshots {
namespace {

constexpr Duration kWorkerWait{60'000};
constexpr int kCleanAttempts = 20;
/// Why a file of the image could not be removed.
constexpr std::string_view kLeft = "LEFT";

JobId worker_of(const jobs::Job& job) {
  const std::string text = job.args.get("WORKER", "-1");
  return JobId{std::strtoll(text.c_str(), nullptr, 10)};
}

Phase end_of(const jobs::Job& job) {
  return job.args.get("END") == name_of(Phase::kDiscarded) ? Phase::kDiscarded : Phase::kCancelled;
}

Result<jobs::Work> plan_stop(db::Txn& txn, const jobs::Job& job) {
  const JobId worker = worker_of(job);
  if (jobs::is_open(txn, worker))
    return jobs::at_once(jobs::wait_for(jobs::over_key(worker), kWorkerWait,
                                        fmt::format("job {} has not stopped yet", worker)));
  if (auto snapshot = find_snapshot(txn, job.snapshot)) {
    snapshot->reason = "what was copied is being removed, and its layer folded back";
    save_snapshot(txn, *snapshot);
  }
  return jobs::at_once(jobs::go("clean"));
}

/// What the storage has refused to remove for minutes is left to image.delete: its owner can try
/// that again. A backup's files are removed with the backup.
jobs::Next settle_clean(db::Txn& txn, const jobs::Job& job, Result<void> outcome) {
  if (outcome) return jobs::go("unpin");
  const Error& error = outcome.error();
  if (job.attempt + 1 < kCleanAttempts || is_backup(txn, job))
    return jobs::again(jobs::pause_after(job.attempt),
                       fmt::format("removing what was copied: {}", error.text()));
  text::Template args = job.args;
  args.set(kLeft, error.text());
  jobs::save_args(txn, job.id, args);
  return jobs::go("unpin");
}

Result<jobs::Work> plan_clean(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  const auto image = datastore::find_image(txn, job.image);
  if (!image) return jobs::at_once(jobs::go("unpin"));
  const auto store = TRY(datastore::find_datastore(txn, image->datastore));
  auto* driver = TRY(tools.drivers.datastore(store.tm_mad));
  const DiskId disk = TRY(find_snapshot(txn, job.snapshot)).disk;
  return jobs::Work{
      [driver, image = *image, disk](Progress&) -> Result<void> {
        CHECK_OK(driver->ensure_deleted(partial_path_of(image, disk)));
        return driver->ensure_deleted(target_path_of(image, disk));
      },
      &settle_clean};
}

Result<jobs::Work> plan_last(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  return plan_unpin(tools, txn, job, [end = end_of(job), left = job.args.get(kLeft)](
                                         db::Txn& last, const Snapshot& snapshot) {
    Snapshot gone = snapshot;
    gone.pin_path.clear();
    gone.pin = PinKind::kNone;
    drop(last, gone, end, left);
  });
}

}  // namespace

jobs::KindSpec undo_job(const Toolbox& tools) {
  jobs::KindSpec kind{"snapshot.undo", {}};
  jobs::StepSpec stop{.name = "stop"};
  stop.plan = &plan_stop;
  jobs::StepSpec clean{.name = "clean"};
  clean.plan = [tools](db::Txn& txn, const jobs::Job& job) {
    return or_later(job, plan_clean(tools, txn, job));
  };
  jobs::StepSpec unpin{.name = "unpin"};
  unpin.plan = [tools](db::Txn& txn, const jobs::Job& job) {
    return or_later(job, plan_last(tools, txn, job));
  };
  kind.steps = {stop, clean, unpin};
  return kind;
}

}  // namespace neph::snapshots
