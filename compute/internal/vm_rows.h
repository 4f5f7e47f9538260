#pragma once

#include <optional>
#include <string_view>

#include "compute/vm.h"

/// Rows of VMs that only this room asks for.
namespace neph::compute {

/// A VM that is not DONE and has that UUID.
[[nodiscard]] std::optional<VmId> find_living_by_uuid(db::Txn& txn, std::string_view uuid);
/// A disk of an ended VM, kept for a snapshot, that is this persistent image itself.
[[nodiscard]] std::optional<VmId> find_retaining_vm(db::Txn& txn, ImageId image);

}  // namespace neph::compute
