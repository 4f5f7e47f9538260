#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace neph {

using Duration = std::chrono::milliseconds;

/// A moment in UTC, milliseconds since the epoch. Columns named *_at hold its seconds, columns
/// named *_at_ms its milliseconds.
struct Instant {
  std::int64_t ms = 0;

  [[nodiscard]] constexpr std::int64_t seconds() const { return ms / 1000; }
  [[nodiscard]] constexpr bool is_set() const { return ms > 0; }
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant at, Duration by) { return {at.ms + by.count()}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return Duration{a.ms - b.ms}; }
};

/// "2026-11-21T03:42:07.125Z".
[[nodiscard]] std::string to_text(Instant at);

/// The only source of time. Production reads the machine's clock; simulation turns it by hand.
/// All functions may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  /// Monotonic milliseconds with an arbitrary start: for intervals, which must not jump when
  /// somebody sets the wall clock.
  [[nodiscard]] virtual Duration monotonic() const = 0;
  /// Blocks the calling task. Only drivers call it, on a driver lane.
  virtual void sleep_for(Duration length) = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] Duration monotonic() const override;
  void sleep_for(Duration length) override;
};

/// A clock that moves only when told to, or when somebody sleeps on it.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(Instant start = {1'700'000'000'000}) : start_(start), now_(start) {}
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] Duration monotonic() const override { return now_ - start_; }
  void sleep_for(Duration length) override { now_ = now_ + length; }
  void set(Instant at) { now_ = at; }
  /// Somebody sets the wall clock; no time passes.
  void step_wall_clock(Duration by) { now_ = now_ + by, start_ = start_ + by; }

 private:
  Instant start_;
  Instant now_;
};

}  // namespace neph
