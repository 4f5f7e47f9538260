#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"

/// The QEMU guest agent of a running domain, as libvirt passes it on.
namespace neph::hypervisor_driver::virt {

/// Answers a ping within `limit` (libvirt counts whole seconds, at least one).
/// \returns an error with the agent's words; kUnavailable only when the host itself is gone
[[nodiscard]] Result<void> ping_agent(virDomainPtr domain, Duration limit);

/// Freezes every file system the agent can freeze; answers how many.
[[nodiscard]] Result<int> freeze(virDomainPtr domain, Duration limit);

/// Thaws; answers how many file systems were frozen until now.
[[nodiscard]] Result<int> thaw(virDomainPtr domain, Duration limit);

enum class FreezeState { kThawed, kFrozen };
[[nodiscard]] Result<FreezeState> inspect_freeze(virDomainPtr domain, Duration limit);

/// Whether the error means that no agent is there at all (none configured, none running), so that
/// nothing can be frozen either.
[[nodiscard]] bool means_no_agent(const Error& error);

}  // namespace neph::hypervisor_driver::virt
