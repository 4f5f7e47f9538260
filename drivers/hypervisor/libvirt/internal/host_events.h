#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "drivers/hypervisor/driver.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"

namespace neph::hypervisor_driver::virt {

/// The one listener of a driver. Thread safe; after close() nothing is delivered any more, even
/// by a libvirt callback that was under way.
class ListenerBox {
 public:
  void set(EventListener listener);
  void close();
  void deliver(const GuestEvent& event);

 private:
  std::mutex mutex_;
  EventListener listener_;
};

/// Lifecycle events of one host, turned into GuestEvents, and what libvirt's state alone does not
/// tell about why a domain stopped. Thread safe; shared with libvirt's callbacks.
class HostEvents : public std::enable_shared_from_this<HostEvents> {
 public:
  enum class Watch {
    kDomains,
    kDomainsAndClose,  ///< remote connections, which can break
  };

  HostEvents(HostId host, std::string host_name, Clock& clock,
             std::shared_ptr<ListenerBox> listener);

  /// Registers for the events of a connection that was just opened. Hosts that know no such
  /// events (some test drivers) are fine.
  void attach(virConnectPtr connection, Watch watch);
  /// Must be called before the last reference to the connection is dropped: registrations hold
  /// one of their own.
  void detach(virConnectPtr connection);

  /// The connection broke: kHostLost, once until note_connected().
  void note_lost(const std::string& why);
  /// kHostBack when it had been lost before. Memory of stops is dropped: events were missed.
  void note_connected();

  void on_lifecycle(virDomainPtr domain, int event, int detail);
  void on_disk_error(virDomainPtr domain, const char* path, const char* device, int action,
                     const char* reason);

  /// Since when the domain hangs in libvirt's "shutdown" state; the first question starts the
  /// count when the event was missed.
  [[nodiscard]] Instant shutdown_since(const std::string& uuid);
  /// The guest itself had ended before this driver cut its power: libvirt will say "destroyed".
  void note_destroying(const std::string& uuid);
  /// It runs, so that its end will be seen.
  void note_alive(const std::string& uuid);
  /// A new life: what is remembered of the last one goes.
  void note_starting(const std::string& uuid);
  /// libvirt's shutoff reason (virDomainShutoffReason), refined by what was seen.
  [[nodiscard]] StopReason refine_shutoff(const std::string& uuid, int reason);

 private:
  struct Memory {
    Instant shutdown_at;
    bool is_ended_by_guest = false;
    bool has_panicked = false;
    bool is_cut_after_guest_ended = false;
    bool is_seen_alive = false;
    bool is_end_missed = false;  ///< it was found ended, and nobody had told
  };

  void emit(GuestEvent event);
  [[nodiscard]] static StopReason refine(const Memory& memory, StopReason told);
  [[nodiscard]] StopReason reason_of_stop(const std::string& uuid, int detail);

  const HostId host_;
  const std::string host_name_;
  Clock& clock_;
  const std::shared_ptr<ListenerBox> listener_;
  std::mutex mutex_;
  bool is_lost_ = false;
  std::map<std::string, Memory> memories_;
  std::vector<int> callbacks_;
};

}  // namespace neph::hypervisor_driver::virt
