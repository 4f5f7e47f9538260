#pragma once

#include <string>

#include "db/database.h"

/// State stores of a size, for programs that measure.
namespace neph::bench {

/// Hosts for so many VMs, offline: what is measured is the controller, not how fast hosts answer.
void add_hosts(db::Txn& txn, int vms);
/// Every other one is DONE. \param more  of its user template, beside a description
void add_vm(db::Txn& txn, int id, const std::string& more = {});
/// So that nothing that nephd makes gets an id of these.
void move_counters(db::Txn& txn);

}  // namespace neph::bench
