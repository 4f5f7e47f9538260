#pragma once

#include <string_view>

#include "drivers/hypervisor/driver.h"
#include "drivers/sim_world/faults.h"
#include "drivers/sim_world/state.h"

/// How the files of this driver name and find domains. For this folder alone.
namespace neph::hypervisor_driver {

inline sim::DomainKey key_of(const DomainRef& domain) { return {domain.host.name, domain.name}; }

inline sim::Scene scene(std::string_view verb, const DomainRef& domain) {
  return {verb, domain.host.name, domain.name, {}, {}};
}

/// kNotFound when the host has no such domain.
inline Result<sim::Domain*> find_defined(sim::State& state, const DomainRef& ref) {
  sim::Domain* domain = state.find_domain(key_of(ref));
  if (domain == nullptr)
    return fail(Errc::kNotFound, "host {} has no domain {}", ref.host.name, ref.name);
  return domain;
}

/// kWrongState when it is off.
inline Result<sim::Domain*> find_active(sim::State& state, const DomainRef& ref) {
  sim::Domain* domain = TRY(find_defined(state, ref));
  if (!domain->is_active())
    return fail(Errc::kWrongState, "domain {} on host {} is off", ref.name, ref.host.name);
  return domain;
}

}  // namespace neph::hypervisor_driver
