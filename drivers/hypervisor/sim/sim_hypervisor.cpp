#include "drivers/hypervisor/sim/sim_hypervisor.h"

#include <algorithm>
#include <utility>

#include "drivers/hypervisor/sim/sim_lookup.h"
#include "drivers/sim_world/guests.h"

namespace neph::hypervisor_driver {

using sim::Domain;
using sim::DomainKey;
using sim::File;
using sim::Reach;
using sim::Scene;
using sim::State;
using sim::Struck;

namespace {

constexpr int kFirstVncPort = 5900;

DomainFact fact_of(const State& state, const std::string& name, const Domain& domain) {
  return {.name = name,
          .uuid = domain.uuid,
          .power = domain.power,
          .reason = domain.reason,
          .cpu_time_ns = sim::cpu_time_ns(state, domain),
          .memory = domain.memory,
          .vnc_port = domain.is_active() ? domain.vnc_port : -1};
}

int free_vnc_port(const State& state, const std::string& host) {
  std::set<int> taken;
  for (auto at = state.domains.lower_bound({host, {}});
       at != state.domains.end() && at->first.host == host; ++at)
    if (at->second.is_active()) taken.insert(at->second.vnc_port);
  int port = kFirstVncPort;
  while (taken.contains(port)) ++port;
  return port;
}

void define(State& state, const DomainKey& key, const DomainSpec& spec) {
  Domain& domain = state.domains[key];
  domain.uuid = spec.uuid;
  domain.memory = spec.memory;
  domain.vcpus = spec.vcpus;
  domain.has_agent_channel = spec.has_guest_agent;
  domain.vnc_port = -1;
  if (spec.graphics && spec.graphics->type == "vnc")
    domain.vnc_port = spec.graphics->port >= 0 ? spec.graphics->port
                                               : free_vnc_port(state, key.host);
  domain.disks.clear();
  for (const DiskSpec& disk : spec.disks) {
    if (disk.path.empty()) continue;  // a CD drive without a disc
    domain.disks.push_back(
        {disk.target, disk.path, disk.is_readonly || disk.device == DiskDevice::kCdrom});
  }
  domain.nics.clear();
  for (const NicSpec& nic : spec.nics) domain.nics.push_back({nic.mac, nic.source});
}

}  // namespace

Result<void> SimHypervisor::connect(const HostRef& host) {
  const auto reach = [&] {
    return world_.change([&](State& state) { return state.host(host.name).reach; });
  };
  Reach now = reach();
  if (now != Reach::kUp) {
    const auto& config = world_.config();
    world_.clock().sleep_for(now == Reach::kHung ? config.call_deadline : config.connect_timeout);
    now = reach();
  }
  if (now == Reach::kHung)
    return fail_because(Errc::kStalled, "simulated", "host {} does not answer", host.name);
  if (now != Reach::kUp)
    return fail_because(Errc::kUnavailable, "simulated", "host {} cannot be reached", host.name);
  const std::scoped_lock lock(mutex_);
  connected_[host.name] = host.id;
  return {};
}

Result<void> SimHypervisor::ensure_connected(const HostRef& host) {
  return perform<void>({"ensure_connected", host.name, {}, {}, {}}, host,
                       [](const Struck&) { return Result<void>{}; });
}

void SimHypervisor::forget(HostId host) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(connected_, [host](const auto& entry) { return entry.second == host; });
}

void SimHypervisor::listen(EventListener listener) {
  {
    const std::scoped_lock lock(mutex_);
    listener_ = std::move(listener);
  }
  world_.listen(this, [this](const sim::WorldEvent& event) { translate(event); });
}

void SimHypervisor::translate(const sim::WorldEvent& event) {
  EventListener listener;
  GuestEvent told{.kind = event.kind,
                  .host = {},
                  .domain_name = event.key.name,
                  .domain_uuid = event.uuid,
                  .reason = event.reason,
                  .detail = event.detail,
                  .at = event.at};
  {
    const std::scoped_lock lock(mutex_);
    const auto at = connected_.find(event.key.host);
    if (at == connected_.end()) return;
    told.host = at->second;
    listener = listener_;
  }
  if (listener) listener(told);
}

Result<HostFact> SimHypervisor::inspect_host(const HostRef& host) {
  return perform<HostFact>(
      {"inspect_host", host.name, {}, {}, {}}, host, [&](const Struck&) -> Result<HostFact> {
        return at_host(host, [&](State& state) -> Result<HostFact> {
          const sim::Host& found = state.host(host.name);
          Bytes used;
          std::int64_t busy_ns = 0;
          for (auto at = state.domains.lower_bound({host.name, {}});
               at != state.domains.end() && at->first.host == host.name; ++at) {
            busy_ns += sim::cpu_time_ns(state, at->second);
            if (at->second.is_active()) used = used + at->second.memory;
          }
          return HostFact{.cpu_percent_total = found.cpu_percent,
                          .memory_total = found.memory,
                          .memory_free = std::max(found.memory - used, Bytes{0}),
                          .architecture = "x86_64",
                          .cpu_model = "Simulated CPU",
                          .hypervisor = "sim",
                          .version = "1.0",
                          .cpu_mhz = 2000,
                          .cpu_time_ns = busy_ns};
        });
      });
}

