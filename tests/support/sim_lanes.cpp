#include "tests/support/sim_lanes.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>

#include "base/result.h"
#include "tests/support/fiber_sanitizers.h"

namespace neph {
namespace {

constexpr std::size_t kStackBytes = 512 * 1024;

/// Unwinds a fiber at a power cut. Derived from nothing, so that only enter() catches it.
struct PowerCut {};

}  // namespace

struct SimLanes::Fiber {
  Fiber()
      : stack(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0)) {
    NEPH_ASSERT(stack != MAP_FAILED);
  }
  ~Fiber() { munmap(stack, kStackBytes); }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void* stack;
  ucontext_t inside{};
  ucontext_t outside{};
  Task task;
  Instant wake;
  bool is_over = false;
  FiberSanitizer sanitizer;
};

SimLanes::SimLanes(std::uint64_t seed) : random_(seed) {}

SimLanes::~SimLanes() { cut(); }

void SimLanes::SimTimers::after(Duration delay, Lane& lane, Task task) {
  due.emplace(lanes_.clock_.now() + delay, std::pair(&lane, std::move(task)));
}

void SimLanes::SimClock::sleep_for(Duration length) {
  // Nobody but a driver may sleep.
  NEPH_ASSERT(lanes_.current_ != nullptr);
  lanes_.yield_until(now() + length);
}

void SimLanes::enter(unsigned high, unsigned low) {
  const auto address = (std::uint64_t{high} << 32) | low;
  auto* lanes = reinterpret_cast<SimLanes*>(address);
  Fiber& fiber = *lanes->current_;
  fiber.sanitizer.entered();
  try {
    fiber.task();
  } catch (const PowerCut&) {
  }
  fiber.task = nullptr;
  fiber.is_over = true;
  fiber.sanitizer.before_end();
  swapcontext(&fiber.inside, &fiber.outside);
}

/// Runs a fiber until it sleeps or ends.
void SimLanes::resume(Fiber& fiber) {
  current_ = &fiber;
  fiber.sanitizer.before_resume(fiber.stack, kStackBytes);
  swapcontext(&fiber.outside, &fiber.inside);
  fiber.sanitizer.after_resume();
  current_ = nullptr;
}

void SimLanes::yield_until(Instant wake) {
  Fiber& fiber = *current_;
  fiber.wake = wake;
  // While it is unwound a destructor may call a driver: that one does not get far either.
  if (is_cutting_) throw PowerCut{};
  fiber.sanitizer.before_yield();
  swapcontext(&fiber.inside, &fiber.outside);
  fiber.sanitizer.after_yield();
  if (is_cutting_) throw PowerCut{};
}

/// Gives tasks of the drivers lane a thread as long as there is one.
void SimLanes::begin_fibers() {
  while (!fibers_lane_.tasks.empty() && ready_.size() + asleep_.size() < kDriverThreads) {
    if (spare_.empty()) spare_.push_back(std::make_unique<Fiber>());
    auto fiber = std::move(spare_.back());
    spare_.pop_back();
    fiber->task = std::move(fibers_lane_.tasks.front());
    fibers_lane_.tasks.pop_front();
    fiber->is_over = false;
    fiber->wake = {};
    fiber->sanitizer.begin();
    getcontext(&fiber->inside);
    fiber->inside.uc_stack.ss_sp = fiber->stack;
    fiber->inside.uc_stack.ss_size = kStackBytes;
    fiber->inside.uc_link = nullptr;
    const auto address = reinterpret_cast<std::uint64_t>(this);
    makecontext(&fiber->inside, reinterpret_cast<void (*)()>(&SimLanes::enter), 2,
                static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
    ready_.push_back(std::move(fiber));
  }
}

void SimLanes::run_fiber(std::size_t index) {
  auto fiber = std::move(ready_[index]);
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
  resume(*fiber);
  if (fiber->is_over) {
    spare_.push_back(std::move(fiber));
  } else {
    const Instant wake = fiber->wake;
    asleep_.emplace(wake, std::move(fiber));
  }
}

void SimLanes::wake_due() {
  const Instant now = clock_.now();
  while (!asleep_.empty() && asleep_.begin()->first <= now) {
    ready_.push_back(std::move(asleep_.begin()->second));
    asleep_.erase(asleep_.begin());
  }
  while (!timers_.due.empty() && timers_.due.begin()->first <= now) {
    auto [lane, task] = std::move(timers_.due.begin()->second);
    timers_.due.erase(timers_.due.begin());
    lane->post(std::move(task));
  }
}

bool SimLanes::run_one() {
  wake_due();
  begin_fibers();
  std::array<std::size_t, 3> waiting{};
  std::size_t choices = ready_.size();
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    waiting[i] = queues_[i].tasks.empty() ? 0 : 1;
    choices += waiting[i];
  }
  if (choices == 0) return false;
  ++steps_;
  std::size_t choice = choices == 1 ? 0 : random_() % choices;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    if (waiting[i] == 0) continue;
    if (choice-- > 0) continue;
    const Task task = std::move(queues_[i].tasks.front());
    queues_[i].tasks.pop_front();
    task();
    return true;
  }
  run_fiber(choice);
  return true;
}

Instant SimLanes::next_due(Instant limit) const {
  if (!asleep_.empty()) limit = std::min(limit, asleep_.begin()->first);
  if (!timers_.due.empty()) limit = std::min(limit, timers_.due.begin()->first);
  return limit;
}

void SimLanes::run_until(Instant until) {
  while (true) {
    while (run_one()) {
    }
    if (clock_.now() >= until) return;
    clock_.set(next_due(until));
  }
}

void SimLanes::cut() {
  is_cutting_ = true;
  for (auto& [wake, fiber] : asleep_) ready_.push_back(std::move(fiber));
  asleep_.clear();
  for (auto& fiber : ready_) {
    // One that has not begun leaves nothing behind.
    if (fiber->wake.is_set()) resume(*fiber);
    fiber->task = nullptr;
    fiber->wake = {};
    spare_.push_back(std::move(fiber));
  }
  ready_.clear();
  for (auto& queue : queues_) queue.tasks.clear();
  fibers_lane_.tasks.clear();
  timers_.due.clear();
  is_cutting_ = false;
}

}  // namespace neph
