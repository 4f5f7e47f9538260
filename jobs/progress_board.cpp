#include "jobs/progress_board.h"

namespace neph::jobs {

void ProgressBoard::report(JobId job, Bytes done, Bytes total) {
  const Duration now = clock_.monotonic();
  const std::lock_guard lock(mutex_);
  const auto [row, is_new] = rows_.try_emplace(job, Row{done, total, now});
  // A step that begins again, or the next step, starts its own clock.
  if (is_new || done.value < row->second.done.value) row->second.since = now;
  row->second.done = done;
  row->second.total = total;
}

void ProgressBoard::erase(JobId job) {
  const std::lock_guard lock(mutex_);
  rows_.erase(job);
}

void ProgressBoard::hold_back(HeldBack reasons) {
  const std::lock_guard lock(mutex_);
  held_back_.swap(reasons);
}

std::optional<ProgressBoard::Entry> ProgressBoard::find(JobId job) const {
  const Duration now = clock_.monotonic();
  const std::lock_guard lock(mutex_);
  if (const auto held = held_back_.find(job); held != held_back_.end())
    return Entry{.held_back = *held->second};
  const auto found = rows_.find(job);
  if (found == rows_.end()) return std::nullopt;
  const Row& row = found->second;
  Entry entry{row.done, row.total, {}, -1};
  const auto elapsed = (now - row.since).count();
  if (elapsed > 0) entry.per_second.value = row.done.value * 1000 / elapsed;
  if (entry.per_second.value > 0 && row.total.value >= row.done.value) {
    entry.seconds_left = (row.total.value - row.done.value) / entry.per_second.value;
  }
  return entry;
}

}  // namespace neph::jobs
