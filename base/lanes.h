#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"

/// Lanes are the only threads there are (the log writer and the libvirt event loop aside).
/// The core speaks to these interfaces, so that a test can run the whole core on one thread
/// under a virtual clock. Which work belongs on which lane: ARCHITECTURE.md, "Threads".
namespace neph {

using Task = std::function<void()>;

/// A queue of tasks with threads behind it. post() may be called from any thread, never blocks
/// and never runs the task itself.
class Lane {
 public:
  virtual ~Lane() = default;
  virtual void post(Task task) = 0;
  /// Tasks that are queued and not yet begun.
  [[nodiscard]] virtual std::size_t backlog() const = 0;
};

/// Runs a task on a lane after a while.
class Timers {
 public:
  virtual ~Timers() = default;
  virtual void after(Duration delay, Lane& lane, Task task) = 0;
};

class Lanes {
 public:
  virtual ~Lanes() = default;
  virtual Lane& store() = 0;      ///< one thread: every write transaction, in order
  virtual Lane& readers() = 0;    ///< lists and infos on the immutable view
  virtual Lane& passwords() = 0;  ///< one thread: password hashes, nothing else
  virtual Lane& drivers() = 0;    ///< blocking libvirt, qemu-img, copy loops
  virtual Timers& timers() = 0;
  virtual Clock& clock() = 0;
};

/// Production: threads. stop() ends all lanes after the tasks that have begun; queued tasks are
/// dropped, which is safe because everything queued is durable or has nobody waiting any more.
class ThreadLanes final : public Lanes {
 public:
  struct Sizes {
    int readers = 2;
    int drivers = 16;
  };
  ThreadLanes(Clock& clock, Sizes sizes);
  ~ThreadLanes() override;
  ThreadLanes(const ThreadLanes&) = delete;
  ThreadLanes& operator=(const ThreadLanes&) = delete;

  Lane& store() override;
  Lane& readers() override;
  Lane& passwords() override;
  Lane& drivers() override;
  Timers& timers() override;
  Clock& clock() override { return clock_; }
  void stop();

 private:
  class PoolLane;
  class TimerThread;
  Clock& clock_;
  std::unique_ptr<PoolLane> store_;
  std::unique_ptr<PoolLane> readers_;
  std::unique_ptr<PoolLane> passwords_;
  std::unique_ptr<PoolLane> drivers_;
  std::unique_ptr<TimerThread> timers_;
};

/// Tests: every lane on the calling thread, in the order of posting, under a virtual clock.
/// Not thread safe.
class ManualLanes final : public Lanes {
 public:
  ManualLanes() = default;
  Lane& store() override { return lane_; }
  Lane& readers() override { return lane_; }
  Lane& passwords() override { return lane_; }
  Lane& drivers() override { return lane_; }
  Timers& timers() override { return timers_; }
  Clock& clock() override { return clock_; }

  /// Runs what is queued, and what that queues, until nothing is left. Time stands still.
  void run_until_idle();
  /// Runs the next task alone; false when there is none.
  bool run_one();
  /// Forgets all tasks and timers, as a power cut does.
  void drop_all();
  /// Lets time pass: timers that fall due run in order.
  void advance(Duration by);

 private:
  struct QueueLane final : Lane {
    void post(Task task) override { queue_.push_back(std::move(task)); }
    [[nodiscard]] std::size_t backlog() const override { return queue_.size(); }
    std::deque<Task> queue_;
  };
  struct ManualTimers final : Timers {
    explicit ManualTimers(Clock& clock) : clock_(clock) {}
    void after(Duration delay, Lane& lane, Task task) override;
    Clock& clock_;
    std::multimap<Instant, std::pair<Lane*, Task>> due_;
  };
  VirtualClock clock_;
  QueueLane lane_;
  ManualTimers timers_{clock_};
};

}  // namespace neph
