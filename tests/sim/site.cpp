#include "tests/sim/site.h"

#include <algorithm>

#include "compute/host.h"
#include "jobs/queue.h"
#include "monitoring/records.h"
#include "snapshots/thaw.h"
#include "snapshots/timetable_help.h"
#include "tests/support/fresh_store.h"
#include "tests/support/invariants.h"

namespace neph {
namespace {

datastore::Settings image_settings() {
  datastore::Settings settings;
  settings.datastores = "/ds";
  return settings;
}

compute::Settings vm_settings(Duration shutdown_limit, Duration placement_window) {
  compute::Settings settings;
  settings.datastores = "/ds";
  settings.shutdown_limit = shutdown_limit;
  settings.placement_window = placement_window;
  return settings;
}

}  // namespace

Site::Daemon::Daemon(Site& site, db::Database& database)
    : hypervisor(*site.world_),
      storage(*site.world_),
      drivers{{{"dummy", &hypervisor}}, {{"local", &storage}}},
      store(database, site.lanes_),
      board(site.lanes_.clock()),
      samples(site.lanes_.clock(), {}),
      images(image_settings(), drivers),
      vms(vm_settings(site.shutdown_limit_, site.placement_window_), drivers),
      hosts(vms.settings(), drivers),
      snapshots({}, vms),
      runner(store, site.lanes_, board, {}),
      watcher(store, site.lanes_, vms, &samples),
      timetable(store, site.lanes_, vms, snapshots::timetable_help(snapshots)) {
  database.read(site.lanes_.clock().now(),
                [this](db::Txn& txn) { monitoring::load_records(txn, samples); });
  for (auto& kind : images.job_kinds()) runner.add(std::move(kind));
  for (auto& kind : vms.job_kinds()) runner.add(std::move(kind));
  for (auto& kind : snapshots.job_kinds()) runner.add(std::move(kind));
  site.extend(*this);
  snapshots::thaw_interrupted(store, site.lanes_, drivers, [this] { runner.start(); });
  watcher.start();
  timetable.start();
}

Result<std::unique_ptr<db::Database>> Site::open_store() { return fresh_store(); }

sim::WorldConfig Site::world_config() {
  sim::WorldConfig config;
  config.evidence = sim::Evidence::kContents;
  return config;
}

void Site::extend(Daemon&) {}

void Site::SetUp() {
  world_ = std::make_unique<sim::SimWorld>(world_clock(), world_config());
  auto opened = open_store();
  ASSERT_TRUE(opened) << opened.error().text();
  database_ = std::move(*opened);
  install();
  start();
  const auto host = run<HostId>([this](db::Txn& txn) {
    return daemon_->hosts.allocate(txn, host_, "dummy", "dummy", ClusterId{0});
  });
  ASSERT_TRUE(host) << host.error().text();
}

/// What a first start makes, and an image that the world knows.
void Site::install() {
  datastore::ImageService images(image_settings(), DriverCatalogue{});
  const auto made = database_->transact_one(lanes_.clock().now(), [&](db::Txn& txn)
                                                                      -> Result<ImageId> {
    CHECK_OK(access::bootstrap(txn, {"hash", "hash"}));
    compute::bootstrap_clusters(txn);
    CHECK_OK(images.bootstrap(txn));
    datastore::Image base;
    base.name = "base";
    base.owner = UserId{0};
    base.group = GroupId{0};
    base.state = datastore::ImageState::kReady;
    base.datastore = DatastoreId{1};
    base.size_mb = 100;
    base.source = kBase;
    base.attributes.set("DEV_PREFIX", "vd");
    return datastore::insert_image(txn, base);
  });
  ASSERT_TRUE(made) << made.error().text();
  base_ = *made;
  world_->put_image(kBase, datastore_driver::Format::kQcow2, Bytes::megabytes(100), {{0, 7}});
  admin_.user = UserId{0};
  admin_.name = "oneadmin";
  admin_.group = GroupId{0};
  admin_.groups = {GroupId{0}};
}

void Site::TearDown() {
  const auto complaints = read<invariants::Complaints>(
      [this](db::Txn& txn) { return invariants::check_always(txn, *world_); });
  EXPECT_EQ(complaints, invariants::Complaints{});
  lanes_.drop_all();
}

Result<void> Site::change(const std::function<Result<void>(db::Txn&)>& work) {
  return run<int>([&](db::Txn& txn) { return work(txn).map([] { return 0; }); }).map([](int) {});
}

void Site::kill() {
  cut();
  start();
  settle();
}

void Site::cut() {
  lanes_.drop_all();
  daemon_.reset();
}

void Site::start() { daemon_ = std::make_unique<Daemon>(*this, *database_); }

void Site::pass(Duration time) { lanes_.advance(time); }

VmId Site::create_vm(const std::string& more) {
  compute::NewVmAsk ask;
  ask.attributes =
      text::Template::parse(
          fmt::format("{}\nCPU=1\nMEMORY=64\nDISK=[IMAGE_ID=\"{}\"]", more, base_))
          .value();
  const auto made =
      run<VmId>([&](db::Txn& txn) { return daemon_->vms.allocate(txn, admin_, ask); });
  EXPECT_TRUE(made) << made.error().text();
  return made.value_or(VmId{});
}

Result<void> Site::try_act(VmId vm, compute::Action action) {
  const auto done = run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon_->vms.act(txn, UserId{0}, vm, action));
    return 0;
  });
  if (!done) return tl::unexpected(done.error());
  return {};
}

