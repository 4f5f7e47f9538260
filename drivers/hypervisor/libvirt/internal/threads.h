#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"

/// Every thread this driver makes is made in threads.cpp.
namespace neph::hypervisor_driver::virt {

/// A share in the process's libvirt event loop. libvirt's event implementation is global, so the
/// loop is too: its thread runs while anybody holds a share. Take one before the first open.
class EventLoopShare {
 public:
  EventLoopShare();
  ~EventLoopShare();
  EventLoopShare(const EventLoopShare&) = delete;
  EventLoopShare& operator=(const EventLoopShare&) = delete;
};

/// virConnectOpen on a thread that can be left behind: it cannot be interrupted, and to a host
/// that was cut off it takes minutes. An attempt that outlasts its caller goes on; the next
/// wait_for() finds its outcome, so that no more than one is ever under way. Thread safe.
class OpenAttempt {
 public:
  /// Starts to open at once.
  [[nodiscard]] static std::shared_ptr<OpenAttempt> begin(std::string uri);
  /// Outcome, or kUnavailable after `limit`. The connection is handed out once.
  [[nodiscard]] Result<Connect> wait_for(Duration limit);
  [[nodiscard]] bool is_over() const;

 private:
  void finish(Result<Connect> outcome);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;
  Result<Connect> outcome_;
};

/// Opens on the calling thread: for drivers that live in this process and wait for nobody.
[[nodiscard]] Result<Connect> open_here(const std::string& uri);

/// Runs `bite` on a thread of its own once `limit` has passed, unless called off before.
/// The destructor calls it off and waits for a bite under way.
class Watchdog {
 public:
  Watchdog(Duration limit, std::function<void()> bite);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  enum class Bite { kNever, kDone };
  /// After this no bite begins; tells whether one has been (it is over when this returns).
  Bite call_off();

 private:
  void guard(Duration limit, const std::function<void()>& bite);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_called_off_ = false;
  bool has_bitten_ = false;
  std::thread thread_;
};

/// Calls `tick` on a thread of its own, again and again after an interval, until it is destroyed;
/// that waits for a call under way.
class Ticker {
 public:
  Ticker(Duration interval, std::function<void()> tick);
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  void run(Duration interval, const std::function<void()>& tick);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace neph::hypervisor_driver::virt
