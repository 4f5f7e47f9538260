#include <algorithm>
#include <utility>

#include "drivers/hypervisor/sim/sim_hypervisor.h"
#include "drivers/hypervisor/sim/sim_lookup.h"
#include "drivers/sim_world/guests.h"
#include "drivers/sim_world/transfer.h"

/// Changes of running guests: disks, NICs, restore points, another host.
namespace neph::hypervisor_driver {

using sim::Domain;
using sim::DomainKey;
using sim::File;
using sim::State;
using sim::Struck;

namespace {

auto find_nic(Domain& domain, const std::string& mac) {
  return std::find_if(domain.nics.begin(), domain.nics.end(),
                      [&](const sim::Nic& nic) { return nic.mac == mac; });
}

}  // namespace

template <class Alter>
Result<void> SimHypervisor::change_running(std::string_view verb, const DomainRef& ref,
                                           Alter&& alter) {
  return perform<void>(scene(verb, ref), ref.host, [&](const Struck&) {
    return at_host(ref.host, [&](State& state) -> Result<void> {
      Domain* domain = TRY(find_active(state, ref));
      CHECK_OK(alter(state, *domain));
      state.reindex(key_of(ref));
      return {};
    });
  });
}

Result<void> SimHypervisor::ensure_disk_attached(const DomainRef& ref, const DiskSpec& disk) {
  return change_running(
      "ensure_disk_attached", ref, [&](State& state, Domain& domain) -> Result<void> {
        if (const sim::Disk* there = domain.find_disk(disk.target)) {
          if (there->path == disk.path) return {};
          return fail(Errc::kConflict, "guest {} has {} as {} already", ref.name, there->path,
                      disk.target);
        }
        CHECK_OK(check_disk(state, disk));
        const std::string writer = state.writer_of(disk.path);
        if (!writer.empty())
          state.violate(fmt::format("{} gets {} while {} writes it", ref.name, disk.path, writer));
        domain.disks.push_back(
            {disk.target, disk.path, disk.is_readonly || disk.device == DiskDevice::kCdrom});
        return {};
      });
}

Result<void> SimHypervisor::ensure_disk_detached(const DomainRef& ref, const std::string& target) {
  return change_running("ensure_disk_detached", ref, [&](State&, Domain& domain) -> Result<void> {
    std::erase_if(domain.disks, [&](const sim::Disk& disk) { return disk.target == target; });
    return {};
  });
}

Result<void> SimHypervisor::ensure_disk_resized(const DomainRef& ref, const std::string& target,
                                                Bytes size) {
  return change_running(
      "ensure_disk_resized", ref, [&](State& state, Domain& domain) -> Result<void> {
        const sim::Disk* disk = domain.find_disk(target);
        if (disk == nullptr)
          return fail(Errc::kNotFound, "guest {} has no disk {}", ref.name, target);
        File* top = TRY(state.file(disk->path));
        top->virtual_size = std::max(top->virtual_size, size);
        state.touch(disk->path);
        return {};
      });
}

Result<void> SimHypervisor::ensure_nic_attached(const DomainRef& ref, const NicSpec& nic) {
  return change_running("ensure_nic_attached", ref, [&](State&, Domain& domain) -> Result<void> {
    if (find_nic(domain, nic.mac) == domain.nics.end())
      domain.nics.push_back({nic.mac, nic.source});
    return {};
  });
}

Result<void> SimHypervisor::ensure_nic_detached(const DomainRef& ref, const std::string& mac) {
  return change_running("ensure_nic_detached", ref, [&](State&, Domain& domain) -> Result<void> {
    std::erase_if(domain.nics, [&](const sim::Nic& nic) { return nic.mac == mac; });
    return {};
  });
}

Result<void> SimHypervisor::ensure_nic_updated(const DomainRef& ref, const NicSpec& nic) {
  return change_running("ensure_nic_updated", ref, [&](State&, Domain& domain) -> Result<void> {
    const auto found = find_nic(domain, nic.mac);
    if (found == domain.nics.end())
      return fail(Errc::kNotFound, "guest {} has no NIC {}", ref.name, nic.mac);
    found->source = nic.source;
    return {};
  });
}

Result<void> SimHypervisor::ensure_snapshot_taken(const DomainRef& ref, const std::string& name) {
  return change_running(
      "ensure_snapshot_taken", ref, [&](State& state, Domain& domain) -> Result<void> {
        if (domain.restore_points.contains(name)) return {};
        sim::RestorePoint point;
        for (const sim::Disk& disk : domain.disks) {
          if (!disk.is_readonly) point.layers[disk.path] = *TRY(state.file(disk.path));
        }
        domain.restore_points[name] = std::move(point);
        return {};
      });
}

Result<void> SimHypervisor::ensure_snapshot_reverted(const DomainRef& ref,
                                                     const std::string& name) {
  return change_running(
      "ensure_snapshot_reverted", ref, [&](State& state, Domain& domain) -> Result<void> {
        const auto point = domain.restore_points.find(name);
        if (point == domain.restore_points.end())
          return fail(Errc::kNotFound, "guest {} has no restore point {}", ref.name, name);
        for (const auto& [path, file] : point->second.layers) {
          File* layer = TRY(state.file(path));
          // The content goes back; how often it changed never does.
          layer->blocks = file.blocks;
          layer->virtual_size = file.virtual_size;
          ++layer->generation;
          state.touch(path);
        }
        domain.blocked_writes.clear();
        domain.is_frozen = false;
        ++domain.boots;
        return {};
      });
}

Result<void> SimHypervisor::ensure_snapshot_deleted(const DomainRef& ref,
                                                    const std::string& name) {
  return perform<void>(scene("ensure_snapshot_deleted", ref), ref.host, [&](const Struck&) {
    return at_host(ref.host, [&](State& state) -> Result<void> {
      Domain* domain = state.find_domain(key_of(ref));
      if (domain == nullptr) return {};
      domain->restore_points.erase(name);
      state.touch(key_of(ref));
      return {};
    });
  });
}

Result<void> SimHypervisor::ensure_migrated(const DomainRef& ref, const HostRef& target,
                                            Progress& progress) {
  return perform<void>(scene("ensure_migrated", ref), ref.host,
                       [&](const Struck& struck) -> Result<void> {
    CHECK_OK(connect(target));
    const auto total = TRY(at_host(target, [&](State& state) -> Result<std::optional<Bytes>> {
      const Domain* there = state.find_domain({target.name, ref.name});
      if (there != nullptr && there->is_active()) return std::optional<Bytes>{};
      return std::optional<Bytes>{TRY(find_active(state, ref))->memory};
    }));
    if (!total) return {};
    const auto is_running = [&](Bytes, Bytes) -> Result<void> {
      return at_host(ref.host, [&](State& state) -> Result<void> {
        TRY(find_active(state, ref));
        return {};
      });
    };
    CHECK_OK(sim::transfer(world_, struck, {*total, std::nullopt, is_running}, progress));
    return move(ref, target);
  });
}

Result<void> SimHypervisor::move(const DomainRef& ref, const HostRef& target) {
  return at_host(target, [&](State& state) -> Result<void> {
    const Domain* domain = TRY(find_active(state, ref));
    const DomainKey from = key_of(ref);
    const DomainKey to{target.name, ref.name};
    Domain moved = *domain;
    moved.used_layers.clear();
    moved.restore_points.clear();
    state.emit(from, GuestEvent::Kind::kStopped, StopReason::kMigrated);
    sim::vanish(state, from);
    state.domains[to] = std::move(moved);
    state.reindex(to);
    state.emit(to, GuestEvent::Kind::kStarted);
    return {};
  });
}

}  // namespace neph::hypervisor_driver
