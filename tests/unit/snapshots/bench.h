#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "access/directory.h"
#include "base/lanes.h"
#include "compute/vm.h"
#include "datastore/image.h"
#include "db/store.h"
#include "drivers/catalogue.h"
#include "drivers/datastore/sim/sim_datastore.h"
#include "drivers/hypervisor/sim/sim_hypervisor.h"
#include "drivers/sim_world/sim_world.h"
#include "jobs/runner.h"
#include "snapshots/snapshot_service.h"

namespace neph::snapshots {

/// Lanes by hand whose power can be cut around the n-th act of a driver lane: before it, or after
/// its effect and before anybody hears of it. From then on nothing runs.
class CutLanes final : public Lanes {
 public:
  enum class Side { kBefore, kAfter };

  Lane& store() override { return store_; }
  Lane& readers() override { return store_; }
  Lane& passwords() override { return store_; }
  Lane& drivers() override { return drivers_; }
  Timers& timers() override { return inner_.timers(); }
  Clock& clock() override { return inner_.clock(); }

  void cut_at(int act, Side side) { cut_at_ = act, side_ = side; }
  [[nodiscard]] bool is_cut() const { return is_cut_; }
  [[nodiscard]] int acts() const { return acts_; }
  void run() { inner_.run_until_idle(); }
  void advance(Duration by) { inner_.advance(by); }

 private:
  struct StoreLane final : Lane {
    explicit StoreLane(CutLanes& lanes) : lanes_(lanes) {}
    void post(Task task) override {
      lanes_.inner_.store().post([this, task = std::move(task)] {
        if (!lanes_.is_cut_) task();
      });
    }
    [[nodiscard]] std::size_t backlog() const override { return 0; }
    CutLanes& lanes_;
  };
  struct DriverLane final : Lane {
    explicit DriverLane(CutLanes& lanes) : lanes_(lanes) {}
    void post(Task task) override {
      lanes_.inner_.drivers().post([this, task = std::move(task)] { lanes_.act(task); });
    }
    [[nodiscard]] std::size_t backlog() const override { return 0; }
    CutLanes& lanes_;
  };

  void act(const Task& task) {
    if (is_cut_) return;
    if (++acts_ != cut_at_) return task();
    is_cut_ = side_ == Side::kBefore;
    if (!is_cut_) task();
    is_cut_ = true;
  }

  ManualLanes inner_;
  StoreLane store_{*this};
  DriverLane drivers_{*this};
  int acts_ = 0;
  int cut_at_ = -1;
  Side side_ = Side::kAfter;
  bool is_cut_ = false;
};

/// The world's clock, which can let something happen while a driver sleeps: in the midst of a copy.
class HookClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return inner_.now(); }
  [[nodiscard]] Duration monotonic() const override { return inner_.monotonic(); }
  void sleep_for(Duration length) override {
    inner_.sleep_for(length);
    if (when_ && when_()) {
      when_ = nullptr;
      std::exchange(hook_, nullptr)();
    }
  }
  /// Once, at the first sleep for which `when` holds.
  void at_sleep(std::function<bool()> when, std::function<void()> hook) {
    when_ = std::move(when);
    hook_ = std::move(hook);
  }

 private:
  VirtualClock inner_;
  std::function<bool()> when_;
  std::function<void()> hook_;
};

/// One host, one VM with two disks that runs, both sim drivers, the real store and runner. Rows
/// of VM and disks are written by hand, as `compute` would write them.
class SnapshotBench : public testing::Test {
 protected:
  void SetUp() override;

  /// As after kill -9: a new runner over the same store; the guests have gone on.
  void restart();
  /// Runs what is queued, and timers for a while.
  void settle(Duration time = Duration{0});

  template <class T>
  Result<T> transact(std::function<Result<T>(db::Txn&)> work) {
    Result<T> answer = fail(Errc::kInternal, "the transaction was not run");
    store_->run<T>(std::move(work), [&](Result<T> result) { answer = std::move(result); });
    lanes_->run();
    return answer;
  }
  void change(const std::function<void(db::Txn&)>& work);
  void read(const std::function<void(db::Txn&)>& work);

  /// A request of alice's, who owns the VM; settled as far as time stands still.
  Result<std::vector<Snapshot>> ask(const Request& request);
  Snapshot ask_one(const Request& request);
  [[nodiscard]] Request hot(std::string name = "saved") const;
  [[nodiscard]] Request deferred(std::string name = "saved") const;

  Result<void> cancel(SnapshotId id);
  Result<void> retry(SnapshotId id);

  [[nodiscard]] Snapshot snapshot(SnapshotId id);
  [[nodiscard]] std::optional<datastore::Image> image(ImageId id);
  [[nodiscard]] std::optional<datastore::Hold> hold(SnapshotId id);
  [[nodiscard]] compute::VmDisk disk(DiskId id = DiskId{0});
  [[nodiscard]] compute::Vm vm();
  /// What is in the image's file.
  [[nodiscard]] sim::Content content(const Snapshot& of);
  /// What the guest has on a disk.
  [[nodiscard]] sim::Content on_disk(DiskId id = DiskId{0});
  void write(std::int64_t block, sim::Stamp stamp, const std::string& target = "vda");

  /// The guest ends, and compute tells.
  void stop_guest(datastore::GuestEnd end = datastore::GuestEnd::kOrderly);
  void set_stand(compute::VmState state, compute::LcmState lcm = compute::LcmState::kInit);
  /// As compute boots: with the layers that the rows name, unless a hold or a claim forbids it.
  void start_guest();
  [[nodiscard]] bool may_boot();
  /// The VM is terminated: its guest stops, then it is DONE with its held disks retained.
  void end_vm(datastore::GuestEnd end = datastore::GuestEnd::kFinalOrderly);

  /// No layers, parts or jobs left behind, and nothing happened that must not.
  void expect_tidy();
  [[nodiscard]] std::vector<std::string> files_like(const std::string& part);

  static constexpr const char* kGuest = "one-0";
  static constexpr const char* kPath = "/ds/0/0/disk.0";
  HookClock world_clock_;
  sim::SimWorld world_{world_clock_, {.copy_rate = Bytes::megabytes(1),
                                      .copy_chunk = Bytes{sim::kBlockSize},
                                      .evidence = sim::Evidence::kContents}};
  hypervisor_driver::SimHypervisor hypervisor_{world_};
  datastore_driver::SimDatastore files_{world_};
  DriverCatalogue drivers_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<compute::VmService> vms_;
  std::unique_ptr<SnapshotService> service_;
  std::unique_ptr<CutLanes> lanes_;
  std::unique_ptr<jobs::ProgressBoard> board_;
  std::unique_ptr<db::Store> store_;
  std::unique_ptr<jobs::Runner> runner_;
  access::Actor alice_;
  ImageId base_;
  VmId vm_;

 private:
  void insert_rows(db::Txn& txn);
  void insert_disk(db::Txn& txn, DiskId id, const std::string& target);
  [[nodiscard]] hypervisor_driver::DomainSpec spec();
};

}  // namespace neph::snapshots
