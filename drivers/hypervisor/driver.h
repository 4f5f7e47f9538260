#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/units.h"

/// What the controller asks of a hypervisor.
///
/// Every verb names its host, is called on a driver lane from any thread, and blocks no longer
/// than its own deadline. Verbs named ensure_* inspect first and may be repeated. Errors:
/// kUnavailable the host cannot be reached (try again), kNotFound no such domain there,
/// kWrongState the domain's state does not allow it, kStalled the guest or the host did not
/// answer in time, kInvalid refused for good (the hypervisor's words in `cause`).
namespace neph::hypervisor_driver {

struct HostRef {
  HostId id;
  std::string name;
  std::string uri;  ///< libvirt URI; the sim driver uses the name alone
};

struct DomainRef {
  HostRef host;
  std::string name;  ///< "one-<vm id>", OpenNebula's DEPLOY_ID
  std::string uuid;
};

enum class Power { kOff = 1, kRunning = 2, kPaused = 3, kCrashed = 4, kMissing = 5 };

/// How a domain that is off came to be so, as far as the hypervisor saw it.
enum class StopReason {
  kUnknown = 1,    ///< it stopped while nobody watched
  kShutdown = 2,   ///< the guest ended by itself or by ACPI
  kDestroyed = 3,  ///< power cut by the controller or by hand
  kCrashed = 4,    ///< guest panic
  kFailed = 5,     ///< QEMU died
  kSaved = 6,      ///< memory was saved to a file
  kMigrated = 7,
  kVanished = 8,   ///< QEMU was gone when somebody looked again; how it ended nobody saw
};

/// What a guest has moved since it was started, all its disks and NICs together.
struct DomainTraffic {
  std::int64_t disk_read_bytes = 0, disk_reads = 0;
  std::int64_t disk_written_bytes = 0, disk_writes = 0;
  std::int64_t received_bytes = 0, sent_bytes = 0;
};

struct DomainFact {
  std::string name;
  std::string uuid;
  Power power = Power::kMissing;
  StopReason reason = StopReason::kUnknown;
  std::int64_t cpu_time_ns = 0;
  Bytes memory;
  int vnc_port = -1;  ///< TCP port of the graphics console, -1 for none
  std::optional<DomainTraffic> traffic;  ///< of list_domains, where the hypervisor counts it
};

struct HostFact {
  int cpu_percent_total = 0;  ///< 100 a core
  Bytes memory_total;
  Bytes memory_free;
  std::string architecture;
  std::string cpu_model;
  std::string hypervisor;  ///< "qemu", "kvm", "sim"
  std::string version;
  std::int64_t cpu_mhz = 0;
  std::optional<std::int64_t> cpu_time_ns;  ///< spent on anything but idling, all cores together
};

enum class DiskDevice { kDisk, kCdrom };

struct DiskSpec {
  std::string path;
  std::string format;      ///< "raw" or "qcow2", written into the domain: QEMU never probes
  std::string target;      ///< "vda", "sda", "hda" ...; the bus follows from the prefix
  DiskDevice device = DiskDevice::kDisk;
  bool is_readonly = false;
  std::string cache;       ///< libvirt cache mode, empty for the driver's default
  std::string io;
  std::string discard;
  int boot_order = 0;      ///< 0: not bootable
  std::string serial;
  /// Layers below `path`, top to bottom, with formats, so that QEMU probes none of them.
  std::vector<std::pair<std::string, std::string>> backing;
};

enum class NicKind { kUser, kBridge, kNetwork };

struct NicSpec {
  NicKind kind = NicKind::kUser;
  std::string source;  ///< bridge or libvirt network; empty for user mode
  std::string mac;
  std::string model;   ///< "virtio" by default
  std::string target;  ///< tap device name on the host, "one-<vm>-<nic>"
  int boot_order = 0;
};

struct GraphicsSpec {
  std::string type;  ///< "vnc" or "spice"
  std::string listen;
  int port = -1;     ///< -1: chosen by the hypervisor
  std::string password;
  std::string keymap;
};

struct DomainSpec {
  std::string name;
  std::string uuid;
  std::string title;         ///< the VM's own name, shown by virsh
  int vcpus = 1;
  double cpu_shares = 1.0;   ///< OpenNebula's CPU, a factor of one core
  Bytes memory;
  std::string architecture;  ///< "x86_64"
  std::string machine;       ///< "pc", "q35"; empty for the host's default
  std::string cpu_model;     ///< empty for the default, "host-passthrough" ...
  std::string emulator;
  std::string kernel, initrd, kernel_cmd, firmware;
  bool has_acpi = true, has_apic = true, has_pae = false, has_localtime = false;
  bool has_guest_agent = true;
  bool has_panic_device = true;
  std::vector<DiskSpec> disks;
  std::vector<NicSpec> nics;
  std::optional<GraphicsSpec> graphics;
  std::vector<std::pair<std::string, std::string>> inputs;  ///< (type, bus)
  std::string serial_log_path;  ///< the guest's serial console is written here
  std::string raw_xml;          ///< administrators only: appended to <domain>
};

enum class Acceleration { kAuto, kKvm, kTcg };

enum class Quiesce { kRequire = 1, kTry = 2, kNever = 3 };

struct PinDisk {
  std::string target;        ///< "vda"
  std::string overlay_path;  ///< new top layer; carries the job's id, must not exist before
};

struct PinRequest {
  std::vector<PinDisk> disks;  ///< all at one instant
  Quiesce quiesce = Quiesce::kTry;
  Duration freeze_deadline{5000};  ///< from the freeze to the thaw, kept by the driver itself
};

/// What a pin really achieved: evidence, not hope.
struct PinProof {
  Instant captured;         ///< the instant that the layers below the overlays show
  bool is_frozen = false;   ///< file systems frozen around the instant and the thaw confirmed
  Duration frozen_for{0};
  int frozen_filesystems = 0;
  bool is_adopted = false;  ///< an earlier call, perhaps of a daemon that died, had pinned it
  std::string why_not_frozen;  ///< the agent's words when a freeze was wanted and not had
};

struct GuestEvent {
  enum class Kind {
    kStarted,
    kStopped,     ///< see `reason`
    kPaused,
    kResumed,
    kCrashed,     ///< the guest panicked; a kStopped may follow
    kDiskError,   ///< paused by the hypervisor: `detail` says which disk and why (ENOSPC, EIO)
    kHostLost,    ///< connection to the host broke; `domain_*` are empty
    kHostBack,    ///< connected again: the listener must reconcile
  };
  Kind kind = Kind::kStarted;
  HostId host;
  std::string domain_name;
  std::string domain_uuid;
  StopReason reason = StopReason::kUnknown;
  std::string detail;
  Instant at;
};

/// Called on a thread of the driver; must not block (it posts to a lane).
using EventListener = std::function<void(const GuestEvent&)>;

enum class Reboot { kAcpi, kHard };

/// What not every driver can do. A request is refused up front where supports() says no.
enum class Operation {
  kDiskHotplug = 1,     ///< ensure_disk_attached, ensure_disk_detached
  kNicHotplug = 2,      ///< ensure_nic_attached, ensure_nic_detached
  kNicUpdate = 3,       ///< ensure_nic_updated
  kDiskResize = 4,      ///< ensure_disk_resized
  kSystemSnapshot = 5,  ///< ensure_snapshot_taken, _reverted, _deleted
  kLiveMigration = 6,   ///< ensure_migrated
};
[[nodiscard]] std::string_view name_of(Operation operation);  ///< "live migration" ...

class Driver {
 public:
  virtual ~Driver() = default;

