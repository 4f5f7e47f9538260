#include "db/store.h"

#include "base/log.h"
#include "db/internal/full.h"

namespace neph::db {

void Store::run(std::function<Result<void>(Txn&)> work) {
  run<void>(std::move(work), [](Result<void> outcome) {
    if (outcome) return;
    const bool is_full = outcome.error().code == Errc::kExhausted;
    log::write(is_full ? log::Level::kDebug : log::Level::kError, "store.failed",
               {{"reason", outcome.error().text()}});
  });
}

void Store::push(Piece piece) {
  bool was_empty = false;
  {
    const std::scoped_lock lock(mutex_);
    was_empty = queue_.empty();
    queue_.push_back(std::move(piece));
  }
  // One drain takes all that has queued up by the time it runs: that is the group commit.
  if (was_empty) lanes_.store().post([this] { drain(); });
}

/// What is committed stays committed when an observer cannot read it: it is told the next time the
/// object changes.
void Store::tell_observers(Instant at, const ChangeSet& changes) {
  for (const auto& observer : observers_) {
    try {
      database_.read(at, [&](Txn& txn) { observer(txn, changes); });
    } catch (const Failure& failure) {
      log::error("store.observer_failed", {{"error", failure.error().text()}});
    }
  }
}

/// Said when it begins and when it is over: what fails meanwhile fails by the thousand.
void Store::note_fullness(const Database::Outcome& outcome) {
  const Error* full = nullptr;
  bool is_written = !outcome.changes.empty();
  for (const auto& error : outcome.errors) {
    if (error && error->code == Errc::kExhausted && error->message.starts_with(kFullWords))
      full = &*error;
  }
  if (full != nullptr && !is_full_) log::error("store.full", {{"reason", full->text()}});
  if (full == nullptr && is_full_ && is_written) log::info("store.writes_again");
  is_full_ = full != nullptr || (is_full_ && !is_written);
}

void Store::drain() {
  std::vector<Piece> group;
  {
    const std::scoped_lock lock(mutex_);
    const auto count = std::min(queue_.size(), kGroupMax);
    group.assign(std::make_move_iterator(queue_.begin()),
                 std::make_move_iterator(queue_.begin() + static_cast<std::ptrdiff_t>(count)));
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    if (!queue_.empty()) lanes_.store().post([this] { drain(); });
  }
  std::vector<Database::Work> works;
  works.reserve(group.size());
  for (auto& piece : group) works.push_back(std::move(piece.work));
  const Instant at = lanes_.clock().now();
  const auto outcome = database_.transact(at, works);
  note_fullness(outcome);
  if (!outcome.changes.empty()) tell_observers(at, outcome.changes);
  for (std::size_t i = 0; i < group.size(); ++i) group[i].done(outcome.errors[i]);
}

}  // namespace neph::db
