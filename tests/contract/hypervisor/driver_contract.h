#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drivers/hypervisor/driver.h"

/// Ends the test unless a driver did what it was asked to.
#define ASSERT_DONE(result) ASSERT_TRUE((result).has_value()) << (result).error().text()

/// What every hypervisor driver promises, whatever stands behind it. A driver joins with one line:
///   INSTANTIATE_TEST_SUITE_P(Sim, DriverContract, testing::Values(DriverFactory{"sim", &make}),
///                            &name_of_factory);
/// The tests are in driver_contract.cpp.
namespace neph::hypervisor_driver::contract {

/// What a driver can show in this place. A test that needs more skips.
enum class Talent {
  kRestore,  ///< ensure_restored
  kAgent,    ///< domains of domain_with_agent() answer an agent soon after the start
  kPin,      ///< ensure_pinned and ensure_unpinned
  kGuest,    ///< a real or simulated guest that reacts to the power button
  kPlug,     ///< devices can be attached to a running domain
};

/// One fresh world: a driver, a host that can be reached, files for domains. Everything it made
/// is gone after its destructor.
class DriverKit {
 public:
  virtual ~DriverKit() = default;
  virtual Driver& driver() = 0;
  virtual HostRef host() = 0;
  /// A host that does not answer; nullopt when there is no such thing here.
  virtual std::optional<HostRef> dead_host() = 0;
  [[nodiscard]] virtual bool can(Talent talent) const = 0;
  /// A domain that can be started: its disks exist, the first is "vda", writable and not shared.
  virtual DomainSpec domain(const std::string& name) = 0;
  /// The same with a guest agent that starts to answer some time after the domain runs.
  virtual DomainSpec domain_with_agent(const std::string& name) = 0;
  /// A path on the host's storage where nothing is yet.
  virtual std::string fresh_path(const std::string& name) = 0;
  [[nodiscard]] virtual bool has_file(const std::string& path) = 0;
  /// Lets time pass (wall clock or virtual) until `holds` does; false after a generous limit.
  virtual bool wait_until(const std::function<bool()>& holds) = 0;
};

struct DriverFactory {
  std::string name;
  std::function<std::unique_ptr<DriverKit>()> make;
};

inline std::string name_of_factory(const testing::TestParamInfo<DriverFactory>& info) {
  return info.param.name;
}

class DriverContract : public testing::TestWithParam<DriverFactory> {
 protected:
  void SetUp() override {
    kit_ = GetParam().make();
    kit_->driver().listen([log = log_](const GuestEvent& event) {
      const std::lock_guard lock(log->mutex);
      log->events.push_back(event);
    });
  }

  Driver& driver() { return kit_->driver(); }
  HostRef host() { return kit_->host(); }

  DomainRef ref(const DomainSpec& spec) { return {host(), spec.name, spec.uuid}; }

  [[nodiscard]] bool has_event(GuestEvent::Kind kind, const std::string& domain_name,
                               std::optional<StopReason> reason = std::nullopt) {
    const std::lock_guard lock(log_->mutex);
    for (const auto& event : log_->events)
      if (event.kind == kind && event.domain_name == domain_name &&
          (!reason || event.reason == *reason))
        return true;
    return false;
  }

  struct EventLog {
    std::mutex mutex;
    std::vector<GuestEvent> events;
  };
  /// Shared with the listener: a driver may deliver a last event while the fixture goes.
  std::shared_ptr<EventLog> log_ = std::make_shared<EventLog>();
  std::unique_ptr<DriverKit> kit_;
};

#define NEPH_NEEDS(talent) \
  if (!kit_->can(talent)) GTEST_SKIP() << "not to be shown with this driver here"

}  // namespace neph::hypervisor_driver::contract
