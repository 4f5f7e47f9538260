#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/lanes.h"
#include "db/store.h"
#include "jobs/job.h"
#include "jobs/progress_board.h"
#include "jobs/queue.h"

namespace neph::jobs {

/// Runs the queue: leases a job, plans its step in a transaction, acts on a driver lane, settles
/// in a transaction together with the new cursor. Where slots are short, the user with the fewest
/// steps there comes first, then the one whose turn was longest ago, then the oldest job.
/// Construct before the store is used, call from
/// the thread that wires; afterwards it lives on the store lane.
class Runner {
 public:
  struct Limits {
    /// Steps that act at once, below the number of driver threads; those with a slot are at most
    /// three quarters of them.
    int acts_max = 14;
    int per_host = 6;             ///< steps with Slot::kHost on one host
    int copies_per_datastore = 2; ///< steps with Slot::kCopy into one datastore
    /// A step that was told to stop because nothing moved, and has not come back, hangs: it has
    /// lost its slot. So many do not count towards acts_max, and need driver threads of their own.
    int hung_max = 4;
    /// Where so many hang, on one host or in one datastore, nothing more begins until one is back:
    /// a host that hangs must not take all threads.
    int hung_per_place = 2;
  };
  Runner(db::Store& store, Lanes& lanes, ProgressBoard& board, Limits limits);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Before start().
  void add(KindSpec kind);
  /// Queues again what was interrupted, then runs for ever.
  void start();
  /// Leases nothing any more and tells running steps to stop. Their jobs go on at the next start.
  void stop();
  /// Steps that act right now; for draining.
  [[nodiscard]] int acting() const { return acting_; }

 private:
  struct Act;
  class ActProgress;
  /// What is scarce: a host's slots, a datastore's, or threads alone.
  struct Place {
    Slot slot = Slot::kNone;
    std::int64_t id = -1;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  using Turn = std::pair<Place, UserId>;
  struct Ranked;

  void observe(db::Txn& txn, const db::ChangeSet& changes);
  void requeue();
  void ask_pump();
  void pump();
  /// How far the machine's clock has been set since this was asked last.
  [[nodiscard]] Duration take_clock_step();
  [[nodiscard]] std::vector<JobId> choose(db::Txn& txn) const;
  [[nodiscard]] std::vector<Ranked> rank(const std::vector<Candidate>& waiting) const;
  void watch();
  [[nodiscard]] Result<std::shared_ptr<Act>> begin(db::Txn& txn, JobId id);
  void abandon(db::Txn& txn, const Job& job, const Error& error);
  /// A quarter of the threads is kept for steps without a slot: an instant waits for no copy.
  [[nodiscard]] bool has_thread(Slot slot) const;
  /// Slots that are free at a place; none where too many steps hang.
  [[nodiscard]] int free_slots(const Place& place) const;
  [[nodiscard]] int most_at(const Place& place) const;
  [[nodiscard]] std::string why_full(const Place& place) const;
  [[nodiscard]] int hung_at(const Place& place) const;
  void take_turn(const Turn& turn);
  [[nodiscard]] const StepSpec* find_step(std::string_view kind, std::string_view step) const;
  void launch(const std::shared_ptr<Act>& act);
  void finish(const std::shared_ptr<Act>& act, Result<void> outcome);
  void wake_at(Instant due);

  db::Store& store_;
  Lanes& lanes_;
  ProgressBoard& board_;
  Limits limits_;
  std::map<std::string, KindSpec, std::less<>> kinds_;
  std::map<JobId, std::shared_ptr<Act>> acts_;  ///< store lane only
  std::map<Turn, std::uint64_t> turns_;         ///< when a user last got a slot somewhere
  std::uint64_t last_turn_ = 0;
  std::atomic<int> acting_{0};
  std::atomic<bool> is_stopping_{false};
  bool is_pump_asked_ = false;
  bool is_started_ = false;
  Instant next_wake_;
  Duration clock_apart_{0};  ///< of the wall clock from the monotonic one
};

}  // namespace neph::jobs
