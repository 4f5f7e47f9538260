#pragma once

#include <string>

#include "access/permissions.h"
#include "base/result.h"
#include "db/database.h"

/// VMs that exist join a role of a VM group, or leave it. Store lane; rights on the VM are the
/// caller's business.
namespace neph::compute {

/// In any state but DONE. A VM that is on a host must fit there with what the role asks for: it
/// stays where it is.
/// \returns kNotFound, kDenied without USE of the group, kInvalid for an unknown role, kWrongState
Result<void> join_vm_group(db::Txn& txn, const access::Actor& actor, VmId vm, VmGroupId group,
                           const std::string& role);
/// A VM without a role stays as it is.
Result<void> leave_vm_group(db::Txn& txn, VmId vm);

}  // namespace neph::compute
