#include "compute/internal/stored.h"
#include "compute/vm.h"

namespace neph::compute {

std::vector<HistoryRecord> list_history(db::Txn& txn, VmId vm) {
  std::vector<HistoryRecord> records;
  auto row = txn.query(
      "SELECT seq, host_id, host_name, cluster_id, datastore_id, vm_mad, tm_mad, action, by_user,"
      " started_at, ended_at, prolog_started_at, prolog_ended_at, running_started_at,"
      " running_ended_at, epilog_started_at, epilog_ended_at FROM vm_history WHERE vm_id = ?"
      " ORDER BY seq",
      vm);
  while (row.next()) {
    HistoryRecord record;
    record.seq = row.get<int>(0);
    record.host = row.get<HostId>(1);
    record.host_name = row.text(2);
    record.cluster = row.get<ClusterId>(3);
    record.datastore = row.get<DatastoreId>(4);
    record.vm_mad = row.text(5);
    record.tm_mad = row.text(6);
    record.action = row.get<HistoryAction>(7);
    record.by_user = row.get<UserId>(8);
    record.started = from_seconds(row.integer(9));
    record.ended = from_seconds(row.integer(10));
    record.prolog_started = from_seconds(row.integer(11));
    record.prolog_ended = from_seconds(row.integer(12));
    record.running_started = from_seconds(row.integer(13));
    record.running_ended = from_seconds(row.integer(14));
    record.epilog_started = from_seconds(row.integer(15));
    record.epilog_ended = from_seconds(row.integer(16));
    records.push_back(std::move(record));
  }
  return records;
}

void save_history(db::Txn& txn, VmId vm, const HistoryRecord& record) {
  txn.exec(
      "INSERT OR REPLACE INTO vm_history (vm_id, seq, host_id, host_name, cluster_id,"
      " datastore_id, vm_mad, tm_mad, action, by_user, started_at, ended_at, prolog_started_at,"
      " prolog_ended_at, running_started_at, running_ended_at, epilog_started_at, epilog_ended_at)"
      " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
      vm, record.seq, record.host.value, record.host_name, record.cluster.value,
      record.datastore.value, record.vm_mad, record.tm_mad, record.action, record.by_user.value,
      record.started.seconds(), record.ended.seconds(), record.prolog_started.seconds(),
      record.prolog_ended.seconds(), record.running_started.seconds(),
      record.running_ended.seconds(), record.epilog_started.seconds(),
      record.epilog_ended.seconds());
  txn.touch(ObjectKind::kVm, vm);
}

}  // namespace neph::compute
