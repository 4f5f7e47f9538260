#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "access/permissions.h"
#include "base/lanes.h"
#include "datastore/image_service.h"
#include "db/store.h"
#include "drivers/datastore/sim/sim_datastore.h"
#include "drivers/sim_world/sim_world.h"
#include "jobs/queue.h"
#include "jobs/runner.h"

namespace neph::datastore {

/// A store in memory with the three first datastores, simulated files, the real runner, a user,
/// and a safe directory on the real file system for what PATH names.
class ImageBench : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  /// Where datastores are; only a test with a real driver needs a place that exists.
  [[nodiscard]] virtual std::filesystem::path datastores() const { return "/ds"; }
  /// Begins to work on what the store holds, as the daemon does at its start.
  void start();
  /// kill -9: what was queued is gone, what was committed and written is there.
  void cut_power();

  /// A file in the safe directory, in both worlds.
  std::string put_source(const std::string& name,
                         datastore_driver::Format format = datastore_driver::Format::kQcow2);
  /// The same with an answer, for tests of what was refused.
  Result<ImageId> allocate(const std::string& content, DatastoreId datastore = DatastoreId{1});
  Result<ImageId> allocate_as(const access::Actor& actor, const std::string& content,
                              DatastoreId datastore = DatastoreId{1});
  /// A READY image of a source of that name.
  ImageId make_ready(const std::string& name);
  /// One piece of work in a transaction, and everything that follows from it at this instant.
  Result<void> transact(const std::function<Result<void>(db::Txn&)>& work);
  template <class F>
  void look(F&& work) {
    database_->read(lanes_.clock().now(), std::forward<F>(work));
  }
  Image image(ImageId id);
  bool is_there(ImageId id);
  ImageState shown(ImageId id);
  jobs::Job job(JobId id);
  /// The only job of the image that is not over.
  jobs::Job open_job(ImageId id);
  /// A VM in that state with the image as its disk 0.
  void use_by_vm(std::int64_t vm, ImageId id, int vm_state = 3, bool is_retained = false);
  /// Files below the datastores.
  std::vector<std::string> stored_files();
  std::int64_t count_images();

  ManualLanes lanes_;
  sim::SimWorld world_{lanes_.clock()};
  datastore_driver::SimDatastore files_{world_};
  DriverCatalogue drivers_;
  std::filesystem::path safe_;
  access::Actor root_{UserId{0}, "oneadmin", GroupId{0}, "oneadmin", {GroupId{0}}};
  access::Actor alice_;
  std::unique_ptr<ImageService> service_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<jobs::ProgressBoard> board_;
  std::unique_ptr<db::Store> store_;
  std::unique_ptr<jobs::Runner> runner_;
};

}  // namespace neph::datastore
