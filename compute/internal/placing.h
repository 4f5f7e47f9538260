#pragma once

#include "compute/host.h"
#include "compute/vm.h"
#include "datastore/image.h"

/// What a VM needs of the host that it is put on. Store lane.
namespace neph::compute::internal {

/// The system datastore for a VM on a host: the one asked for, or the roomiest of the cluster.
[[nodiscard]] Result<datastore::Datastore> choose_datastore(db::Txn& txn, const Host& host,
                                                            DatastoreId wanted);
/// \returns kWrongState saying what the host lacks
[[nodiscard]] Result<void> check_capacity(db::Txn& txn, const Host& host, const Vm& vm);
/// The VM's record on that host begins.
void open_history(db::Txn& txn, const Vm& vm, const Host& host,
                  const datastore::Datastore& system, UserId by);

}  // namespace neph::compute::internal
