#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"
#include "drivers/datastore/driver.h"
#include "drivers/hypervisor/driver.h"

/// What is true in a simulated world: plain data and the laws that hold between the parts.
/// Nothing here locks, sleeps or calls back; SimWorld guards it.
namespace neph::sim {

/// Disks are content-addressed: a block holds a number that stands for its bytes, 0 for zeros.
using Stamp = std::uint64_t;
using Blocks = std::map<std::int64_t, Stamp>;
inline constexpr Bytes kBlockSize{65536};

/// What a guest sees of a disk. Blocks that are not listed read as zeros; none is listed as 0.
struct Content {
  Bytes virtual_size;
  Blocks blocks;
  friend bool operator==(const Content&, const Content&) = default;
};

struct File {
  datastore_driver::Format format = datastore_driver::Format::kRaw;
  Bytes virtual_size;
  std::string backing_path;
  Blocks blocks;   ///< of this layer alone; a stamp of 0 hides what lies below
  Bytes ballast;   ///< bytes stored that are no blocks: a memory image
  std::map<std::string, std::string> texts;  ///< files of an ISO, for tests to read
  std::string memory_of;      ///< uuid of the domain whose memory this is
  std::int64_t memory_of_run = 0;  ///< as counted in State::runs
  std::string flaw;           ///< why a stranger's file must be refused, empty for none
  bool is_unfinished = false; ///< somebody began to write it and has not ended
  bool is_conjured = false;   ///< stands for a file of a datastore that is real
  std::uint64_t generation = 0;  ///< counts changes of content
  Instant created;
  Instant modified;

  [[nodiscard]] Bytes stored_size() const;
};

struct Disk {
  std::string target;
  std::string path;  ///< top layer
  bool is_readonly = false;
};

struct Nic {
  std::string mac;
  std::string source;  ///< bridge or network
};

/// A restore point of a domain: the top layers of its disks, by path. Memory has no content here.
struct RestorePoint {
  std::map<std::string, File> layers;
};

struct BlockedWrite {
  std::string target;
  std::int64_t block = 0;
  Stamp stamp = 0;
};

struct DomainKey {
  std::string host;
  std::string name;
  friend auto operator<=>(const DomainKey&, const DomainKey&) = default;
};

struct Domain {
  std::string uuid;
  hypervisor_driver::Power power = hypervisor_driver::Power::kOff;
  hypervisor_driver::StopReason reason = hypervisor_driver::StopReason::kUnknown;
  Bytes memory;
  int vcpus = 1;
  int vnc_port = -1;
  bool has_agent_channel = false;
  bool is_frozen = false;
  std::int64_t boots = 0;         ///< tells one run of the guest from the next
  std::int64_t cpu_time_ns = 0;   ///< up to `running_since`
  Instant running_since;
  std::vector<Disk> disks;
  std::vector<Nic> nics;
  std::map<std::string, RestorePoint> restore_points;
  std::vector<BlockedWrite> blocked_writes;  ///< held up by a freeze or a full disk
  std::vector<std::string> used_layers;      ///< as entered in State::users