void Site::act(VmId vm, compute::Action action) {
  const auto done = try_act(vm, action);
  EXPECT_TRUE(done) << done.error().text();
}

Result<void> Site::recover(VmId vm, compute::Recover how) {
  const auto done = run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon_->vms.recover(txn, UserId{0}, vm, how));
    return 0;
  });
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<std::vector<snapshots::Snapshot>> Site::request(const snapshots::Request& ask) {
  return run<std::vector<snapshots::Snapshot>>(
      [&](db::Txn& txn) { return daemon_->snapshots.request(txn, admin_, ask); });
}

snapshots::Snapshot Site::take(VmId vm, snapshots::Kind kind, const std::string& name,
                               datastore::Fires when) {
  snapshots::Request ask;
  ask.vm = vm;
  ask.disks = {DiskId{0}};
  ask.name = name;
  ask.kind = kind;
  ask.when = when;
  const auto made = request(ask);
  EXPECT_TRUE(made) << made.error().text();
  return made ? made->front() : snapshots::Snapshot{};
}

compute::Vm Site::vm(VmId id) {
  return read<compute::Vm>([&](db::Txn& txn) { return compute::find_vm(txn, id).value(); });
}

std::string Site::shown(VmId id) {
  const auto found = vm(id);
  return std::string(compute::shown_name(found.state, found.lcm));
}

compute::VmDisk Site::disk(VmId id, int number) {
  return read<compute::VmDisk>(
      [&](db::Txn& txn) { return compute::find_disk(txn, id, DiskId{number}).value(); });
}

snapshots::Snapshot Site::snapshot(SnapshotId id) {
  return read<snapshots::Snapshot>(
      [&](db::Txn& txn) { return snapshots::find_snapshot(txn, id).value(); });
}

Result<datastore::Image> Site::image(ImageId id) {
  return read<Result<datastore::Image>>(
      [&](db::Txn& txn) { return datastore::find_image(txn, id); });
}

std::vector<jobs::Job> Site::open_jobs() {
  return read<std::vector<jobs::Job>>([](db::Txn& txn) { return jobs::list_open(txn); });
}

sim::Blocks Site::blocks_of(ImageId id) {
  const auto found = image(id);
  EXPECT_TRUE(found) << found.error().text();
  if (!found) return {};
  const auto content = world_->content_of(found->source);
  EXPECT_TRUE(content) << content.error().text();
  return content ? content->blocks : sim::Blocks{};
}

void Site::guest_writes(VmId vm, std::int64_t block, sim::Stamp stamp) {
  const auto written = world_->guest_writes(compute::domain_name(vm), "vda", block, stamp);
  EXPECT_TRUE(written) << written.error().text();
}

void Site::guest_shuts_down(VmId vm) {
  const auto down = world_->guest_shuts_down(compute::domain_name(vm));
  EXPECT_TRUE(down) << down.error().text();
  settle();
}

std::vector<std::string> Site::files_of(VmId vm) {
  std::vector<std::string> found;
  const std::string directory = fmt::format("/ds/0/{}/", vm);
  for (const auto& path : world_->list_files()) {
    if (path.starts_with(directory)) found.push_back(path.substr(directory.size()));
  }
  return found;
}

}  // namespace neph
