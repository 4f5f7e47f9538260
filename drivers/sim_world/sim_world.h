#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/sim_world/faults.h"
#include "drivers/sim_world/journal.h"
#include "drivers/sim_world/state.h"

namespace neph::sim {

enum class MissingDisk {
  kRefused = 1,   ///< a disk that no file is behind cannot be started or taken in
  kConjured = 2,  ///< it is made up: simulated hosts beside a datastore that is real
};

struct WorldConfig {
  Duration call{0};    ///< before any call does anything
  Duration boot{0};    ///< how long starting and restoring take
  Duration save{0};
  Duration freeze{0};  ///< from asking the agent until the file systems are frozen
  std::optional<Bytes> copy_rate;  ///< bytes per second of any copy or fold; nullopt: no time
  Bytes copy_chunk = Bytes::megabytes(64);  ///< between two reports of progress
  Duration connect_timeout{5'000};          ///< how long an unreachable host is waited for
  Duration call_deadline{30'000};           ///< how long a hung host is waited for
  Duration stall_limit{60'000};             ///< a copy without progress ends as kStalled
  MissingDisk missing_disk = MissingDisk::kRefused;
  Bytes conjured_size = Bytes::megabytes(1024);
  Evidence evidence = Evidence::kNone;
  /// Where domains and files are kept over restarts of the daemon; empty for nowhere.
  std::string journal_path;
};

/// A guest by its domain name, and by its host where two run under one name.
struct GuestRef {
  std::string name;
  std::string host;
  GuestRef(std::string domain_name, std::string host_name = {})
      : name(std::move(domain_name)), host(std::move(host_name)) {}
  GuestRef(const char* domain_name) : name(domain_name) {}
};

/// Simulated hosts with guests, disks and files, the stage of SimHypervisor and SimDatastore.
///
/// Deterministic: nothing happens but by calls, and time is only that of `clock`. All functions
/// may be called from any thread; none holds a lock while it sleeps, reports progress or calls a
/// listener. An exception thrown by the clock or by a Progress (a test that cuts the power)
/// leaves the world as a power cut would: begun files stay, frozen guests stay frozen.
class SimWorld {
 public:
  using Listener = std::function<void(const WorldEvent&)>;
  /// When a tracer is called: before a verb does anything, and when its work is done.
  enum class Moment { kBefore = 1, kAfter = 2 };
  using Tracer = std::function<void(const Scene&, Moment)>;

  /// The clock must outlive the world. A journal that cannot be read or written is logged once,
  /// and the world goes on without one.
  explicit SimWorld(Clock& clock, WorldConfig config = {});

  // Hosts. Names that nobody added exist from the first call on, with the capacity of
  // OpenNebula's dummy driver: 64 cores, 256 GiB.
  void add_host(const std::string& name, const Host& host);
  /// Cut off: guests run on, nothing is heard.
  void cut_host(const std::string& name) { change_reach(name, Reach::kUnreachable); }
  void hang_host(const std::string& name) { change_reach(name, Reach::kHung); }
  /// Power off: guests are gone, their definitions remain.
  void kill_host(const std::string& name) { change_reach(name, Reach::kDown); }
  void restore_host(const std::string& name) { change_reach(name, Reach::kUp); }

  // Guests. kNotFound without such a domain, kWrongState when it does not run.
  [[nodiscard]] Result<void> guest_writes(const GuestRef& guest, const std::string& target,
                                          std::int64_t block, Stamp stamp);
  [[nodiscard]] Result<void> guest_shuts_down(const GuestRef& guest);
  [[nodiscard]] Result<void> guest_crashes(const GuestRef& guest);
  [[nodiscard]] Result<void> guest_pauses(const GuestRef& guest);
  [[nodiscard]] Result<void> qemu_dies(const GuestRef& guest);
  /// The same after a while, if the guest is then still in this run.
  [[nodiscard]] Result<void> later(Duration delay, const GuestRef& guest, GuestAct act);
  /// How a guest of that name behaves from now on; it need not exist yet.
  void set_conduct(const std::string& domain_name, const Conduct& conduct);
  void guest_ignores_acpi(const std::string& domain_name);
  void set_agent(const std::string& domain_name, Agent agent);
  /// Removes a domain behind the daemon's back, definition and all, without an event.
  [[nodiscard]] Result<void> domain_vanishes(const GuestRef& guest);
  /// Makes happen what is due by now, as every driver call and every script does first.
  void run_due();
  [[nodiscard]] std::optional<Instant> next_due() const;

  // Files.
  void put_file(const std::string& path, File file);
  /// A plain image: a file of that size with these blocks.
  void put_image(const std::string& path, datastore_driver::Format format, Bytes virtual_size,
                 Blocks blocks);
  /// The size of the file system that holds everything below `directory`.
  void set_space(const std::string& directory, Bytes total);
  void set_sharing(Sharing sharing);
  /// What a guest would see of a file with everything below it.
  [[nodiscard]] Result<Content> content_of(const std::string& path) const;
  /// What a running or stopped guest has on a disk.
  [[nodiscard]] Result<Content> guest_content(const GuestRef& guest,
                                              const std::string& target) const;
  /// With Evidence::kContents: the disk at the instant at which this overlay pinned it.
  [[nodiscard]] Result<Content> content_when_pinned(const std::string& overlay_path) const;
  [[nodiscard]] Result<Pinned> find_pinned(const std::string& overlay_path) const;
  /// With Evidence::kContents: the disk as the last run of the guest left it.
  [[nodiscard]] Result<Rested> find_rested(const std::string& guest,
                                           const std::string& target) const;
  [[nodiscard]] std::optional<File> find_file(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> list_files() const;
  [[nodiscard]] std::optional<Domain> find_domain(const GuestRef& guest) const;
  [[nodiscard]] std::map<DomainKey, Domain> list_domains() const;
  /// kUp for one that nobody has named yet.
  [[nodiscard]] Reach reach_of(const std::string& host) const;

  void inject(Fault fault);
  void clear_faults();
  /// Told of every call of a driver, on its thread and without a lock. It may throw, as a power
  /// cut at that moment would. Set before the drivers are used.
  void trace(Tracer tracer) { tracer_ = std::move(tracer); }
  /// What must never happen and did, in words: torn copies, two writers, files lost in use.
  [[nodiscard]] std::vector<std::string> violations() const;

  // For the drivers.

  [[nodiscard]] Clock& clock() const { return clock_; }
  [[nodiscard]] const WorldConfig& config() const { return config_; }
  /// Runs `alter(State&)` alone, writes the journal, then delivers what happened.
  template <class Alter>
  auto change(Alter&& alter) {
    auto result = alone(std::forward<Alter>(alter));
    deliver();
    return result;
  }
  /// Counts the call, lets hosts and domains meet their faults, and fails it where ordered.
  [[nodiscard]] Result<Struck> begin(const Scene& scene);
  /// The work of that call is done, or has failed.
  void end(const Scene& scene) {
    if (tracer_) tracer_(scene, Moment::kAfter);
  }
  /// Replaces the listener of `owner`. When nullptr is set and the call has returned, the old
  /// one is not called any more. The listener runs on the thread that caused the event.
  void listen(const void* owner, Listener listener);

 private:
  template <class Alter>
  auto alone(Alter&& alter) {
    const std::scoped_lock lock(mutex_);
    catch_up();
    auto result = alter(state_);
    keep();
    return result;
  }
  template <class Look>
  auto look(Look&& regard) const;
  [[nodiscard]] static Result<DomainKey> find(State& state, const GuestRef& guest);
  Result<void> act(const GuestRef& guest, GuestAct what);
  void change_reach(const std::string& name, Reach reach);
  void catch_up();
  void keep();
  void deliver();

  Clock& clock_;
  const WorldConfig config_;
  mutable std::mutex mutex_;  ///< guards state_, faults_ and journal_
  mutable State state_;       ///< mutable: lookers share the finders that return pointers
  FaultPlan faults_;
  std::unique_ptr<Journal> journal_;
  Tracer tracer_;
  /// Held while listeners run. Recursive, since a listener may call a driver.
  std::recursive_mutex delivery_mutex_;
  std::vector<std::pair<const void*, Listener>> listeners_;
};

}  // namespace neph::sim
