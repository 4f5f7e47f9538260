#include "compute/internal/placing.h"

#include <algorithm>

namespace neph::compute::internal {

Result<datastore::Datastore> choose_datastore(db::Txn& txn, const Host& host, DatastoreId wanted) {
  std::optional<datastore::Datastore> best;
  for (const DatastoreId id : datastore::list_datastores(txn)) {
    if (wanted.is_set() && id != wanted) continue;
    auto candidate = TRY(datastore::find_datastore(txn, id));
    const bool is_near = candidate.clusters.empty() ||
                         std::ranges::find(candidate.clusters, host.cluster) !=
                             candidate.clusters.end();
    const bool is_fit = candidate.type == datastore::DatastoreType::kSystem &&
                        candidate.is_enabled && is_near;
    if (!is_fit) continue;
    if (!best || candidate.free_mb > best->free_mb) best = std::move(candidate);
  }
  if (best) return std::move(*best);
  if (wanted.is_set()) {
    return fail(Errc::kInvalid, "datastore {} is no enabled system datastore of cluster {}",
                wanted, host.cluster);
  }
  return fail(Errc::kWrongState, "cluster {} has no enabled system datastore", host.cluster);
}

Result<void> check_capacity(db::Txn& txn, const Host& host, const Vm& vm) {
  const HostUse use = host_use(txn, host.id);
  const auto cluster = TRY(find_cluster(txn, host.cluster));
  const Capacity most = capacity_of(host, cluster.attributes);
  const auto cpu = static_cast<std::int64_t>(vm.cpu * 100);
  const std::int64_t memory_kb = vm.memory_mb * 1024;
  if (use.cpu_percent + cpu > most.cpu_percent) {
    return fail(Errc::kWrongState, "host {} lacks CPU: {} % needed, {} % free", host.name, cpu,
                most.cpu_percent - use.cpu_percent);
  }
  if (use.memory_kb + memory_kb > most.memory_kb) {
    return fail(Errc::kWrongState, "host {} lacks memory: {} KB needed, {} KB free", host.name,
                memory_kb, most.memory_kb - use.memory_kb);
  }
  return {};
}

void open_history(db::Txn& txn, const Vm& vm, const Host& host,
                  const datastore::Datastore& system, UserId by) {
  HistoryRecord record;
  const auto earlier = list_history(txn, vm.id);
  record.seq = earlier.empty() ? 0 : earlier.back().seq + 1;
  record.host = host.id;
  record.host_name = host.name;
  record.cluster = host.cluster;
  record.datastore = system.id;
  record.vm_mad = host.vm_mad;
  record.tm_mad = system.tm_mad;
  record.by_user = by;
  record.started = txn.at();
  record.prolog_started = txn.at();
  save_history(txn, vm.id, record);
}

}  // namespace neph::compute::internal
