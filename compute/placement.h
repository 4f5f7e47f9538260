#pragma once

#include "compute/vm_service.h"
#include "db/database.h"

namespace neph::compute {

/// Places every pending VM that fits somewhere, and tells the others why they do not. Store lane.
void place_pending(db::Txn& txn, VmService& vms);

/// VMs that waited for this image to be copied: PENDING when all of theirs are ready,
/// CLONING_FAILURE when one of them failed.
void promote_waiting_for(db::Txn& txn, ImageId image);
/// The same for all images.
void promote_waiting(db::Txn& txn);

}  // namespace neph::compute
