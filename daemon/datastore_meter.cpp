#include "daemon/datastore_meter.h"

#include "base/log.h"

namespace neph::daemon {

using Datastores = std::vector<datastore::Datastore>;

namespace {

Result<Datastores> read_all(db::Txn& txn) {
  Datastores all;
  for (const DatastoreId id : datastore::list_datastores(txn))
    all.push_back(TRY(datastore::find_datastore(txn, id)));
  return all;
}

}  // namespace

void DatastoreMeter::start() {
  store_.observe([this](db::Txn& txn, const db::ChangeSet& changes) { observe(txn, changes); });
  ask();
}

void DatastoreMeter::observe(db::Txn& txn, const db::ChangeSet& changes) {
  for (const auto& [kind, id] : changes.all()) {
    if (kind != ObjectKind::kDatastore || !known_.insert(DatastoreId{id}).second) continue;
    auto found = datastore::find_datastore(txn, DatastoreId{id});
    if (!found || found->total_mb > 0) continue;
    lanes_.drivers().post([this, fresh = Datastores{std::move(*found)}] { measure(fresh); });
  }
}

void DatastoreMeter::ask() {
  if (is_stopping_) return;
  store_.run<Datastores>(
      &read_all, [this](Result<Datastores> found) {
        if (!found) return again();
        lanes_.drivers().post([this, list = std::move(*found)] {
          measure(list);
          again();
        });
      });
}

void DatastoreMeter::measure(const Datastores& datastores) {
  if (is_stopping_) return;
  auto measured = images_.measure(datastores);
  store_.run([measured = std::move(measured)](db::Txn& txn) -> Result<void> {
    for (const auto& [id, usage] : measured) {
      // It may have been deleted meanwhile.
      if (!datastore::find_datastore(txn, id)) continue;
      if (usage) datastore::save_usage(txn, id, *usage);
      else log::warn("datastore.not_measured", {{"datastore", id}, {"why", usage.error().text()}});
    }
    return {};
  });
}

void DatastoreMeter::again() {
  if (!is_stopping_) lanes_.timers().after(interval_, lanes_.store(), [this] { ask(); });
}

}  // namespace neph::daemon
