#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <string_view>
#include <vector>

#include "drivers/hypervisor/driver.h"
#include "drivers/sim_world/sim_world.h"

namespace neph::hypervisor_driver {

/// Hosts and guests of a SimWorld: the driver of OpenNebula's `dummy` hosts and of simulation.
///
/// All functions may be called from any thread. Events come from inside the call (of a driver or
/// of the world) that causes them, and only from hosts that this driver is connected to. The
/// world must outlive the driver.
class SimHypervisor : public Driver {
 public:
  explicit SimHypervisor(sim::SimWorld& world) : world_(world) {}
  ~SimHypervisor() override { world_.listen(this, nullptr); }
  SimHypervisor(const SimHypervisor&) = delete;
  SimHypervisor& operator=(const SimHypervisor&) = delete;

  [[nodiscard]] Result<void> ensure_connected(const HostRef& host) override;
  void forget(HostId host) override;
  void listen(EventListener listener) override;
  [[nodiscard]] Result<HostFact> inspect_host(const HostRef& host) override;
  [[nodiscard]] Result<std::vector<DomainFact>> list_domains(const HostRef& host) override;
  [[nodiscard]] Result<DomainFact> inspect_domain(const DomainRef& domain) override;
  [[nodiscard]] Result<DomainFact> ensure_started(const HostRef& host,
                                                  const DomainSpec& spec) override;
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
  [[nodiscard]] Result<void> ensure_unpinned(const DomainRef& domain, const PinDisk& disk,
                                             const std::string& base_path,
                                             Progress& progress) override;
  [[nodiscard]] Result<void> ensure_thawed(const DomainRef& domain) override;
  [[nodiscard]] Result<bool> has_agent(const DomainRef& domain) override;
  [[nodiscard]] bool supports(Operation) const override { return true; }
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
  struct Freeze {
    std::optional<Instant> since;  ///< unset: not frozen
    int filesystems = 0;
    std::string why_not;
  };

  /// One verb: faults first, then the connection, then `body(struck)`.
  template <class T, class Body>
  Result<T> perform(const sim::Scene& scene, const HostRef& host, Body&& body) {
    const sim::Struck struck = TRY(world_.begin(scene));
    CHECK_OK(connect(host));
    if constexpr (std::is_void_v<T>) {
      if (struck.find(sim::FaultKind::kPretends)) return {};
    }
    Result<T> answer = body(struck);
    world_.end(scene);
    const sim::Fault* lost = struck.find(sim::FaultKind::kLostAnswer);
    if (lost != nullptr && answer) return tl::unexpected(lost->error);
    return answer;
  }
  /// Alters the world as the host would; kUnavailable when the host was lost since connect().
  template <class Alter>
  auto at_host(const HostRef& host, Alter&& alter) {
    using Answer = std::invoke_result_t<Alter, sim::State&>;
    return world_.change([&](sim::State& state) -> Answer {
      if (state.host(host.name).reach != sim::Reach::kUp)
        return fail(Errc::kUnavailable, "the connection to host {} broke", host.name);
      return alter(state);
    });
  }
  Result<void> connect(const HostRef& host);
  void translate(const sim::WorldEvent& event);
  Result<DomainFact> power_on(const HostRef& host, const DomainSpec& spec,
                              const std::optional<std::string>& memory_path);
  Result<void> check_disk(sim::State& state, const DiskSpec& disk) const;
  Result<void> check_start(sim::State& state, const HostRef& host, const DomainSpec& spec,
                           const std::optional<std::string>& memory_path) const;

  Result<PinProof> pin(const DomainRef& domain, const PinRequest& request);
  Result<std::optional<PinProof>> find_pin(const DomainRef& domain, const PinRequest& request);
  Result<Freeze> freeze(const DomainRef& domain, const PinRequest& request);
  Result<Freeze> freeze_by_agent(const DomainRef& domain, Duration deadline, sim::Agent agent,
                                 const sim::Struck& struck);
  Result<Instant> put_overlays(const DomainRef& domain, const PinRequest& request);
  Result<Instant> thaw(const DomainRef& domain, Duration deadline);
  Result<void> fold(const DomainRef& domain, const PinDisk& disk, const std::string& base_path);

  /// One change of a running domain: `alter(state, domain)`, with the index kept.
  template <class Alter>
  Result<void> change_running(std::string_view verb, const DomainRef& ref, Alter&& alter);
  Result<void> move(const DomainRef& ref, const HostRef& target);

  sim::SimWorld& world_;
  std::mutex mutex_;  ///< guards the two below
  std::map<std::string, HostId> connected_;
  EventListener listener_;
};

}  // namespace neph::hypervisor_driver
