#pragma once

#include <atomic>
#include <set>

#include "base/lanes.h"
#include "datastore/image_service.h"
#include "db/store.h"

namespace neph::daemon {

/// Measures the space of all datastores, now and at an interval, and of a new one at once, and
/// keeps it in the store. Lives on the store and driver lanes; the lanes must have ended before it
/// is destroyed.
class DatastoreMeter {
 public:
  DatastoreMeter(db::Store& store, Lanes& lanes, const datastore::ImageService& images,
                 Duration interval)
      : store_(store), lanes_(lanes), images_(images), interval_(interval) {}
  DatastoreMeter(const DatastoreMeter&) = delete;
  DatastoreMeter& operator=(const DatastoreMeter&) = delete;

  /// Before anything else runs: it observes the store.
  void start();
  /// Begins no more measuring. Any thread.
  void stop() { is_stopping_ = true; }

 private:
  void observe(db::Txn& txn, const db::ChangeSet& changes);
  void ask();
  void measure(const std::vector<datastore::Datastore>& datastores);
  void again();

  db::Store& store_;
  Lanes& lanes_;
  const datastore::ImageService& images_;
  Duration interval_;
  std::set<DatastoreId> known_;  ///< looked at when they were new; store lane only
  std::atomic<bool> is_stopping_{false};
};

}  // namespace neph::daemon
