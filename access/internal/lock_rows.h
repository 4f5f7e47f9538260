#pragma once

#include "access/locks.h"

/// Rows behind access/locks.h.
namespace neph::access::internal {

void put_lock(db::Txn& txn, const Lockable& what, const Lock& lock);
void erase_lock(db::Txn& txn, const Lockable& what);

}  // namespace neph::access::internal
