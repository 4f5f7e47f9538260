#pragma once

#include <optional>

#include "compute/internal/vm_jobs.h"

/// A VM whose disks are made anew (one.vm.recover, delete-recreate), after its guest is off. Store
/// lane.
namespace neph::compute::internal {

/// Every snapshot gets its time first, for the disks that it needs are about to go. nullopt: none
/// needs one. \param given_up  where recover failure leaves the VM, with its disks as they are
[[nodiscard]] std::optional<jobs::Next> wait_for_snapshots(db::Txn& txn, const jobs::Job& job,
                                                           Vm& vm, Stand given_up);
/// Written down before the first file goes: from here on no snapshot and no boot finds the disks.
void intend_removal(db::Txn& txn, Vm& vm);
/// The files are gone. Persistent disks keep their bytes and their restore points. The VM is saved
/// by the caller.
void forget_disks(db::Txn& txn, Vm& vm);

}  // namespace neph::compute::internal
