#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "access/directory.h"
#include "access/users.h"
#include "base/lanes.h"
#include "compute/host_service.h"
#include "compute/vm_service.h"
#include "compute/timetable.h"
#include "compute/watcher.h"
#include "datastore/image_service.h"
#include "db/store.h"
#include "drivers/datastore/sim/sim_datastore.h"
#include "drivers/hypervisor/sim/sim_hypervisor.h"
#include "jobs/runner.h"
#include "snapshots/snapshot_service.h"

namespace neph {

/// The whole core, from the services down to a real SQLite, on simulated hosts and storage, one
/// thread and a clock turned by hand. kill() is a power cut of the controller: what was not
/// committed is gone, the hosts go on.
class Site : public testing::Test {
 protected:
  struct Daemon;

  void SetUp() override;
  void TearDown() override;

  /// Ends the controller without a word and starts another one over the same store.
  void kill();
  /// The first half of it: nothing is left but the store and the world.
  void cut();
  /// The second half: nothing has run yet.
  void start();
  /// What a test may replace.
  [[nodiscard]] virtual Result<std::unique_ptr<db::Database>> open_store();
  [[nodiscard]] virtual sim::WorldConfig world_config();
  [[nodiscard]] virtual Clock& world_clock() { return lanes_.clock(); }
  /// What a controller of the test does besides; told of each new one before it runs.
  virtual void extend(Daemon& daemon);
  void settle() { lanes().run_until_idle(); }
  void pass(Duration time);

  // As the API's handlers do: one transaction, then everything that follows from it.
  VmId create_vm(const std::string& more = "");
  void act(VmId vm, compute::Action action);
  Result<void> try_act(VmId vm, compute::Action action);
  Result<void> recover(VmId vm, compute::Recover how);
  Result<std::vector<snapshots::Snapshot>> request(const snapshots::Request& ask);
  snapshots::Snapshot take(VmId vm, snapshots::Kind kind, const std::string& name,
                           datastore::Fires when = datastore::Fires::kFirstStop);

  [[nodiscard]] compute::Vm vm(VmId id);
  [[nodiscard]] std::string shown(VmId id);
  [[nodiscard]] compute::VmDisk disk(VmId id, int number = 0);
  [[nodiscard]] snapshots::Snapshot snapshot(SnapshotId id);
  [[nodiscard]] Result<datastore::Image> image(ImageId id);
  [[nodiscard]] std::vector<jobs::Job> open_jobs();
  /// What a guest wrote into the image: stamps by block.
  [[nodiscard]] sim::Blocks blocks_of(ImageId id);
  void guest_writes(VmId vm, std::int64_t block, sim::Stamp stamp);
  void guest_shuts_down(VmId vm);
  /// Files below the VM's directory.
  [[nodiscard]] std::vector<std::string> files_of(VmId vm);

  template <class T>
  Result<T> run(std::function<Result<T>(db::Txn&)> work);
  /// For what answers nothing.
  Result<void> change(const std::function<Result<void>(db::Txn&)>& work);
  template <class T>
  T read(std::function<T(db::Txn&)> work);

  [[nodiscard]] ManualLanes& lanes() { return lanes_; }
  [[nodiscard]] Daemon& daemon() { return *daemon_; }
  [[nodiscard]] sim::SimWorld& world() { return *world_; }

  static constexpr const char* kBase = "/ds/1/base";
  std::string host_ = "node1";
  access::Actor admin_;
  ImageId base_;
  Duration shutdown_limit_{60'000};
  Duration placement_window_{0};  ///< of the next controller
  std::unique_ptr<db::Database> database_;

 private:
  void install();

  // Outlive the controllers: time and the world go on.
  ManualLanes lanes_;
  std::unique_ptr<sim::SimWorld> world_;
  std::unique_ptr<Daemon> daemon_;
};

struct Site::Daemon {
  Daemon(Site& site, db::Database& database);

  hypervisor_driver::SimHypervisor hypervisor;
  datastore_driver::SimDatastore storage;
  DriverCatalogue drivers;
  db::Store store;
  jobs::ProgressBoard board;
  monitoring::Board samples;
  datastore::ImageService images;
  compute::VmService vms;
  compute::HostService hosts;
  snapshots::SnapshotService snapshots;
  jobs::Runner runner;
  compute::Watcher watcher;
  compute::Timetable timetable;
};

template <class T>
Result<T> Site::run(std::function<Result<T>(db::Txn&)> work) {
  std::optional<Result<T>> answer;
  daemon_->store.run<T>(work, [&](Result<T> result) { answer = std::move(result); });
  settle();
  NEPH_ASSERT(answer.has_value());
  return std::move(*answer);
}

template <class T>
T Site::read(std::function<T(db::Txn&)> work) {
  std::optional<T> answer;
  database_->read(lanes().clock().now(), [&](db::Txn& txn) { answer.emplace(work(txn)); });
  return std::move(*answer);
}

}  // namespace neph