  [[nodiscard]] bool is_active() const;
  [[nodiscard]] const Disk* find_disk(std::string_view target) const;
};

enum class Reach {
  kUp = 1,
  kUnreachable = 2,  ///< cut off; its guests go on
  kHung = 3,         ///< accepts calls and answers none; its guests go on
  kDown = 4,         ///< without power; its guests are gone
};

struct Host {
  Reach reach = Reach::kUp;
  int cpu_percent = 6400;
  Bytes memory = Bytes::megabytes(256 * 1024);
};

enum class Agent { kPresent = 1, kAbsent = 2, kHanging = 3 };
enum class Acpi { kObeyed = 1, kIgnored = 2 };

/// How a guest behaves, kept by domain name, over reboots and hosts.
struct Conduct {
  Agent agent = Agent::kPresent;
  Acpi acpi = Acpi::kObeyed;
  Duration shutdown_takes{0};
};

enum class GuestAct { kShutDown = 1, kCrash = 2, kPause = 3, kDie = 4 };

/// Something a guest is going to do if it is then still in the same run.
struct PendingAct {
  DomainKey key;
  std::int64_t boots = 0;
  GuestAct act = GuestAct::kShutDown;
};

struct WorldEvent {
  hypervisor_driver::GuestEvent::Kind kind = hypervisor_driver::GuestEvent::Kind::kStarted;
  DomainKey key;  ///< an empty name: the host itself
  std::string uuid;
  hypervisor_driver::StopReason reason = hypervisor_driver::StopReason::kUnknown;
  std::string detail;
  Instant at;
};

enum class Evidence { kNone = 1, kContents = 2 };

/// A disk at the instant at which an overlay pinned it.
struct Pinned {
  Content content;
  bool is_frozen = false;  ///< the guest's file systems were
};

/// A disk as the last run of a guest left it.
struct Rested {
  Content content;
  hypervisor_driver::StopReason reason = hypervisor_driver::StopReason::kUnknown;
};

enum class Sharing { kNo = 1, kYes = 2 };  ///< whether the file system can share blocks

class State {
 public:
  Instant now;
  std::map<std::string, Host> hosts;
  std::map<DomainKey, Domain> domains;
  std::map<std::string, File> files;
  std::set<std::string> directories;
  std::map<std::string, Bytes> areas;  ///< directory prefix -> size of the file system there
  Bytes area_default = Bytes::megabytes(1024 * 1024);
  Sharing sharing = Sharing::kNo;
  std::map<std::string, Conduct> conducts;
  std::map<std::string, std::int64_t> runs;  ///< by domain name: on all hosts, of this process
  std::multimap<Instant, PendingAct> pending;
  std::map<std::string, std::set<DomainKey>> users;  ///< layer -> active domains that use it
  std::map<std::string, int> copies;                 ///< layer -> copies that read it right now
  /// For tests, where the evidence is wanted: by overlay, and by name and target of a guest.
  Evidence evidence = Evidence::kNone;
  std::map<std::string, Pinned> pinned;
  std::map<std::pair<std::string, std::string>, Rested> rested;
  std::vector<std::string> violations;
  std::vector<WorldEvent> outbox;
  std::set<std::string> touched_files;     ///< since the journal was last written
  std::set<DomainKey> touched_domains;
  std::set<std::string> touched_hosts;
  std::set<std::string> touched_directories;

  /// Finds or makes it: unknown hosts exist as soon as somebody names them.
  Host& host(const std::string& name);
  [[nodiscard]] Domain* find_domain(const DomainKey& key);
  [[nodiscard]] File* find_file(const std::string& path);
  [[nodiscard]] Result<File*> file(const std::string& path);
  /// Notes for the journal that a file (or its absence) is to be written down.
  void touch(const std::string& path) { touched_files.insert(path); }
  void touch(const DomainKey& key) { touched_domains.insert(key); }
  void put_file(const std::string& path, File file);
  void remove_file(const std::string& path);
  /// Made on purpose, or implied by something that lies in it.
  [[nodiscard]] bool has_directory(const std::string& path) const;
  void add_directory(std::string path);

  /// Layers from `path` down. kNotFound when one is missing, kInvalid when they form a ring.
  [[nodiscard]] Result<std::vector<std::string>> chain_of(const std::string& path);
  [[nodiscard]] Result<Content> flatten(const std::string& path);
  void write(File& file, std::int64_t block, Stamp stamp);
  /// Puts the blocks of `overlay` into `base`, on which it lies, lets layers above the overlay
  /// lie on the base instead, and removes the overlay.
  [[nodiscard]] Result<void> fold(const std::string& overlay, const std::string& base);

  [[nodiscard]] datastore_driver::Usage usage_of(const std::string& directory) const;
  /// kExhausted when the file system that holds `path` has less than `need` free.
  [[nodiscard]] Result<void> check_room(const std::string& path, Bytes need) const;

  /// Enters again which layers an active domain uses; to be called when power or disks change.
  void reindex(const DomainKey& key);
  [[nodiscard]] bool is_in_use(const std::string& path) const;
  /// Name of an active domain that writes into `path`, empty for none.
  [[nodiscard]] std::string writer_of(const std::string& path) const;
  void violate(std::string what) { violations.push_back(std::move(what)); }
  /// Reading bytes that a running guest writes gives a torn copy.
  void expect_at_rest(const std::string& path, std::string_view what_for);
  /// Changing or removing bytes that somebody stands on.
  void expect_unused(const std::string& path, std::string_view what_for);

  /// Dropped while the host cannot be heard: libvirt does not repeat events either.
  void emit(const DomainKey& key, hypervisor_driver::GuestEvent::Kind kind,
            hypervisor_driver::StopReason reason = hypervisor_driver::StopReason::kUnknown,
            std::string detail = {});
};

/// Whether `path` is `directory` or lies below it.
[[nodiscard]] bool is_below(std::string_view path, std::string_view directory);

}  // namespace neph::sim
