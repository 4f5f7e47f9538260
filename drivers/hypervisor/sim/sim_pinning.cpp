#include <algorithm>
#include <utility>

#include "drivers/hypervisor/sim/sim_hypervisor.h"
#include "drivers/hypervisor/sim/sim_lookup.h"
#include "drivers/sim_world/guests.h"
#include "drivers/sim_world/transfer.h"

/// Pins of running guests: freeze, overlay, thaw, and the way back.
namespace neph::hypervisor_driver {

using sim::Agent;
using sim::Domain;
using sim::DomainKey;
using sim::FaultKind;
using sim::File;
using sim::State;
using sim::Struck;

namespace {

constexpr Duration kThawPause{100};
constexpr int kThawAttemptsMin = 3;

Result<bool> is_in_chain(State& state, const Domain& domain, const PinDisk& pin) {
  const sim::Disk* disk = domain.find_disk(pin.target);
  if (disk == nullptr) return fail(Errc::kInvalid, "there is no disk {} to pin", pin.target);
  if (disk->is_readonly) return fail(Errc::kInvalid, "disk {} is read-only", pin.target);
  const auto chain = TRY(state.chain_of(disk->path));
  return std::find(chain.begin(), chain.end(), pin.overlay_path) != chain.end();
}

}  // namespace

Result<PinProof> SimHypervisor::ensure_pinned(const DomainRef& domain, const PinRequest& request) {
  return perform<PinProof>(scene("ensure_pinned", domain), domain.host,
                           [&](const Struck&) { return pin(domain, request); });
}

Result<PinProof> SimHypervisor::pin(const DomainRef& domain, const PinRequest& request) {
  if (auto earlier = TRY(find_pin(domain, request))) {
    TRY(thaw(domain, request.freeze_deadline));
    return *earlier;
  }
  Freeze frozen;
  if (request.quiesce != Quiesce::kNever) frozen = TRY(freeze(domain, request));
  if (request.quiesce == Quiesce::kRequire && !frozen.since)
    return fail_because(Errc::kInvalid, frozen.why_not, "guest {} cannot be frozen", domain.name);
  const auto captured = put_overlays(domain, request);
  PinProof proof{.why_not_frozen = frozen.why_not};
  if (frozen.since) {
    // The thaw comes first, whatever became of the overlays.
    const auto thawed = thaw(domain, request.freeze_deadline);
    if (captured && !thawed) return tl::unexpected(thawed.error());
    if (thawed) proof.frozen_for = *thawed - *frozen.since;
    proof.is_frozen = true;
    proof.frozen_filesystems = frozen.filesystems;
  }
  proof.captured = TRY(captured);
  return proof;
}

Result<std::optional<PinProof>> SimHypervisor::find_pin(const DomainRef& ref,
                                                        const PinRequest& request) {
  using Found = std::optional<PinProof>;
  return at_host(ref.host, [&](State& state) -> Result<Found> {
    const Domain* domain = TRY(find_active(state, ref));
    if (request.disks.empty()) return fail(Errc::kInvalid, "there is no disk to pin");
    std::size_t pinned = 0;
    for (const PinDisk& disk : request.disks) {
      if (TRY(is_in_chain(state, *domain, disk))) {
        ++pinned;
      } else if (state.find_file(disk.overlay_path) != nullptr) {
        return fail(Errc::kInvalid, "overlay {} is there already", disk.overlay_path);
      }
    }
    if (pinned == 0) return Found{};
    if (pinned < request.disks.size())
      return fail(Errc::kInvalid, "only some disks of {} are pinned", ref.name);
    return Found{PinProof{.captured = state.files.at(request.disks.front().overlay_path).created,
                          .is_adopted = true,
                          .why_not_frozen = "pinned by an earlier call"}};
  });
}

Result<SimHypervisor::Freeze> SimHypervisor::freeze(const DomainRef& ref,
                                                    const PinRequest& request) {
  const auto struck = world_.begin(scene("agent.freeze", ref));
  if (!struck) return Freeze{.why_not = struck.error().text()};
  const auto agent = TRY(at_host(ref.host, [&](State& state) -> Result<Agent> {
    const Domain* domain = TRY(find_active(state, ref));
    if (domain->power == Power::kPaused) return Agent::kAbsent;
    return sim::conduct_of(state, key_of(ref)).agent;
  }));
  if (agent == Agent::kAbsent)
    return Freeze{.why_not = "QEMU guest agent is not connected"};
  return freeze_by_agent(ref, request.freeze_deadline, agent, *struck);
}

Result<SimHypervisor::Freeze> SimHypervisor::freeze_by_agent(const DomainRef& ref,
                                                             Duration deadline, Agent agent,
                                                             const Struck& struck) {
  const bool is_hanging = agent == Agent::kHanging || struck.find(FaultKind::kFreezeHangs);
  const bool is_late = is_hanging || world_.config().freeze >= deadline;
  if (!is_hanging) world_.clock().sleep_for(std::min(world_.config().freeze, deadline));
  const auto frozen = at_host(ref.host, [&](State& state) -> Result<Freeze> {
    const Domain* domain = TRY(find_active(state, ref));
    const auto writable = std::count_if(domain->disks.begin(), domain->disks.end(),
                                        [](const sim::Disk& disk) { return !disk.is_readonly; });
    // An agent that hangs before it froze leaves the guest alone; one whose answer is late has
    // frozen it all the same, and that is the dangerous case.
    if (agent == Agent::kPresent) sim::freeze(state, key_of(ref));
    return Freeze{.since = state.now, .filesystems = static_cast<int>(writable)};
  });
  if (!frozen || !is_late) return frozen;
  if (is_hanging) world_.clock().sleep_for(deadline);
  if (agent == Agent::kPresent) TRY(thaw(ref, deadline));
  return Freeze{
      .why_not = fmt::format("guest agent did not answer within {} ms", deadline.count())};
}

Result<Instant> SimHypervisor::put_overlays(const DomainRef& ref, const PinRequest& request) {
  return at_host(ref.host, [&](State& state) -> Result<Instant> {
    Domain* domain = TRY(find_active(state, ref));
    for (const PinDisk& pin : request.disks) TRY(is_in_chain(state, *domain, pin));
    for (const PinDisk& pin : request.disks) {
      auto disk = std::find_if(domain->disks.begin(), domain->disks.end(),
                               [&](const sim::Disk& each) { return each.target == pin.target; });
      if (state.evidence == sim::Evidence::kContents)
        state.pinned[pin.overlay_path] = {TRY(state.flatten(disk->path)), domain->is_frozen};
      File overlay;
      overlay.format = datastore_driver::Format::kQcow2;
      overlay.virtual_size = state.files.at(disk->path).virtual_size;
      overlay.backing_path = disk->path;
      state.put_file(pin.overlay_path, std::move(overlay));
      disk->path = pin.overlay_path;
    }
    state.reindex(key_of(ref));
    return state.now;
  });
}

/// Tries until the deadline, and a few times in any case; answers the instant of the thaw.
Result<Instant> SimHypervisor::thaw(const DomainRef& ref, Duration deadline) {
  const Duration started = world_.clock().monotonic();
  std::string cause;
  for (int attempt = 0;
       attempt < kThawAttemptsMin || world_.clock().monotonic() - started < deadline; ++attempt) {
    const auto struck = world_.begin(scene("agent.thaw", ref));
    if (struck && struck->find(FaultKind::kPretends)) return world_.clock().now();
    if (struck && !struck->find(FaultKind::kThawFails)) {
      const bool is_heard = TRY(at_host(ref.host, [&](State& state) -> Result<bool> {
        const Domain* domain = state.find_domain(key_of(ref));
        const bool is_frozen = domain != nullptr && domain->is_frozen;
        if (is_frozen && sim::conduct_of(state, key_of(ref)).agent != Agent::kPresent) return false;
        if (is_frozen) sim::thaw(state, key_of(ref));
        return true;
      }));
      if (is_heard) return world_.clock().now();
    }
    cause = struck ? "guest-fsfreeze-thaw failed" : struck.error().text();
    world_.clock().sleep_for(kThawPause);
  }
  return fail_because(Errc::kStalled, cause, "guest {} could not be thawed", ref.name);
}

Result<void> SimHypervisor::ensure_thawed(const DomainRef& domain) {
  return perform<void>(scene("ensure_thawed", domain), domain.host,
                       [&](const Struck&) -> Result<void> {
                         TRY(thaw(domain, kThawPause * kThawAttemptsMin));
                         return {};
                       });
}

Result<bool> SimHypervisor::has_agent(const DomainRef& ref) {
  return perform<bool>(scene("has_agent", ref), ref.host, [&](const Struck&) {
    return at_host(ref.host, [&](State& state) -> Result<bool> {
      const Domain* domain = TRY(find_defined(state, ref));
      return domain->power == Power::kRunning &&
             sim::conduct_of(state, key_of(ref)).agent == Agent::kPresent;
    });
  });
}

Result<void> SimHypervisor::ensure_unpinned(const DomainRef& ref, const PinDisk& pin,
                                            const std::string& base_path, Progress& progress) {
  sim::Scene call = scene("ensure_unpinned", ref);
  call.path = pin.overlay_path;
  call.source_path = base_path;
  return perform<void>(call, ref.host, [&](const Struck& struck) -> Result<void> {
    const auto total = TRY(at_host(ref.host, [&](State& state) -> Result<std::optional<Bytes>> {
      const Domain* domain = TRY(find_active(state, ref));
      if (!TRY(is_in_chain(state, *domain, pin))) return std::optional<Bytes>{};
      const File& overlay = state.files.at(pin.overlay_path);
      if (overlay.backing_path != base_path)
        return fail(Errc::kInvalid, "overlay {} lies on {}, not on {}", pin.overlay_path,
                    overlay.backing_path, base_path);
      return std::optional<Bytes>{overlay.stored_size()};
    }));
    if (!total) return {};
    const auto move = [&](Bytes, Bytes) -> Result<void> {
      return at_host(ref.host, [&](State& state) -> Result<void> {
        TRY(find_active(state, ref));
        return {};
      });
    };
    CHECK_OK(sim::transfer(world_, struck, {*total, std::nullopt, move}, progress));
    return fold(ref, pin, base_path);
  });
}

Result<void> SimHypervisor::fold(const DomainRef& ref, const PinDisk& pin,
                                 const std::string& base_path) {
  return at_host(ref.host, [&](State& state) -> Result<void> {
    Domain* domain = TRY(find_active(state, ref));
    if (!TRY(is_in_chain(state, *domain, pin))) return {};
    for (const std::string& layer : {base_path, pin.overlay_path}) {
      if (state.copies.contains(layer))
        state.violate(fmt::format("{} was folded while {} is copied", pin.overlay_path, layer));
      const auto users = state.users.find(layer);
      if (users == state.users.end()) continue;
      for (const DomainKey& user : users->second)
        if (user != key_of(ref))
          state.violate(fmt::format("{} was folded under {}/{}", layer, user.host, user.name));
    }
    CHECK_OK(state.fold(pin.overlay_path, base_path));
    for (sim::Disk& disk : domain->disks)
      if (disk.path == pin.overlay_path) disk.path = base_path;
    state.reindex(key_of(ref));
    return {};
  });
}

}  // namespace neph::hypervisor_driver
