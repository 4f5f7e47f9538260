#include "compute/internal/showback_rows.h"
#include "compute/internal/stored.h"
#include "db/list_ids.h"

namespace neph::compute {

std::vector<MonthlyCost> list_showback(db::Txn& txn) {
  std::vector<MonthlyCost> costs;
  auto row = txn.query(
      "SELECT vm_id, year, month, cpu_cost, memory_cost, disk_cost, hours, running_hours"
      " FROM showback ORDER BY year, month, vm_id");
  while (row.next()) {
    costs.push_back({row.get<VmId>(0), {row.get<int>(1), row.get<int>(2)}, row.real(3),
                     row.real(4), row.real(5), row.real(6), row.real(7)});
  }
  return costs;
}

void save_cost(db::Txn& txn, const MonthlyCost& cost) {
  txn.exec(
      "INSERT OR REPLACE INTO showback (year, month, vm_id, cpu_cost, memory_cost, disk_cost,"
      " hours, running_hours) VALUES (?,?,?,?,?,?,?,?)",
      cost.month.year, cost.month.number, cost.vm, cost.cpu, cost.memory, cost.disk, cost.hours,
      cost.running_hours);
  txn.touch(ObjectKind::kShowback, 0);
}

std::vector<VmId> list_vms_placed(db::Txn& txn, Instant from, Instant to) {
  return db::list_ids<VmId>(
      txn,
      "SELECT DISTINCT vm_id FROM vm_history WHERE started_at > 0 AND started_at < ?"
      " AND (ended_at = 0 OR ended_at > ?) ORDER BY vm_id",
      to.seconds(), from.seconds());
}

Instant first_placed(db::Txn& txn) {
  return from_seconds(
      txn.value<std::int64_t>("SELECT min(started_at) FROM vm_history WHERE started_at > 0")
          .value_or(0));
}

}  // namespace neph::compute