  /// Whether the driver does that at all; what a single host refuses is the verb's own error.
  [[nodiscard]] virtual bool supports(Operation operation) const = 0;

  /// Opens (or finds open) the connection to a host; bounded by a connect time-out even when the
  /// host is cut off. All other verbs do it by themselves.
  [[nodiscard]] virtual Result<void> ensure_connected(const HostRef& host) = 0;
  /// Forgets a host and closes its connections.
  virtual void forget(HostId host) = 0;
  /// Set once, before the first connection.
  virtual void listen(EventListener listener) = 0;

  [[nodiscard]] virtual Result<HostFact> inspect_host(const HostRef& host) = 0;
  /// All domains there, active and not, ours and others'.
  [[nodiscard]] virtual Result<std::vector<DomainFact>> list_domains(const HostRef& host) = 0;
  /// power kMissing when the host answers and has no such domain.
  [[nodiscard]] virtual Result<DomainFact> inspect_domain(const DomainRef& domain) = 0;

  /// Defines the domain and starts it from its disks. Already running: fine.
  [[nodiscard]] virtual Result<DomainFact> ensure_started(const HostRef& host,
                                                          const DomainSpec& spec) = 0;
  /// Starts it from a memory file made by ensure_saved, with these disks.
  [[nodiscard]] virtual Result<DomainFact> ensure_restored(const HostRef& host,
                                                           const DomainSpec& spec,
                                                           const std::string& memory_path,
                                                           Progress& progress) = 0;
  /// Asks the guest to switch off (ACPI power button); returns at once.
  [[nodiscard]] virtual Result<void> ask_shutdown(const DomainRef& domain) = 0;
  /// Power cut. Off or missing already: fine.
  [[nodiscard]] virtual Result<void> ensure_destroyed(const DomainRef& domain) = 0;
  /// Removes the definition of a domain that is off. Missing: fine.
  [[nodiscard]] virtual Result<void> ensure_undefined(const DomainRef& domain) = 0;
  /// Saves memory into a file and ends the domain. An unfinished file is removed on failure.
  [[nodiscard]] virtual Result<void> ensure_saved(const DomainRef& domain,
                                                  const std::string& memory_path,
                                                  Progress& progress) = 0;
  [[nodiscard]] virtual Result<void> reboot(const DomainRef& domain, Reboot how) = 0;
  /// Continues a paused domain.
  [[nodiscard]] virtual Result<void> ensure_unpaused(const DomainRef& domain) = 0;

