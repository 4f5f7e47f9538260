#include "base/lanes.h"

#include <utility>

namespace neph {

class ThreadLanes::PoolLane final : public Lane {
 public:
  explicit PoolLane(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~PoolLane() override { stop(); }

  void post(Task task) override {
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) return;
      queue_.push_back(std::move(task));
    }
    wake_.notify_one();
  }

  [[nodiscard]] std::size_t backlog() const override {
    const std::scoped_lock lock(mutex_);
    return queue_.size();
  }

  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
      queue_.clear();
    }
    wake_.notify_all();
    for (auto& thread : threads_)
      if (thread.joinable()) thread.join();
  }

 private:
  void work() {
    while (true) {
      Task task;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (stopping_) return;
        task = std::move(queue_.front());
        queue_.pop_front();
      }
      task();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

class ThreadLanes::TimerThread final : public Timers {
 public:
  TimerThread() : thread_([this] { work(); }) {}
  ~TimerThread() override { stop(); }

  void after(Duration delay, Lane& lane, Task task) override {
    {
      const std::scoped_lock lock(mutex_);
      due_.emplace(std::chrono::steady_clock::now() + delay, std::pair{&lane, std::move(task)});
    }
    wake_.notify_one();
  }

  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (due_.empty()) {
        wake_.wait(lock);
        continue;
      }
      const auto next = due_.begin()->first;
      if (std::chrono::steady_clock::now() < next) {
        wake_.wait_until(lock, next);
        continue;
      }
      auto [lane, task] = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      lane->post(std::move(task));
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<std::chrono::steady_clock::time_point, std::pair<Lane*, Task>> due_;
  bool stopping_ = false;
  std::thread thread_;
};

ThreadLanes::ThreadLanes(Clock& clock, Sizes sizes)
    : clock_(clock),
      store_(std::make_unique<PoolLane>(1)),
      readers_(std::make_unique<PoolLane>(sizes.readers)),
      passwords_(std::make_unique<PoolLane>(1)),
      drivers_(std::make_unique<PoolLane>(sizes.drivers)),
      timers_(std::make_unique<TimerThread>()) {}

ThreadLanes::~ThreadLanes() { stop(); }

Lane& ThreadLanes::store() { return *store_; }
Lane& ThreadLanes::readers() { return *readers_; }
Lane& ThreadLanes::passwords() { return *passwords_; }
Lane& ThreadLanes::drivers() { return *drivers_; }
Timers& ThreadLanes::timers() { return *timers_; }

void ThreadLanes::stop() {
  // Drivers before the store: a step that ends while we stop still finds the store to settle in.
  timers_->stop();
  drivers_->stop();
  passwords_->stop();
  readers_->stop();
  store_->stop();
}

void ManualLanes::ManualTimers::after(Duration delay, Lane& lane, Task task) {
  due_.emplace(clock_.now() + delay, std::pair{&lane, std::move(task)});
}

bool ManualLanes::run_one() {
  if (lane_.queue_.empty()) return false;
  auto task = std::move(lane_.queue_.front());
  lane_.queue_.pop_front();
  task();
  return true;
}

void ManualLanes::run_until_idle() {
  while (run_one()) {
  }
}

void ManualLanes::drop_all() {
  lane_.queue_.clear();
  timers_.due_.clear();
}

void ManualLanes::advance(Duration by) {
  const Instant end = clock_.now() + by;
  run_until_idle();
  while (!timers_.due_.empty() && timers_.due_.begin()->first <= end) {
    auto entry = timers_.due_.extract(timers_.due_.begin());
    if (entry.key() > clock_.now()) clock_.set(entry.key());
    entry.mapped().first->post(std::move(entry.mapped().second));
    run_until_idle();
  }
  if (clock_.now() < end) clock_.set(end);
  run_until_idle();
}

}  // namespace neph
