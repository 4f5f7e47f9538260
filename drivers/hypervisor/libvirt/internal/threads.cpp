#include "drivers/hypervisor/libvirt/internal/threads.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <atomic>

#include "drivers/hypervisor/libvirt/internal/errors.h"

namespace neph::hypervisor_driver::virt {

namespace {

/// libvirt has one event implementation per process; this is its counterpart.
struct LoopState {
  std::mutex mutex;
  int shares = 0;
  bool is_registered = false;
  int wake_timer = -1;
  std::atomic<bool> is_stopping{false};
  std::thread thread;
};

/// Never destroyed: libvirt may call into the event implementation until the process is gone.
LoopState& loop() {
  static auto* const state = new LoopState;
  return *state;
}

void on_wake(int, void*) {}

void register_once(LoopState& state) {
  if (state.is_registered) return;
  NEPH_ASSERT(virEventRegisterDefaultImpl() == 0);
  // A timer that is off until the loop shall end: changing it wakes the poll.
  state.wake_timer = virEventAddTimeout(-1, &on_wake, nullptr, nullptr);
  state.is_registered = true;
}

void run_loop() {
  while (!loop().is_stopping.load()) {
    if (virEventRunDefaultImpl() < 0) virResetLastError();
  }
}

}  // namespace

EventLoopShare::EventLoopShare() {
  auto& state = loop();
  const std::lock_guard lock(state.mutex);
  if (state.shares++ > 0) return;
  register_once(state);
  state.is_stopping = false;
  virEventUpdateTimeout(state.wake_timer, -1);
  state.thread = std::thread(&run_loop);
}

EventLoopShare::~EventLoopShare() {
  auto& state = loop();
  const std::lock_guard lock(state.mutex);
  if (--state.shares > 0) return;
  state.is_stopping = true;
  virEventUpdateTimeout(state.wake_timer, 0);
  state.thread.join();
}

Result<Connect> open_here(const std::string& uri) {
  Connect connection(virConnectOpen(uri.c_str()));
  if (!connection) {
    auto error = Refusal().error("Cannot connect to {}.", uri);
    // Whatever keeps a host from answering may be mended there; only a URI that cannot be
    // understood is wrong for good.
    if (error.code != Errc::kDenied && last_code() != VIR_ERR_INVALID_ARG)
      error.code = Errc::kUnavailable;
    return tl::unexpected(std::move(error));
  }
  return connection;
}

std::shared_ptr<OpenAttempt> OpenAttempt::begin(std::string uri) {
  auto attempt = std::make_shared<OpenAttempt>();
  std::thread([attempt, uri = std::move(uri)] { attempt->finish(open_here(uri)); }).detach();
  return attempt;
}

void OpenAttempt::finish(Result<Connect> outcome) {
  const std::lock_guard lock(mutex_);
  outcome_ = std::move(outcome);
  is_over_ = true;
  changed_.notify_all();
}

Result<Connect> OpenAttempt::wait_for(Duration limit) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, limit, [this] { return is_over_; }))
    return fail(Errc::kUnavailable, "The host did not answer within {} ms.", limit.count());
  return std::move(outcome_);
}

bool OpenAttempt::is_over() const {
  const std::lock_guard lock(mutex_);
  return is_over_;
}

Watchdog::Watchdog(Duration limit, std::function<void()> bite)
    : thread_([this, limit, bite = std::move(bite)] { guard(limit, bite); }) {}

Watchdog::~Watchdog() { call_off(); }

Watchdog::Bite Watchdog::call_off() {
  {
    const std::lock_guard lock(mutex_);
    is_called_off_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  return has_bitten_ ? Bite::kDone : Bite::kNever;
}

void Watchdog::guard(Duration limit, const std::function<void()>& bite) {
  {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, limit, [this] { return is_called_off_; })) return;
    has_bitten_ = true;
  }
  bite();
}

Ticker::Ticker(Duration interval, std::function<void()> tick)
    : thread_([this, interval, tick = std::move(tick)] { run(interval, tick); }) {}

Ticker::~Ticker() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Ticker::run(Duration interval, const std::function<void()>& tick) {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval, [this] { return is_over_; })) {
    lock.unlock();
    tick();
    lock.lock();
  }
}

}  // namespace neph::hypervisor_driver::virt
