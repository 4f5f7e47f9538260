#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.h"

namespace neph::jobs {

/// A job that begins by waiting for a key has no deadline.
inline constexpr std::int64_t kNever = INT64_MAX / 2;

struct NewJob {
  std::string kind;
  std::string step;  ///< where it begins
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
/// Whether there is such a job and it is not over.
[[nodiscard]] bool is_open(db::Txn& txn, JobId id);
[[nodiscard]] std::vector<Job> list_open(db::Txn& txn);
/// The last ones by id, ascending.
[[nodiscard]] std::vector<Job> list_recent(db::Txn& txn, int count);

/// Replaces the arguments: what a step must remember for later ones.
void save_args(db::Txn& txn, JobId id, const text::Template& args);

/// Lets every job that waits for the key run now.
void wake(db::Txn& txn, std::string_view key);

/// Woken when a job is over, however it ended.
[[nodiscard]] std::string over_key(JobId id);
/// Lets one waiting job run now, whatever it waits for.
void hurry(db::Txn& txn, JobId id);

/// Lets what waits on a host, or for one of these VMs, run now: more is known of the host.
void hurry_on_host(db::Txn& txn, HostId host, const std::vector<VmId>& vms);

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
/// The job if it can run now.
[[nodiscard]] std::optional<Job> find_runnable(db::Txn& txn, JobId id);
/// It acts: after a crash it is queued again.
void mark_running(db::Txn& txn, JobId id);
/// Forgets jobs that were over before `before`, all but the last ones.
void prune(db::Txn& txn, Instant before);
/// After a restart: what ran is queued again at its cursor. Pauses are short: one that ends far in
/// the future was written by a clock that has been set back since.
void requeue_interrupted(db::Txn& txn);
/// The machine's clock was set: waits go along, and arguments named *_MS, which are instants.
void shift_waits(db::Txn& txn, Duration by);
/// A step that acts has not moved for long: says so in the row. It stays the job's step.
void mark_stalled(db::Txn& txn, const Job& job, Duration idle);

/// A job that could run now, as far as choosing needs it.
struct Candidate {
  JobId id;
  std::string kind;
  std::string step;
  UserId owner;
  HostId host;
  DatastoreId datastore;
};
/// Oldest first.
[[nodiscard]] std::vector<Candidate> list_runnable(db::Txn& txn);
/// When the next sleeping job falls due.
[[nodiscard]] std::optional<Instant> next_due(db::Txn& txn);

}  // namespace neph::jobs
