#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace neph::crash {

/// Unwinds whatever was at work when the power went. Nobody but a test catches it.
struct PowerCut {};

/// Counts the points at which a power cut could strike, and strikes at one of them.
class Power {
 public:
  static constexpr int kNever = -1;

  /// Counts from 0 again; the power goes at point `cut_at`.
  void arm(int cut_at) {
    count_ = 0;
    cut_at_ = cut_at;
    has_fallen_ = false;
  }
  /// For code that exceptions may not pass. \returns whether the power is off
  bool falls(std::string_view where) {
    if (has_fallen_ || count_++ != cut_at_) return has_fallen_;
    where_ = where;
    return has_fallen_ = true;
  }
  void point(std::string_view where) {
    if (falls(where)) throw PowerCut{};
  }
  [[nodiscard]] bool has_fallen() const { return has_fallen_; }
  [[nodiscard]] int count() const { return count_; }
  /// Where it fell the last time, for people.
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  int count_ = 0;
  int cut_at_ = kNever;
  bool has_fallen_ = false;
  std::string where_;
};

/// A clock on which every sleep is such a point: the middle of everything that takes
/// time, copies included.
class CutClock final : public Clock {
 public:
  /// \param meanwhile  called at each sleep that no power cut ends
  CutClock(Clock& inner, Power& power, std::function<void()> meanwhile)
      : inner_(inner), power_(power), meanwhile_(std::move(meanwhile)) {}
  [[nodiscard]] Instant now() const override { return inner_.now(); }
  [[nodiscard]] Duration monotonic() const override { return inner_.monotonic(); }
  void sleep_for(Duration length) override {
    power_.point("in the middle of a driver call");
    meanwhile_();
    inner_.sleep_for(length);
  }

 private:
  Clock& inner_;
  Power& power_;
  std::function<void()> meanwhile_;
};

}  // namespace neph::crash
