#pragma once

#include <string>
#include <string_view>

#include "compute/lifecycle.h"
#include "compute/vm.h"
#include "db/database.h"
#include "drivers/hypervisor/driver.h"

/// What is known about a guest becomes rows, and the holds on its disks hear of it in the same
/// transaction. Store lane. Each function may be told the same fact twice.
namespace neph::compute {

/// Whether a guest that ended for that reason had run until then: not so after a save or a move,
/// and of kUnknown nobody can tell.
[[nodiscard]] bool has_run(hypervisor_driver::StopReason reason);

/// The last boot failed and nobody heard how: the guest may run although the VM is shown as off.
/// The next look at its host tells.
[[nodiscard]] bool is_in_doubt(const Vm& vm);

/// The guest is off. A halt under way goes on; a guest that stopped by itself is POWEROFF, or
/// BACKUP_POWEROFF while it is backed up. States
/// in which a job of ours is about to settle the same thing are left to it.
void apply_off(db::Txn& txn, VmId vm, hypervisor_driver::StopReason reason, Instant at);
/// The guest runs: UNKNOWN, or one that somebody started by hand, becomes RUNNING.
void apply_alive(db::Txn& txn, VmId vm);
/// The guest is paused, by hand or by a disk error.
void apply_paused(db::Txn& txn, VmId vm, std::string_view why);
/// Its host cannot be asked: RUNNING becomes UNKNOWN. Nothing fires.
void apply_lost(db::Txn& txn, VmId vm, std::string_view why);

/// Its host was declared lost: whatever ran there is off, as after a power cut.
void apply_host_lost(db::Txn& txn, VmId vm, std::string_view host);

/// Woken when apply_off has recorded a stop.
[[nodiscard]] std::string stopped_key(VmId vm);

/// A transition; clears what the state before left behind.
void set_stand(Vm& vm, Stand stand);
[[nodiscard]] inline Stand stand_of(const Vm& vm) { return {vm.state, vm.lcm}; }
/// USER_TEMPLATE/ERROR, with the time in front as OpenNebula has it.
void put_error(Vm& vm, Instant at, const std::string& text);

/// Whether a job saves the guest's memory to end it: that it goes off is no news then.
[[nodiscard]] bool is_saving(db::Txn& txn, const Vm& vm);

/// The last record, changed by `change` and stored; nothing when there is none.
void change_history(db::Txn& txn, VmId vm,
                    const std::function<void(HistoryRecord&)>& change);
/// Everything armed on the disks of a VM that ends now fires, graded by what is known of the stop.
void fire_final_holds(db::Txn& txn, const Vm& vm);
/// DONE: disks that are held become retained and get a job vm.sweep each.
void end_vm(db::Txn& txn, Vm& vm);

}  // namespace neph::compute
