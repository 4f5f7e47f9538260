#pragma once

#include <vector>

#include "drivers/hypervisor/driver.h"
#include "drivers/hypervisor/libvirt/internal/host_link.h"

/// Finding domains and telling how they are.
namespace neph::hypervisor_driver::virt {

/// By UUID, by name when there is none. An empty handle when the host has no such domain.
[[nodiscard]] Result<Domain> find_domain(virConnectPtr connection, const DomainRef& ref);
/// The same; kNotFound when there is none.
[[nodiscard]] Result<Domain> need_domain(virConnectPtr connection, const DomainRef& ref);

/// libvirt's own numbers (virDomainState and the reasons that belong to it).
struct RawState {
  int state = 0;
  int reason = 0;
};
[[nodiscard]] Result<RawState> state_of(virDomainPtr domain);
/// There is a QEMU process, whatever it does.
[[nodiscard]] bool is_active(RawState state);
/// The guest executes, or would if it were not paused: verbs on it make sense.
[[nodiscard]] bool is_alive(RawState state);
[[nodiscard]] std::string uuid_of(virDomainPtr domain);

/// Ends a domain that has been in state "shutdown" for longer than the grace: libvirt 9.0 leaves
/// it there for ever when the guest powered off during a backup job. Answers its state after that.
[[nodiscard]] Result<RawState> settled_state(HostLink& link, virDomainPtr domain);

/// Power cut; a domain that is off by the time libvirt answers counts as done, whatever libvirt
/// says (it may just have taken up the guest after a restart).
[[nodiscard]] Result<void> cut_power(HostLink& link, virDomainPtr domain);

[[nodiscard]] Result<DomainFact> fact_of(HostLink& link, virDomainPtr domain);
[[nodiscard]] Result<std::vector<DomainFact>> list_facts(HostLink& link, virConnectPtr connection);

}  // namespace neph::hypervisor_driver::virt