Result<std::vector<DomainFact>> SimHypervisor::list_domains(const HostRef& host) {
  using Facts = std::vector<DomainFact>;
  return perform<Facts>(
      {"list_domains", host.name, {}, {}, {}}, host, [&](const Struck&) -> Result<Facts> {
        return at_host(host, [&](State& state) -> Result<Facts> {
          Facts facts;
          for (auto at = state.domains.lower_bound({host.name, {}});
               at != state.domains.end() && at->first.host == host.name; ++at)
            facts.push_back(fact_of(state, at->first.name, at->second));
          return facts;
        });
      });
}

Result<DomainFact> SimHypervisor::inspect_domain(const DomainRef& ref) {
  return perform<DomainFact>(
      scene("inspect_domain", ref), ref.host, [&](const Struck&) -> Result<DomainFact> {
        return at_host(ref.host, [&](State& state) -> Result<DomainFact> {
          const Domain* domain = state.find_domain(key_of(ref));
          if (domain == nullptr) return DomainFact{.name = ref.name, .uuid = ref.uuid};
          return fact_of(state, ref.name, *domain);
        });
      });
}

Result<void> SimHypervisor::check_disk(State& state, const DiskSpec& disk) const {
  if (disk.path.empty()) return {};
  const bool is_conjuring = world_.config().missing_disk == sim::MissingDisk::kConjured;
  if (is_conjuring && state.find_file(disk.path) == nullptr) {
    File file;
    file.format = TRY(datastore_driver::format_from(disk.format));
    file.virtual_size = world_.config().conjured_size;
    file.is_conjured = true;
    state.put_file(disk.path, std::move(file));
  }
  const auto chain = TRY(state.chain_of(disk.path));
  const auto format = datastore_driver::name_of(state.files.at(chain.front()).format);
  if (format == disk.format) return {};
  return fail(Errc::kInvalid, "disk {} is {} and not {}", disk.path, format, disk.format);
}

Result<void> SimHypervisor::check_start(State& state, const HostRef& host, const DomainSpec& spec,
                                        const std::optional<std::string>& memory_path) const {
  const bool is_conjuring = world_.config().missing_disk == sim::MissingDisk::kConjured;
  const Domain* older = state.find_domain({host.name, spec.name});
  if (older != nullptr && older->uuid != spec.uuid)
    return fail(Errc::kInvalid, "host {} has a domain {} with another uuid, {}", host.name,
                spec.name, older->uuid);
  for (const DiskSpec& disk : spec.disks) CHECK_OK(check_disk(state, disk));
  if (!memory_path || (is_conjuring && state.find_file(*memory_path) == nullptr)) return {};
  const File* memory = TRY(state.file(*memory_path));
  if (memory->memory_of != spec.uuid || memory->is_unfinished)
    return fail(Errc::kInvalid, "{} is not the memory of {}", *memory_path, spec.name);
  return {};
}

Result<DomainFact> SimHypervisor::power_on(const HostRef& host, const DomainSpec& spec,
                                           const std::optional<std::string>& memory_path) {
  const DomainKey key{host.name, spec.name};
  const auto is_active = [&key](State& state) {
    const Domain* domain = state.find_domain(key);
    return domain != nullptr && domain->is_active();
  };
  CHECK_OK(at_host(host, [&](State& state) -> Result<void> {
    if (is_active(state)) return {};
    return check_start(state, host, spec, memory_path);
  }));
  world_.clock().sleep_for(world_.config().boot);
  return at_host(host, [&](State& state) -> Result<DomainFact> {
    if (!is_active(state)) {
      CHECK_OK(check_start(state, host, spec, memory_path));
      const File* memory = memory_path ? state.find_file(*memory_path) : nullptr;
      if (memory != nullptr && memory->memory_of_run != state.runs[spec.name])
        state.violate(fmt::format("{} is restored from memory older than its disks", spec.name));
      define(state, key, spec);
      sim::power_on(state, key);
    }
    return fact_of(state, spec.name, state.domains.at(key));
  });
}

Result<DomainFact> SimHypervisor::ensure_started(const HostRef& host, const DomainSpec& spec) {
  return perform<DomainFact>({"ensure_started", host.name, spec.name, {}, {}}, host,
                             [&](const Struck&) { return power_on(host, spec, std::nullopt); });
}

Result<DomainFact> SimHypervisor::ensure_restored(const HostRef& host, const DomainSpec& spec,
                                                  const std::string& memory_path, Progress&) {
  return perform<DomainFact>({"ensure_restored", host.name, spec.name, memory_path, {}}, host,
                             [&](const Struck&) { return power_on(host, spec, memory_path); });
}

