#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "compute/system_snapshot.h"
#include "compute/vm.h"

/// Rows of VMs that only this room asks for.
namespace neph::compute {

/// A VM that is not DONE and has that UUID.
[[nodiscard]] std::optional<VmId> find_living_by_uuid(db::Txn& txn, std::string_view uuid);
/// A disk of an ended VM, kept for a snapshot, that is this persistent image itself.
[[nodiscard]] std::optional<VmId> find_retaining_vm(db::Txn& txn, ImageId image);

/// Those CLONING; that have a disk on this image.
[[nodiscard]] std::vector<VmId> list_cloning_vms(db::Txn& txn);
[[nodiscard]] std::vector<VmId> list_cloning_vms(db::Txn& txn, ImageId image);

/// A number that no disk, NIC or snapshot of the VM has had. \param least  at least this one
[[nodiscard]] std::int64_t take_vm_number(db::Txn& txn, VmId vm, std::string_view name,
                                          std::int64_t least);
/// A disk that is detached; touches VM and image.
void delete_disk_row(db::Txn& txn, const VmDisk& disk);
void delete_nic_row(db::Txn& txn, const VmNic& nic);

/// Its row goes, and what it was charged with; the VM is saved by the caller.
void delete_system_snapshot(db::Txn& txn, Vm& vm, const SystemSnapshot& snapshot);
/// The guest does not run any more, or runs elsewhere; the VM is saved by the caller.
void forget_system_snapshots(db::Txn& txn, Vm& vm);

}  // namespace neph::compute
