#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"
#include "drivers/hypervisor/libvirt/internal/host_events.h"
#include "drivers/hypervisor/libvirt/internal/threads.h"
#include "drivers/hypervisor/libvirt/internal/uri.h"
#include "drivers/hypervisor/libvirt/libvirt_driver.h"

namespace neph::hypervisor_driver::virt {

/// What does not change while a host is connected.
struct HostTraits {
  std::string architecture;
  std::string cpu_model;
  std::string domain_type;    ///< "qemu", "kvm" or "test"
  bool has_cgroups = false;   ///< CPU shares can be set
};

/// One host: its two connections, reopened when they broke, and its events. Thread safe; the lock
/// is held while a connection is opened, never while a verb runs.
class HostLink {
 public:
  /// kControl answers quickly; kBulk is for calls that may take minutes, so that five of them
  /// cannot use up the requests that libvirtd takes from one client. An embedded host has one.
  enum class Use { kControl, kBulk };

  HostLink(HostRef host, LibvirtDriver::Config config, Clock& clock,
           std::shared_ptr<ListenerBox> listener);
  ~HostLink();
  HostLink(const HostLink&) = delete;
  HostLink& operator=(const HostLink&) = delete;

  /// A reference of the caller's own to a live connection; opens it when necessary.
  /// \returns kUnavailable within about the connect time-out
  [[nodiscard]] Result<Connect> connect(Use use);
  /// Connects too.
  [[nodiscard]] Result<HostTraits> traits();

  [[nodiscard]] const HostRef& host() const { return host_; }
  [[nodiscard]] const LibvirtDriver::Config& config() const { return config_; }
  [[nodiscard]] Clock& clock() const { return clock_; }
  [[nodiscard]] HostEvents& events() { return *events_; }
  /// Whether paths there are paths here: the QEMU of this process. Elsewhere a path may or may
  /// not be shared storage.
  [[nodiscard]] bool is_in_process() const { return is_in_process_; }

 private:
  struct Slot {
    Connect connection;
    std::shared_ptr<OpenAttempt> attempt;  ///< under way, or left behind by a caller
  };

  [[nodiscard]] Result<Connect> open(Slot& slot);
  [[nodiscard]] Result<Connect> open_remote(Slot& slot, const HostUri& uri);
  void drop_if_dead(Slot& slot);
  void settle_reconnects(virConnectPtr connection);

  const HostRef host_;
  const LibvirtDriver::Config config_;
  Clock& clock_;
  const EventLoopShare event_loop_;
  const std::shared_ptr<HostEvents> events_;
  bool is_in_process_ = false;
  bool is_remote_ = false;

  std::mutex mutex_;
  Slot control_;
  Slot bulk_;
  std::optional<Error> last_failure_;
  Duration failed_at_{0};  ///< monotonic
  std::optional<HostTraits> traits_;
};

}  // namespace neph::hypervisor_driver::virt
