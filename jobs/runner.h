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

namespace neph::jobs {

/// Runs the queue: leases a job, plans its step in a transaction, acts on a driver lane, settles
/// in a transaction together with the new cursor. Construct before the store is used, call from
/// the thread that wires; afterwards it lives on the store lane.
class Runner {
 public:
  struct Limits {
    int acts_max = 14;            ///< steps that act at once, below the number of driver threads
    int per_host = 6;             ///< steps with Slot::kHost on one host
    int copies_per_datastore = 2; ///< steps with Slot::kCopy into one datastore
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

  void observe(db::Txn& txn, const db::ChangeSet& changes);
  void ask_pump();
  void pump();
  [[nodiscard]] std::vector<Job> choose(db::Txn& txn) const;
  void watch();
  [[nodiscard]] Result<std::shared_ptr<Act>> begin(db::Txn& txn, JobId id);
  [[nodiscard]] bool has_slot(const Job& job, const StepSpec& step) const;
  [[nodiscard]] const StepSpec* find_step(const Job& job) const;
  void launch(const std::shared_ptr<Act>& act);
  void finish(const std::shared_ptr<Act>& act, Result<void> outcome);
  void wake_at(Instant due);

  db::Store& store_;
  Lanes& lanes_;
  ProgressBoard& board_;
  Limits limits_;
  std::map<std::string, KindSpec, std::less<>> kinds_;
  std::map<JobId, std::shared_ptr<Act>> acts_;  ///< store lane only
  std::atomic<int> acting_{0};
  std::atomic<bool> is_stopping_{false};
  bool is_pump_asked_ = false;
  bool is_started_ = false;
  Instant next_wake_;
};

}  // namespace neph::jobs
