#include "tests/unit/snapshots/bench.h"

#include "access/users.h"
#include "compute/host.h"
#include "jobs/queue.h"
#include "tests/support/fresh_store.h"

namespace neph::snapshots {

using compute::LcmState;
using compute::VmState;

void SnapshotBench::SetUp() {
  drivers_.hypervisors["dummy"] = &hypervisor_;
  drivers_.datastores["dummy"] = &files_;
  vms_ = std::make_unique<compute::VmService>(compute::Settings{}, drivers_);
  service_ = std::make_unique<SnapshotService>(Settings{}, *vms_);
  database_ = fresh_store();
  world_.put_image("/ds/1/base", datastore_driver::Format::kQcow2, Bytes::megabytes(10), {{0, 7}});
  const auto made = database_->transact_one(Instant{1'700'000'000'000},
                                            [&](db::Txn& txn) -> Result<void> {
                                              CHECK_OK(access::bootstrap(txn, {"a", "b"}));
                                              insert_rows(txn);
                                              return {};
                                            });
  ASSERT_TRUE(made) << made.error().text();
  restart();
  start_guest();
}

void SnapshotBench::insert_rows(db::Txn& txn) {
  const access::Actor root{UserId{0}, "oneadmin", GroupId{0}, "oneadmin", {GroupId{0}}};
  const auto user = access::create_user(txn, root, {"alice", "hash", "", {}});
  ASSERT_TRUE(user) << user.error().text();
  alice_ = access::actor_of(access::find_user(txn, *user).value(), GroupId{}, 0177);
  compute::bootstrap_clusters(txn);
  for (const auto& [id, name, type] : {std::tuple{0, "system", 1}, std::tuple{1, "default", 0}})
    txn.exec(
        "INSERT INTO datastores(id, name, user_id, group_id, permissions, type, ds_mad, tm_mad, "
        "base_path) VALUES (?, ?, 0, 0, ?, ?, 'dummy', 'dummy', ?)",
        id, std::string(name), 0644, type, fmt::format("/ds/{}", id));
  compute::Host host;
  host.name = "node1";
  host.cluster = ClusterId{0};
  host.vm_mad = "dummy";
  host.is_reachable = true;
  datastore::Image base;
  base.name = "base";
  base.owner = alice_.user;
  base.group = alice_.group;
  base.state = datastore::ImageState::kReady;
  base.datastore = DatastoreId{1};
  base.size_mb = 10;
  base.source = "/ds/1/base";
  base.attributes.set("DEV_PREFIX", "vd");
  base_ = datastore::insert_image(txn, base);
  compute::Vm vm;
  vm.name = "guest";
  vm.owner = alice_.user;
  vm.group = alice_.group;
  vm.state = VmState::kPoweroff;
  vm.host = compute::insert_host(txn, host);
  vm.uuid = "uuid-of-guest";
  vm.system_datastore = DatastoreId{0};
  vm.deploy_id = kGuest;
  vm_ = compute::insert_vm(txn, vm);
  insert_disk(txn, DiskId{0}, "vda");
  insert_disk(txn, DiskId{1}, "vdb");
}

void SnapshotBench::insert_disk(db::Txn& txn, DiskId id, const std::string& target) {
  compute::VmDisk disk;
  disk.vm = vm_;
  disk.id = id;
  disk.image = base_;
  disk.image_datastore = DatastoreId{1};
  disk.path = fmt::format("/ds/0/0/disk.{}", id);
  disk.is_present = true;
  disk.size_mb = 10;
  disk.target = target;
  compute::save_disk(txn, disk);
  NoProgress progress;
  ASSERT_TRUE(files_.ensure_cloned({"/ds/1/base"}, {disk.path},
                                   datastore_driver::CloneMode::kOverlay, std::nullopt, progress));
}

void SnapshotBench::restart() {
  runner_.reset();
  store_.reset();
  lanes_ = std::make_unique<CutLanes>();
  board_ = std::make_unique<jobs::ProgressBoard>(lanes_->clock());
  store_ = std::make_unique<db::Store>(*database_, *lanes_);
  runner_ = std::make_unique<jobs::Runner>(*store_, *lanes_, *board_, jobs::Runner::Limits{});
  for (auto& kind : service_->job_kinds()) runner_->add(std::move(kind));
  runner_->add({"image.hash", {{.name = "hash", .plan = [](db::Txn&, const jobs::Job&) {
                                  return Result<jobs::Work>(jobs::at_once(jobs::done()));
                                }}}});
  runner_->start();
  lanes_->run();
}

void SnapshotBench::settle(Duration time) {
  lanes_->run();
  if (time.count() > 0) lanes_->advance(time);
}

void SnapshotBench::change(const std::function<void(db::Txn&)>& work) {
  const auto done = transact<int>([&](db::Txn& txn) -> Result<int> {
    work(txn);
    return 0;
  });
  ASSERT_TRUE(done || lanes_->is_cut()) << done.error().text();
}

void SnapshotBench::read(const std::function<void(db::Txn&)>& work) {
  database_->read(lanes_->clock().now(), work);
}

Result<std::vector<Snapshot>> SnapshotBench::ask(const Request& request) {
  return transact<std::vector<Snapshot>>(
      [&](db::Txn& txn) { return service_->request(txn, alice_, request); });
}

Snapshot SnapshotBench::ask_one(const Request& request) {
  const auto made = ask(request);
  EXPECT_TRUE(made) << made.error().text();
  return made ? made->front() : Snapshot{};
}

Request SnapshotBench::hot(std::string name) const {
  Request request;
  request.vm = vm_;
  request.disks = {DiskId{0}};
  request.name = std::move(name);
  return request;
}

Request SnapshotBench::deferred(std::string name) const {
  Request request = hot(std::move(name));
  request.kind = Kind::kDeferred;
  return request;
}

Result<void> SnapshotBench::cancel(SnapshotId id) {
  return transact<int>([&](db::Txn& txn) -> Result<int> {
           CHECK_OK(service_->cancel(txn, id));
           return 0;
         }).map([](int) {});
}

Result<void> SnapshotBench::retry(SnapshotId id) {
  return transact<int>([&](db::Txn& txn) -> Result<int> {
           CHECK_OK(service_->retry(txn, id));
           return 0;
         }).map([](int) {});
}

Snapshot SnapshotBench::snapshot(SnapshotId id) {
  Snapshot found;
  read([&](db::Txn& txn) { found = find_snapshot(txn, id).value_or(Snapshot{}); });
  return found;
}

std::optional<datastore::Image> SnapshotBench::image(ImageId id) {
  std::optional<datastore::Image> found;
  read([&](db::Txn& txn) {
    if (auto row = datastore::find_image(txn, id)) found = *row;
  });
  return found;
}

std::optional<datastore::Hold> SnapshotBench::hold(SnapshotId id) {
  std::optional<datastore::Hold> found;
  read([&](db::Txn& txn) { found = datastore::find_hold(txn, id); });
  return found;
}

compute::VmDisk SnapshotBench::disk(DiskId id) {
  compute::VmDisk found;
  read([&](db::Txn& txn) { found = compute::find_disk(txn, vm_, id).value(); });
  return found;
}

compute::Vm SnapshotBench::vm() {
  compute::Vm found;
  read([&](db::Txn& txn) { found = compute::find_vm(txn, vm_).value(); });
  return found;
}

sim::Content SnapshotBench::content(const Snapshot& of) {
  const auto row = image(of.image);
  EXPECT_TRUE(row) << "image " << of.image.value << " is gone";
  const auto found = row ? world_.content_of(row->source)
                         : Result<sim::Content>(fail(Errc::kNotFound, "no row"));
  EXPECT_TRUE(found) << found.error().text();
  return found.value_or(sim::Content{});
}

sim::Content SnapshotBench::on_disk(DiskId id) {
  return world_.content_of(compute::live_path(disk(id))).value_or(sim::Content{});
}

void SnapshotBench::write(std::int64_t block, sim::Stamp stamp, const std::string& target) {
  const auto written = world_.guest_writes(kGuest, target, block, stamp);
  ASSERT_TRUE(written) << written.error().text();
}

void SnapshotBench::set_stand(VmState state, LcmState lcm) {
  change([&](db::Txn& txn) {
    auto row = compute::find_vm(txn, vm_).value();
    row.state = state;
    row.lcm = lcm;
    if (lcm == LcmState::kRunning) row.rest_grade = datastore::Grade::kNone;
    row.memory_path = state == VmState::kSuspended ? "/ds/0/0/memory" : "";
    if (state == VmState::kSuspended) row.rest_grade = datastore::Grade::kCrash;
    compute::save_vm(txn, row);
  });
}

void SnapshotBench::stop_guest(datastore::GuestEnd end) {
  using datastore::GuestEnd;
  const bool is_cut = end == GuestEnd::kCut || end == GuestEnd::kFinalCut;
  const auto stopped = is_cut ? world_.qemu_dies(kGuest) : world_.guest_shuts_down(kGuest);
  ASSERT_TRUE(stopped) << stopped.error().text();
  change([&](db::Txn& txn) {
    auto row = compute::find_vm(txn, vm_).value();
    if (row.lcm != LcmState::kShutdown) {
      row.state = VmState::kPoweroff;
      row.lcm = LcmState::kInit;
    }
    row.rest_grade = is_cut ? datastore::Grade::kCrash : datastore::Grade::kShutdown;
    compute::save_vm(txn, row);
    datastore::apply_guest_end(txn, vm_, end, txn.at());
  });
}

hypervisor_driver::DomainSpec SnapshotBench::spec() {
  hypervisor_driver::DomainSpec domain;
  domain.name = kGuest;
  domain.uuid = "uuid-of-guest";
  domain.memory = Bytes::megabytes(64);
  for (const DiskId id : {DiskId{0}, DiskId{1}}) {
    hypervisor_driver::DiskSpec one;
    one.path = compute::live_path(disk(id));
    one.format = "qcow2";
    one.target = disk(id).target;
    domain.disks.push_back(one);
  }
  return domain;
}

bool SnapshotBench::may_boot() {
  bool may = true;
  read([&](db::Txn& txn) {
    for (const auto& held : datastore::list_holds(txn, vm_))
      may = may && held.state != datastore::HoldState::kDue;
    for (const auto& row : compute::list_disks(txn, vm_))
      may = may && !jobs::find_claimant(txn, compute::disk_resource(vm_, row.id));
  });
  return may;
}

void SnapshotBench::start_guest() {
  ASSERT_TRUE(may_boot());
  const auto started = hypervisor_.ensure_started({HostId{0}, "node1", ""}, spec());
  ASSERT_TRUE(started) << started.error().text();
  set_stand(VmState::kActive, LcmState::kRunning);
}

void SnapshotBench::end_vm(datastore::GuestEnd end) {
  set_stand(VmState::kActive, LcmState::kShutdown);
  stop_guest(end);
  change([&](db::Txn& txn) {
    for (auto row : compute::list_disks(txn, vm_)) {
      row.is_retained = !datastore::list_holds(txn, vm_, row.id).empty();
      row.is_present = row.is_retained;
      compute::save_disk(txn, row);
    }
    auto row = compute::find_vm(txn, vm_).value();
    row.state = VmState::kDone;
    row.lcm = LcmState::kInit;
    compute::save_vm(txn, row);
  });
}

std::vector<std::string> SnapshotBench::files_like(const std::string& part) {
  std::vector<std::string> found;
  for (const auto& file : world_.list_files())
    if (file.find(part) != std::string::npos) found.push_back(file);
  return found;
}

void SnapshotBench::expect_tidy() {
  for (const char* part : {".snap-", ".pin-", ".part"})
    EXPECT_EQ(files_like(part), std::vector<std::string>{}) << "left behind";
  read([&](db::Txn& txn) {
    EXPECT_TRUE(datastore::list_holds(txn, vm_).empty());
    for (const auto& job : jobs::list_open(txn))
      ADD_FAILURE() << "job " << job.id.value << " " << job.kind << "/" << job.step
                    << " is open: " << job.reason;
  });
  EXPECT_EQ(disk().overlay_path, "");
  EXPECT_EQ(world_.violations(), std::vector<std::string>{});
}

}  // namespace neph::snapshots
