#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/units.h"

namespace neph::jobs {

/// How far running steps are, and what holds others back: in memory only, for people who watch.
/// The runner writes, the view reads. Any thread.
class ProgressBoard {
 public:
  struct Entry {
    Bytes done;
    Bytes total;
    Bytes per_second;        ///< since the step began
    std::int64_t seconds_left = -1;  ///< -1: not known
    std::string held_back;           ///< why a queued job does not begin, for people
  };
  explicit ProgressBoard(const Clock& clock) : clock_(clock) {}

  void report(JobId job, Bytes done, Bytes total);
  void erase(JobId job);
  /// All that could begin and lack a slot, in place of those before; many share one reason.
  using HeldBack = std::map<JobId, std::shared_ptr<const std::string>>;
  void hold_back(HeldBack reasons);
  [[nodiscard]] std::optional<Entry> find(JobId job) const;

 private:
  struct Row {
    Bytes done;
    Bytes total;
    Duration since{0};
  };
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<JobId, Row> rows_;
  HeldBack held_back_;
};

}  // namespace neph::jobs
