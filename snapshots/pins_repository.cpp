#include "datastore/holds.h"
#include "snapshots/internal/pins.h"
#include "snapshots/snapshot.h"

namespace neph::snapshots {

std::vector<VmId> list_vms_being_pinned(db::Txn& txn) {
  // The layer's name is written down before the freeze; the hold becomes pinned after the thaw.
  auto row = txn.query(
      "SELECT DISTINCT s.vm_id FROM disk_holds h JOIN snapshots s ON s.id = h.snapshot_id "
      "WHERE h.state <> ? AND s.pin_kind = ? ORDER BY s.vm_id",
      datastore::HoldState::kPinned, PinKind::kOverlay);
  std::vector<VmId> found;
  while (row.next()) found.push_back(row.get<VmId>(0));
  return found;
}

}  // namespace neph::snapshots
