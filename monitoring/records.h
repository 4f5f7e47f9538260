#pragma once

#include "db/database.h"
#include "monitoring/board.h"

/// Samples in the store. One row is one visit of one host with all its VMs, so that keeping them
/// costs a row where a row of the host is written anyway. Store lane.
namespace neph::monitoring {

/// Keeps a record and forgets those older than `retention`.
void save_record(db::Txn& txn, const Record& record, Duration retention);
/// Puts what was kept back on the board; at start. What cannot be read is left out.
void load_records(db::Txn& txn, Board& board);

}  // namespace neph::monitoring
