#pragma once

#include "drivers/sim_world/state.h"

/// What can become of a domain. Each function changes the state, tells the listeners and keeps
/// the index of used layers; none checks whether the host can be reached, for a guest does not
/// care whether somebody watches.
namespace neph::sim {

/// A domain that is to run: checks and records two writers of one file and one guest twice.
void power_on(State& state, const DomainKey& key);
/// Nothing when it is off already.
void power_off(State& state, const DomainKey& key, hypervisor_driver::StopReason reason);
/// Takes the definition away too; a running guest is destroyed without a word.
void vanish(State& state, const DomainKey& key);
void pause(State& state, const DomainKey& key);
void unpause(State& state, const DomainKey& key);
void perform(State& state, const DomainKey& key, GuestAct act);

/// Writes into the top layer. A frozen guest's write waits for the thaw; a full disk pauses the
/// guest as QEMU's werror=enospc does, and the write waits for its continuation.
/// kWrongState when the guest does not run, kNotFound without such a disk, kDenied read-only,
/// kInvalid behind the end.
[[nodiscard]] Result<void> write_block(State& state, const DomainKey& key,
                                       const BlockedWrite& write);
void freeze(State& state, const DomainKey& key);
void thaw(State& state, const DomainKey& key);

[[nodiscard]] Conduct conduct_of(const State& state, const DomainKey& key);
[[nodiscard]] std::int64_t cpu_time_ns(const State& state, const Domain& domain);

}  // namespace neph::sim
