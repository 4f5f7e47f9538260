#include <cstdlib>

#include "jobs/backoff.h"
#include "jobs/queue.h"
#include "snapshots/internal/records.h"
#include "snapshots/internal/unpin.h"

/// snapshot.undo: what cancel and discard leave to be done once the worker has stopped. A job of
/// its own, because the steps of a cancelled job are told to stop.
namespace neph::snapshots {
namespace {

constexpr Duration kWorkerWait{60'000};

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
      [](db::Txn&, const jobs::Job& now, Result<void> outcome) -> jobs::Next {
        if (outcome) return jobs::go("unpin");
        return jobs::again(jobs::pause_after(now.attempt),
                           fmt::format("removing what was copied: {}", outcome.error().text()));
      }};
}

Result<jobs::Work> plan_last(const Toolbox& tools, db::Txn& txn, const jobs::Job& job) {
  return plan_unpin(tools, txn, job, [end = end_of(job)](db::Txn& last, const Snapshot& snapshot) {
    Snapshot gone = snapshot;
    gone.pin_path.clear();
    gone.pin = PinKind::kNone;
    drop(last, gone, end);
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