  /// ONE step: freezes the file systems (as `quiesce` says), puts overlays over the disks at one
  /// instant, thaws, verifies the thaw. Never leaves the guest frozen, whatever fails. With
  /// overlays already in place it only thaws and answers is_adopted.
  /// kWrongState: not running; kInvalid with quiesce=require and no freeze to be had.
  [[nodiscard]] virtual Result<PinProof> ensure_pinned(const DomainRef& domain,
                                                       const PinRequest& request) = 0;
  /// Folds an overlay back into the layer below while the guest runs, pivots, removes the
  /// overlay file. Not in the chain any more: fine.
  [[nodiscard]] virtual Result<void> ensure_unpinned(const DomainRef& domain,
                                                     const PinDisk& disk,
                                                     const std::string& base_path,
                                                     Progress& progress) = 0;
  /// The thaw watchdog: thaws if frozen, else does nothing. No agent: fine.
  [[nodiscard]] virtual Result<void> ensure_thawed(const DomainRef& domain) = 0;
  /// Whether a guest agent answers right now.
  [[nodiscard]] virtual Result<bool> has_agent(const DomainRef& domain) = 0;

  // Changes of a running domain, which its definition remembers. All are kWrongState when it is
  // off, and kInvalid where supports() says no.

  /// Plugs a disk in. There already, with the same file on top: fine.
  /// \returns kConflict when another file has the target
  [[nodiscard]] virtual Result<void> ensure_disk_attached(const DomainRef& domain,
                                                          const DiskSpec& disk) = 0;
  /// Takes a disk out and waits until the guest has let go of it. Not there: fine.
  /// \returns kStalled when the guest keeps it; then the domain has it still
  [[nodiscard]] virtual Result<void> ensure_disk_detached(const DomainRef& domain,
                                                          const std::string& target) = 0;
  /// Tells the guest that a disk is larger now; grows the top layer's file. Never shrinks.
  [[nodiscard]] virtual Result<void> ensure_disk_resized(const DomainRef& domain,
                                                         const std::string& target,
                                                         Bytes size) = 0;
  /// A NIC is known by its MAC address. There already: fine.
  [[nodiscard]] virtual Result<void> ensure_nic_attached(const DomainRef& domain,
                                                         const NicSpec& nic) = 0;
  /// \returns kStalled when the guest keeps it; then the domain has it still
  [[nodiscard]] virtual Result<void> ensure_nic_detached(const DomainRef& domain,
                                                         const std::string& mac) = 0;
  /// Moves a NIC to another bridge or network. \returns kNotFound without a NIC of that MAC
  [[nodiscard]] virtual Result<void> ensure_nic_updated(const DomainRef& domain,
                                                        const NicSpec& nic) = 0;

  /// Memory and disks of a running domain as a restore point within the hypervisor, which lasts
  /// until it stops or moves. A restore point of that name is there already: fine.
  [[nodiscard]] virtual Result<void> ensure_snapshot_taken(const DomainRef& domain,
                                                           const std::string& name) = 0;
  /// The domain runs on from a restore point. Done again it goes back again.
  /// \returns kNotFound without such a restore point
  [[nodiscard]] virtual Result<void> ensure_snapshot_reverted(const DomainRef& domain,
                                                              const std::string& name) = 0;
  /// Also while the domain is off. No such restore point: fine.
  [[nodiscard]] virtual Result<void> ensure_snapshot_deleted(const DomainRef& domain,
                                                             const std::string& name) = 0;

  /// Moves a running domain to another host that sees the same files, without a stop. Running
  /// there already: fine. After any error the domain runs on one of the two: ask both.
  [[nodiscard]] virtual Result<void> ensure_migrated(const DomainRef& domain,
                                                     const HostRef& target,
                                                     Progress& progress) = 0;
};

}  // namespace neph::hypervisor_driver
