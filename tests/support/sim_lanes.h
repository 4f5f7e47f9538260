#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "base/lanes.h"

namespace neph {

/// All lanes on one thread, under a virtual clock, in an order drawn from a seed.
///
/// Tasks of the drivers lane are fibers: one that sleeps on the clock gives way to all others until
/// its time has come, so that guests stop in the middle of copies. Everything else runs to its end.
/// The same seed and the same calls give the same order. One thread only.
class SimLanes final : public Lanes {
 public:
  explicit SimLanes(std::uint64_t seed);
  ~SimLanes() override;
  SimLanes(const SimLanes&) = delete;
  SimLanes& operator=(const SimLanes&) = delete;

  Lane& store() override { return queues_[0]; }
  Lane& readers() override { return queues_[1]; }
  Lane& passwords() override { return queues_[2]; }
  Lane& drivers() override { return fibers_lane_; }
  Timers& timers() override { return timers_; }
  Clock& clock() override { return clock_; }

  /// Runs one task, or one stretch of a fiber; false when nothing can run before time passes.
  bool run_one();
  /// Lets time pass up to `until`, running what falls due.
  void run_until(Instant until);
  /// The power of the controller goes: what sleeps is unwound by an exception that nobody catches,
  /// what is queued is forgotten. \pre not called by a task
  void cut();
  /// Steps so far: what tells two runs apart that took different ways.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  /// As many as nephd's drivers lane has threads; more wait.
  static constexpr std::size_t kDriverThreads = 16;

  struct Fiber;
  struct Queue final : Lane {
    void post(Task task) override { tasks.push_back(std::move(task)); }
    [[nodiscard]] std::size_t backlog() const override { return tasks.size(); }
    std::deque<Task> tasks;
  };
  struct SimTimers final : Timers {
    explicit SimTimers(SimLanes& lanes) : lanes_(lanes) {}
    void after(Duration delay, Lane& lane, Task task) override;
    SimLanes& lanes_;
    std::multimap<Instant, std::pair<Lane*, Task>> due;
  };
  class SimClock final : public Clock {
   public:
    explicit SimClock(SimLanes& lanes) : lanes_(lanes) {}
    [[nodiscard]] Instant now() const override { return time_.now(); }
    [[nodiscard]] Duration monotonic() const override { return time_.monotonic(); }
    void sleep_for(Duration length) override;
    void set(Instant at) { time_.set(at); }

   private:
    SimLanes& lanes_;
    VirtualClock time_;
  };

  void begin_fibers();
  void resume(Fiber& fiber);
  void yield_until(Instant wake);
  void run_fiber(std::size_t index);
  void wake_due();
  [[nodiscard]] Instant next_due(Instant limit) const;
  static void enter(unsigned high, unsigned low);

  std::mt19937_64 random_;
  SimClock clock_{*this};
  std::array<Queue, 3> queues_;
  Queue fibers_lane_;
  SimTimers timers_{*this};
  std::vector<std::unique_ptr<Fiber>> ready_;
  std::multimap<Instant, std::unique_ptr<Fiber>> asleep_;
  std::vector<std::unique_ptr<Fiber>> spare_;
  Fiber* current_ = nullptr;
  bool is_cutting_ = false;
  std::uint64_t steps_ = 0;
};

}  // namespace neph