Result<void> SimHypervisor::ask_shutdown(const DomainRef& ref) {
  return perform<void>(scene("ask_shutdown", ref), ref.host, [&](const Struck&) {
    return at_host(ref.host, [&](State& state) -> Result<void> {
      const Domain* domain = TRY(find_active(state, ref));
      const DomainKey key = key_of(ref);
      const auto at = state.conducts.find(ref.name);
      const sim::Conduct conduct = at == state.conducts.end() ? sim::Conduct{} : at->second;
      // A paused guest hears the button when it goes on; the simulated one has forgotten it.
      if (conduct.acpi == sim::Acpi::kIgnored || domain->power == Power::kPaused) return {};
      if (conduct.shutdown_takes.count() == 0) {
        sim::perform(state, key, sim::GuestAct::kShutDown);
      } else {
        state.pending.emplace(state.now + conduct.shutdown_takes,
                              sim::PendingAct{key, domain->boots, sim::GuestAct::kShutDown});
      }
      return {};
    });
  });
}

Result<void> SimHypervisor::ensure_destroyed(const DomainRef& ref) {
  return perform<void>(scene("ensure_destroyed", ref), ref.host, [&](const Struck&) {
    return at_host(ref.host, [&](State& state) -> Result<void> {
      sim::power_off(state, key_of(ref), StopReason::kDestroyed);
      return {};
    });
  });
}

Result<void> SimHypervisor::ensure_undefined(const DomainRef& ref) {
  return perform<void>(scene("ensure_undefined", ref), ref.host, [&](const Struck&) {
    return at_host(ref.host, [&](State& state) -> Result<void> {
      const Domain* domain = state.find_domain(key_of(ref));
      if (domain != nullptr && domain->is_active())
        return fail(Errc::kWrongState, "domain {} on host {} runs", ref.name, ref.host.name);
      const auto disks = domain == nullptr ? std::vector<sim::Disk>{} : domain->disks;
      sim::vanish(state, key_of(ref));
      // Nobody will ever delete here what stood for a file of a real datastore.
      for (const sim::Disk& disk : disks) {
        const File* file = state.find_file(disk.path);
        if (file != nullptr && file->is_conjured && !state.is_in_use(disk.path))
          state.remove_file(disk.path);
      }
      return {};
    });
  });
}

Result<void> SimHypervisor::ensure_saved(const DomainRef& ref, const std::string& memory_path,
                                         Progress&) {
  Scene call = scene("ensure_saved", ref);
  call.path = memory_path;
  return perform<void>(call, ref.host, [&](const Struck&) -> Result<void> {
    const bool is_saved = TRY(at_host(ref.host, [&](State& state) -> Result<bool> {
      const Domain* domain = TRY(find_defined(state, ref));
      const File* memory = state.find_file(memory_path);
      if (domain->reason == StopReason::kSaved && memory != nullptr &&
          memory->memory_of == domain->uuid && !memory->is_unfinished)
        return true;
      TRY(find_active(state, ref));
      CHECK_OK(state.check_room(memory_path, domain->memory));
      File begun;
      begun.memory_of = domain->uuid;
      begun.is_unfinished = true;
      state.put_file(memory_path, std::move(begun));
      return false;
    }));
    if (is_saved) return {};
    world_.clock().sleep_for(world_.config().save);
    return at_host(ref.host, [&](State& state) -> Result<void> {
      const auto domain = find_active(state, ref);
      if (!domain) {
        state.remove_file(memory_path);
        return tl::unexpected(domain.error());
      }
      File memory = state.files[memory_path];
      memory.ballast = (*domain)->memory;
      memory.is_unfinished = false;
      memory.memory_of_run = state.runs[ref.name];
      state.put_file(memory_path, std::move(memory));
      sim::power_off(state, key_of(ref), StopReason::kSaved);
      return {};
    });
  });
}

Result<void> SimHypervisor::reboot(const DomainRef& ref, Reboot how) {
  return perform<void>(scene("reboot", ref), ref.host, [&](const Struck&) {
    return at_host(ref.host, [&](State& state) -> Result<void> {
      Domain* domain = TRY(find_active(state, ref));
      const auto conduct = state.conducts.find(ref.name);
      const bool is_deaf =
          conduct != state.conducts.end() && conduct->second.acpi == sim::Acpi::kIgnored;
      if (how == Reboot::kAcpi && is_deaf) return {};
      // A new run: what the old one had still to write or to do is gone with it.
      domain->is_frozen = false;
      domain->blocked_writes.clear();
      ++domain->boots;
      state.touch(key_of(ref));
      return {};
    });
  });
}

Result<void> SimHypervisor::ensure_unpaused(const DomainRef& ref) {
  return perform<void>(scene("ensure_unpaused", ref), ref.host, [&](const Struck&) {
    return at_host(ref.host, [&](State& state) -> Result<void> {
      TRY(find_active(state, ref));
      sim::unpause(state, key_of(ref));
      return {};
    });
  });
}

}  // namespace neph::hypervisor_driver
