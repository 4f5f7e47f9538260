#pragma once

#include <string>
#include <vector>

#include "db/database.h"
#include "drivers/sim_world/sim_world.h"

/// What is true of every state store and of every simulated world that belongs to it. Each function
/// answers what is wrong, in words, one complaint each; an empty list means that all is well.
/// The transaction is only read from. Store lane, or a test that runs the lanes by hand.
namespace neph::invariants {

using Complaints = std::vector<std::string>;

// True between any two transactions.

/// The file is sound, and every reference leads to a row.
[[nodiscard]] Complaints check_store(db::Txn& txn);
/// What is busy has a job that is not over, and a job that is over claims nothing.
[[nodiscard]] Complaints check_jobs(db::Txn& txn);
/// Every snapshot that still needs a disk holds it, and every hold, every layer and every retained
/// disk is there for a snapshot.
[[nodiscard]] Complaints check_holds(db::Txn& txn);
/// The sums of quotas are what there is.
[[nodiscard]] Complaints check_quotas(db::Txn& txn);
/// Every lease of a VM is that of a NIC it has, and every range knows its lowest free address.
[[nodiscard]] Complaints check_leases(db::Txn& txn);
/// No file is missing: READY images are whole and stand alone, disks and saved memory are there.
[[nodiscard]] Complaints check_bytes(db::Txn& txn, const sim::SimWorld& world);
/// All of them, and the world's own violations.
[[nodiscard]] Complaints check_always(db::Txn& txn, const sim::SimWorld& world);

// True when nothing runs and nothing that could run is waiting: the lanes are idle and enough time
// has passed for every attempt to be made again.

/// No job runs or could run.
[[nodiscard]] Complaints check_idle(db::Txn& txn);
/// Below the datastores there is no file without a row that it belongs to.
[[nodiscard]] Complaints check_leftovers(db::Txn& txn, const sim::SimWorld& world);
/// No guest is frozen; guests run exactly where VMs say so, on the layers that their rows name.
/// Hosts that cannot be reached are left out: nobody knows what happens there.
[[nodiscard]] Complaints check_guests(db::Txn& txn, const sim::SimWorld& world);
/// All of them, and check_always().
[[nodiscard]] Complaints check_at_rest(db::Txn& txn, const sim::SimWorld& world);

}  // namespace neph::invariants
