#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"

namespace neph::jobs {

struct NewJob {
  std::string kind;
  std::string step;  ///< empty: the kind's first
  text::Template args;
  UserId owner;
  HostId host;
  DatastoreId datastore;
  VmId vm;
  ImageId image;
  SnapshotId snapshot;
  std::string wake_key;       ///< not empty: begins waiting for this key
  std::string reason;
};

/// The rows. All functions run in the caller's transaction on the store lane, so a job is there
/// exactly when what it serves is there.
JobId enqueue(db::Txn& txn, const NewJob& job);
[[nodiscard]] Result<Job> find(db::Txn& txn, JobId id);
[[nodiscard]] std::vector<Job> list_open(db::Txn& txn);

/// Lets every job that waits for the key run now.
void wake(db::Txn& txn, std::string_view key);

/// Asks an open job to stop. It goes on until its step has confirmed and cleaned up.
[[nodiscard]] Result<void> ask_cancel(db::Txn& txn, JobId id);

/// Takes a resource ("disk/3/0") for a job until it ends or releases it; again is fine.
/// \returns kConflict naming the job that has it; wait for claim_key() then
[[nodiscard]] Result<void> claim(db::Txn& txn, const Job& job, std::string_view resource);
void release(db::Txn& txn, JobId job, std::string_view resource);
[[nodiscard]] std::string claim_key(std::string_view resource);
[[nodiscard]] std::optional<JobId> find_claimant(db::Txn& txn, std::string_view resource);

/// Applies what a step asked for: cursor, state, claims, wakes. The runner calls it.
void apply(db::Txn& txn, const Job& job, const Next& next);
/// Marks a job as running its step; false when it is not runnable (any more).
[[nodiscard]] std::optional<Job> lease(db::Txn& txn, JobId id);
/// After a restart: what ran is queued again at its cursor.
void requeue_interrupted(db::Txn& txn);
/// Jobs that could run now, oldest first.
[[nodiscard]] std::vector<Job> list_runnable(db::Txn& txn);
/// When the next sleeping job falls due.
[[nodiscard]] std::optional<Instant> next_due(db::Txn& txn);

}  // namespace neph::jobs
