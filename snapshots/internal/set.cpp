#include "snapshots/internal/set.h"

#include "base/log.h"
#include "jobs/backoff.h"
#include "snapshots/internal/backup_watch.h"
#include "snapshots/internal/moment.h"

namespace neph::snapshots {
namespace {

constexpr int kPinAttemptsMax = 8;

template <class Keep>
std::vector<Snapshot> list_where(db::Txn& txn, const jobs::Job& job, Keep&& keep) {
  std::vector<Snapshot> kept;
  for (Snapshot& snapshot : list_set(txn, job.snapshot)) {
    const bool is_ended = is_over(snapshot.phase) || snapshot.phase == Phase::kFailed;
    if (!is_ended && keep(snapshot)) kept.push_back(std::move(snapshot));
  }
  return kept;
}

}  // namespace

std::vector<Snapshot> list_members(db::Txn& txn, const jobs::Job& job) {
  return list_where(txn, job, [&](const Snapshot& snapshot) {
    return snapshot.job == job.id && snapshot.phase != Phase::kCancelling;
  });
}

std::vector<Snapshot> list_touched(db::Txn& txn, const jobs::Job& job) {
  return list_where(txn, job, [&](const Snapshot& snapshot) {
    const bool is_mine = snapshot.job == job.id || snapshot.phase == Phase::kCancelling;
    return is_mine && !snapshot.pin_path.empty();
  });
}

namespace {

/// A VM that may be resumed: its user is told what the image will not show.
void tell_vm(db::Txn& txn, const Snapshot& snapshot) {
  auto vm = compute::find_vm(txn, snapshot.vm);
  if (snapshot.kind != Kind::kDeferred || !vm || is_ending(*vm)) return;
  vm->user_attributes.set(
      "SNAPSHOT_NOTICE",
      fmt::format("image {} \"{}\" shows disk {} as it was at {}: later changes are not in it",
                  snapshot.image, snapshot.image_name, snapshot.disk, to_text(snapshot.captured)));
  compute::save_vm(txn, *vm);
}

}  // namespace

void settle_member(db::Txn& txn, const Snapshot& snapshot) {
  save_snapshot(txn, snapshot);
  tell_vm(txn, snapshot);
  datastore::mark_pinned(txn, snapshot.id);
  mark_disk(txn, snapshot, SaveAs::kGone);
  log::info("snapshot.pinned", {{"snapshot", snapshot.id},
                                {"grade", datastore::name_of(snapshot.grade)},
                                {"frozen_ms", snapshot.frozen_for.count()}});
  if (snapshot.phase == Phase::kCancelling) return;
  if (auto image = datastore::find_image(txn, snapshot.image))
    save_provenance(txn, std::move(*image), snapshot);
  enqueue_copy(txn, snapshot);
}

jobs::Next fail_members(db::Txn& txn, const jobs::Job& job, std::string_view step,
                        const Error& error) {
  for (const Snapshot& snapshot : list_members(txn, job)) mark_failed(txn, snapshot, step, error);
  return jobs::failed(error);
}

jobs::Next retry_members(db::Txn& txn, const jobs::Job& job, std::string_view step,
                         const Error& error) {
  // A VM does not stay in BACKUP until its host is back.
  const bool is_host = error.code == Errc::kUnavailable && !is_backup(txn, job);
  if (!is_host && job.attempt + 1 >= kPinAttemptsMax) return fail_members(txn, job, step, error);
  const std::string reason = is_host ? fmt::format("waiting for host: {}", error.text())
                                     : fmt::format("{}: {}", step, error.text());
  for (const Snapshot& snapshot : list_members(txn, job)) mark_waiting(txn, snapshot, reason);
  return jobs::again(jobs::pause_after(job.attempt), reason);
}

jobs::Work or_fail(db::Txn& txn, const jobs::Job& job, std::string_view step,
                   Result<jobs::Work> planned) {
  if (planned) return std::move(*planned);
  return jobs::at_once(fail_members(txn, job, step, planned.error()));
}

}  // namespace neph::snapshots
