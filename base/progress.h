#pragma once

#include "base/units.h"

namespace neph {

/// How a long driver step tells how far it is, and hears that nobody wants it any more.
/// Called by the thread that runs the step; the implementation is thread safe.
class Progress {
 public:
  virtual ~Progress() = default;
  /// Also proves that the step is alive: stall limits count from the last report that moved.
  virtual void report(Bytes done, Bytes total) = 0;
  /// Proves the same where no bytes can be counted: a number that changes while the step moves.
  virtual void report_sign(std::int64_t) {}
  /// Once true the step stops writing, removes what it began and returns kConflict.
  [[nodiscard]] virtual bool is_cancelled() const = 0;
};

/// For callers to whom progress does not matter.
class NoProgress final : public Progress {
 public:
  void report(Bytes, Bytes) override {}
  [[nodiscard]] bool is_cancelled() const override { return false; }
};

}  // namespace neph
