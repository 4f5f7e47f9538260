#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "drivers/hypervisor/driver.h"

namespace neph::hypervisor_driver {

namespace virt {
class HostLink;
class ListenerBox;
}  // namespace virt

/// Hypervisor driver for QEMU through libvirt (9.0 and later).
///
/// Hosts are libvirt URIs: qemu+tls://, qemu+tcp://, qemu+ssh:// and qemu+unix:// for a libvirtd,
/// qemu:///embed for the QEMU driver inside this process (no daemon; root directory from the
/// configuration, or `?root=DIR` in the URI; one process per directory, and one directory per
/// process), and test:///default, libvirt's pretended host, for tests.
///
/// Domains are persistent: libvirt keeps their definition and why they stopped. Verbs may be
/// called from any thread and block; every host has two connections and a lock of its own, so a
/// host that is cut off holds up nobody else's call. The only threads made here are the libvirt
/// event loop (one per process), the watchdog that thaws a guest at the freeze deadline, and one
/// abandonable thread per connection that is being opened.
///
/// The process should be the child subreaper or have an init that reaps: libvirt sees the end of
/// a daemonised QEMU only when somebody has reaped it.
class LibvirtDriver final : public Driver {
 public:
  struct Config {
    std::string embed_root;  ///< for qemu:///embed; short: UNIX socket paths end at 107 bytes
    Acceleration acceleration = Acceleration::kAuto;
    Duration connect_timeout{5000};
    Duration retry_pause{1000};  ///< after a failed connect other verbs fail at once for so long
    /// A silent host is given up after (keepalive_count + 1) * keepalive_interval.
    Duration keepalive_interval{3000};
    int keepalive_count = 3;
    Duration agent_timeout{2000};  ///< for a guest agent to answer a ping
    /// libvirt 9.0 leaves a guest that powered off during a backup job in "shutdown" for ever;
    /// after so long in that state the domain is ended.
    Duration shutdown_grace{5000};
    Duration job_stall{60000};  ///< a fold that moves no byte for so long answers kStalled
  };

  LibvirtDriver(Config config, Clock& clock);
  ~LibvirtDriver() override;
  LibvirtDriver(const LibvirtDriver&) = delete;
  LibvirtDriver& operator=(const LibvirtDriver&) = delete;

  [[nodiscard]] Result<void> ensure_connected(const HostRef& host) override;
  void forget(HostId host) override;
  /// The listener runs on the event loop thread or on a verb's thread, one call at a time; it
  /// must not call the driver.
  void listen(EventListener listener) override;

  [[nodiscard]] Result<HostFact> inspect_host(const HostRef& host) override;
  [[nodiscard]] Result<std::vector<DomainFact>> list_domains(const HostRef& host) override;
  [[nodiscard]] Result<DomainFact> inspect_domain(const DomainRef& domain) override;

  [[nodiscard]] Result<DomainFact> ensure_started(const HostRef& host,
                                                  const DomainSpec& spec) override;
  /// The description inside the memory file decides what the guest sees; paths of disks, bridges
  /// and the serial log are taken from `spec`.
  [[nodiscard]] Result<DomainFact> ensure_restored(const HostRef& host, const DomainSpec& spec,
                                                   const std::string& memory_path,
                                                   Progress& progress) override;
  [[nodiscard]] Result<void> ask_shutdown(const DomainRef& domain) override;
  [[nodiscard]] Result<void> ensure_destroyed(const DomainRef& domain) override;
  [[nodiscard]] Result<void> ensure_undefined(const DomainRef& domain) override;
  [[nodiscard]] Result<void> ensure_saved(const DomainRef& domain,
                                          const std::string& memory_path,
                                          Progress& progress) override;
  [[nodiscard]] Result<void> reboot(const DomainRef& domain, Reboot how) override;
  [[nodiscard]] Result<void> ensure_unpaused(const DomainRef& domain) override;

  [[nodiscard]] Result<PinProof> ensure_pinned(const DomainRef& domain,
                                               const PinRequest& request) override;
  /// Folds into the layer directly below the overlay, which is `base_path` unless other pins of
  /// the disk came or went meanwhile. A fold that a former daemon began is taken over. On a host
  /// whose files are not reachable from here the overlay file stays, and a log line says so.
  /// kWrongState: the domain is off. kConflict: cancelled, the chain is as before.
  [[nodiscard]] Result<void> ensure_unpinned(const DomainRef& domain, const PinDisk& disk,
                                             const std::string& base_path,
                                             Progress& progress) override;
  [[nodiscard]] Result<void> ensure_thawed(const DomainRef& domain) override;
  [[nodiscard]] Result<bool> has_agent(const DomainRef& domain) override;
  /// Not yet: snapshots of the whole system, live migration.
  [[nodiscard]] bool supports(Operation operation) const override;
  [[nodiscard]] Result<void> ensure_disk_attached(const DomainRef& domain,
                                                  const DiskSpec& disk) override;
  [[nodiscard]] Result<void> ensure_disk_detached(const DomainRef& domain,
                                                  const std::string& target) override;
  [[nodiscard]] Result<void> ensure_disk_resized(const DomainRef& domain,
                                                 const std::string& target, Bytes size) override;
  [[nodiscard]] Result<void> ensure_nic_attached(const DomainRef& domain,
                                                 const NicSpec& nic) override;
  [[nodiscard]] Result<void> ensure_nic_detached(const DomainRef& domain,
                                                 const std::string& mac) override;
  [[nodiscard]] Result<void> ensure_nic_updated(const DomainRef& domain,
                                                const NicSpec& nic) override;
  [[nodiscard]] Result<void> ensure_snapshot_taken(const DomainRef& domain,
                                                   const std::string& name) override;
  [[nodiscard]] Result<void> ensure_snapshot_reverted(const DomainRef& domain,
                                                      const std::string& name) override;
  [[nodiscard]] Result<void> ensure_snapshot_deleted(const DomainRef& domain,
                                                     const std::string& name) override;
  [[nodiscard]] Result<void> ensure_migrated(const DomainRef& domain, const HostRef& target,
                                             Progress& progress) override;

 private:
  [[nodiscard]] std::shared_ptr<virt::HostLink> link_to(const HostRef& host);

  Config config_;
  Clock& clock_;
  std::shared_ptr<virt::ListenerBox> listener_;
  std::mutex mutex_;  ///< guards links_ only; never held during a call to libvirt
  std::map<HostId, std::shared_ptr<virt::HostLink>> links_;
};

}  // namespace neph::hypervisor_driver
