#include "drivers/sim_world/guests.h"

#include <algorithm>
#include <utility>

namespace neph::sim {

using hypervisor_driver::Power;
using hypervisor_driver::StopReason;
using Kind = hypervisor_driver::GuestEvent::Kind;

namespace {

constexpr std::int64_t kBusyNsPerMs = 100'000;  // a simulated guest uses a tenth of each CPU

void check_disks(State& state, const DomainKey& key, const Domain& domain) {
  for (const Disk& disk : domain.disks) {
    const auto chain = state.chain_of(disk.path).value_or(std::vector<std::string>{});
    for (const std::string& layer : chain) {
      const std::string writer = state.writer_of(layer);
      if (!writer.empty())
        state.violate(fmt::format("{}/{} starts on {} while {} writes it", key.host, key.name,
                                  layer, writer));
    }
    if (!disk.is_readonly && state.writer_of(disk.path).empty())
      state.expect_unused(disk.path, fmt::format("start of {}/{}", key.host, key.name));
  }
}

void check_sole(State& state, const DomainKey& key) {
  for (const auto& [name, host] : state.hosts) {
    const Domain* other = name == key.host ? nullptr : state.find_domain({name, key.name});
    if (other != nullptr && other->is_active())
      state.violate(fmt::format("{} starts on {} while it runs on {}", key.name, key.host, name));
  }
}

void keep_evidence(State& state, const DomainKey& key, const Domain& domain, StopReason reason) {
  if (state.evidence == Evidence::kNone) return;
  for (const Disk& disk : domain.disks) {
    if (disk.is_readonly) continue;
    if (auto content = state.flatten(disk.path))
      state.rested[{key.name, disk.target}] = {std::move(*content), reason};
  }
}

void flush_writes(State& state, const DomainKey& key) {
  const auto writes = std::exchange(state.find_domain(key)->blocked_writes, {});
  for (const BlockedWrite& write : writes) {
    if (write_block(state, key, write)) continue;
    // The disk filled up again: what is left waits for the next continuation.
    state.find_domain(key)->blocked_writes.push_back(write);
  }
}

}  // namespace

void power_on(State& state, const DomainKey& key) {
  check_sole(state, key);
  Domain& domain = state.domains.at(key);
  check_disks(state, key, domain);
  domain.power = Power::kRunning;
  domain.reason = StopReason::kUnknown;
  domain.is_frozen = false;
  domain.blocked_writes.clear();
  domain.running_since = state.now;
  domain.cpu_time_ns = 0;
  ++domain.boots;
  ++state.runs[key.name];
  state.reindex(key);
  state.emit(key, Kind::kStarted);
}

void power_off(State& state, const DomainKey& key, StopReason reason) {
  Domain* domain = state.find_domain(key);
  if (domain == nullptr || !domain->is_active()) return;
  domain->cpu_time_ns = cpu_time_ns(state, *domain);
  keep_evidence(state, key, *domain, reason);
  domain->power = Power::kOff;
  domain->reason = reason;
  domain->is_frozen = false;
  domain->blocked_writes.clear();
  domain->restore_points.clear();
  state.reindex(key);
  if (reason == StopReason::kCrashed) state.emit(key, Kind::kCrashed, reason);
  state.emit(key, Kind::kStopped, reason);
}

void vanish(State& state, const DomainKey& key) {
  Domain* domain = state.find_domain(key);
  if (domain == nullptr) return;
  if (domain->is_active()) keep_evidence(state, key, *domain, StopReason::kUnknown);
  domain->power = Power::kOff;
  state.reindex(key);
  state.domains.erase(key);
  state.touch(key);
}

void pause(State& state, const DomainKey& key) {
  Domain* domain = state.find_domain(key);
  if (domain == nullptr || domain->power != Power::kRunning) return;
  domain->power = Power::kPaused;
  state.touch(key);
  state.emit(key, Kind::kPaused);
}

void unpause(State& state, const DomainKey& key) {
  Domain* domain = state.find_domain(key);
  if (domain == nullptr || domain->power != Power::kPaused) return;
  domain->power = Power::kRunning;
  state.touch(key);
  state.emit(key, Kind::kResumed);
  if (!domain->is_frozen) flush_writes(state, key);
}

void perform(State& state, const DomainKey& key, GuestAct act) {
  switch (act) {
    case GuestAct::kShutDown: return power_off(state, key, StopReason::kShutdown);
    case GuestAct::kCrash: return power_off(state, key, StopReason::kCrashed);
    case GuestAct::kDie: return power_off(state, key, StopReason::kFailed);
    case GuestAct::kPause: return pause(state, key);
  }
}

Result<void> write_block(State& state, const DomainKey& key, const BlockedWrite& write) {
  Domain* domain = state.find_domain(key);
  if (domain == nullptr || domain->power != Power::kRunning)
    return fail(Errc::kWrongState, "guest {} does not run", key.name);
  const Disk* disk = domain->find_disk(write.target);
  if (disk == nullptr)
    return fail(Errc::kNotFound, "guest {} has no disk {}", key.name, write.target);
  if (disk->is_readonly)
    return fail(Errc::kDenied, "disk {} of guest {} is read-only", write.target, key.name);
  if (domain->is_frozen) {
    domain->blocked_writes.push_back(write);
    return {};
  }
  File* top = TRY(state.file(disk->path));
  if (write.block < 0 || write.block * kBlockSize.value >= top->virtual_size.value)
    return fail(Errc::kInvalid, "disk {} of guest {} ends before block {}", write.target, key.name,
                write.block);
  const bool needs_room = !top->blocks.contains(write.block);
  if (needs_room && !state.check_room(disk->path, kBlockSize)) {
    domain->blocked_writes.push_back(write);
    domain->power = Power::kPaused;
    state.touch(key);
    state.emit(key, Kind::kDiskError, StopReason::kUnknown, disk->target + ": ENOSPC");
    return {};
  }
  state.write(*top, write.block, write.stamp);
  state.touch(disk->path);
  return {};
}

void freeze(State& state, const DomainKey& key) { state.find_domain(key)->is_frozen = true; }

void thaw(State& state, const DomainKey& key) {
  Domain* domain = state.find_domain(key);
  if (domain == nullptr || !domain->is_frozen) return;
  domain->is_frozen = false;
  if (domain->power == Power::kRunning) flush_writes(state, key);
}

Conduct conduct_of(const State& state, const DomainKey& key) {
  const auto at = state.conducts.find(key.name);
  Conduct conduct = at == state.conducts.end() ? Conduct{} : at->second;
  const auto domain = state.domains.find(key);
  if (domain == state.domains.end() || !domain->second.has_agent_channel)
    conduct.agent = Agent::kAbsent;
  return conduct;
}

std::int64_t cpu_time_ns(const State& state, const Domain& domain) {
  if (!domain.is_active()) return domain.cpu_time_ns;
  const Duration run = state.now - domain.running_since;
  return domain.cpu_time_ns + run.count() * domain.vcpus * kBusyNsPerMs;
}

}  // namespace neph::sim
