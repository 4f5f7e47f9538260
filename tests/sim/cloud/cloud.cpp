#include "tests/sim/cloud/cloud.h"

#include <sodium.h>

#include <algorithm>
#include <cmath>

#include "access/directory.h"
#include "access/users.h"
#include "compute/cluster.h"
#include "compute/timetable.h"
#include "compute/watcher.h"
#include "drivers/datastore/sim/sim_datastore.h"
#include "drivers/hypervisor/sim/sim_hypervisor.h"
#include "jobs/runner.h"
#include "snapshots/thaw.h"
#include "snapshots/timetable_help.h"
#include "tests/sim/cloud/oracle.h"
#include "tests/support/fresh_store.h"

namespace neph::cloud {
namespace {

constexpr int kBaseImages = 3;
constexpr int kBlocksOfBase = 24;
constexpr std::int64_t kGuestBlocks = 200;  // of 64 KiB, below the size of the smallest image

/// Names of files and uuids must not differ from run to run.
std::mt19937_64& names() {
  static std::mt19937_64 source;
  return source;
}

void draw_names_from(std::uint64_t seed) {
  static randombytes_implementation source = {
      .implementation_name = [] { return "seeded"; },
      .random = [] { return static_cast<std::uint32_t>(names()()); },
      .stir = nullptr,
      .uniform = nullptr,
      .buf =
          [](void* const bytes, const std::size_t size) {
            auto* byte = static_cast<unsigned char*>(bytes);
            for (std::size_t i = 0; i < size; ++i) byte[i] = static_cast<unsigned char>(names()());
          },
      .close = nullptr,
  };
  names().seed(seed);
  randombytes_set_implementation(&source);
}

datastore::Settings image_settings() {
  datastore::Settings settings;
  settings.datastores = "/ds";
  return settings;
}

compute::Settings vm_settings() {
  compute::Settings settings;
  settings.datastores = "/ds";
  settings.shutdown_limit = Duration{60'000};
  settings.monitor_interval = Duration{600'000};
  return settings;
}

sim::WorldConfig world_config() {
  sim::WorldConfig config;
  config.call = Duration{20};
  config.boot = Duration{3'000};
  config.save = Duration{4'000};
  config.freeze = Duration{80};
  config.copy_rate = Bytes{256 * 1024};
  config.copy_chunk = Bytes{512 * 1024};
  config.evidence = sim::Evidence::kContents;
  return config;
}

}  // namespace

void Report::add(const Report& more) {
  complaints.insert(complaints.end(), more.complaints.begin(), more.complaints.end());
  calls += more.calls;
  acknowledged += more.acknowledged;
  ready += more.ready;
  backups += more.backups;
  failed_with_reason += more.failed_with_reason;
  given_up += more.given_up;
  misfortunes += more.misfortunes;
  cuts += more.cuts;
}

/// The rooms of nephd above the drivers, without the network.
struct Cloud::Daemon {
  explicit Daemon(Cloud& cloud)
      : hypervisor(*cloud.world_),
        storage(*cloud.world_),
        drivers{{{"dummy", &hypervisor}}, {{"local", &storage}}},
        store(*cloud.database_, cloud.lanes_),
        board(cloud.lanes_.clock()),
        images(image_settings(), drivers),
        vms(vm_settings(), drivers),
        hosts(vms.settings(), drivers),
        snapshots({}, vms),
        checks(drivers, {}),
        unfed(*cloud.database_, cloud.lanes_),
        publisher(unfed, board),
        authenticator(cloud.lanes_, [](std::string_view) { return std::nullopt; }, {}),
        services{.vms = vms,
                 .hosts = hosts,
                 .images = images,
                 .snapshots = snapshots,
                 .checks = checks,
                 .publisher = publisher,
                 .authenticator = authenticator,
                 .version = "0",
                 .configuration = {}},
        runner(store, cloud.lanes_, board, {}),
        watcher(store, cloud.lanes_, vms),
        timetable(store, cloud.lanes_, vms, snapshots::timetable_help(snapshots)) {
    cloud.database_->read(cloud.now(), [this](db::Txn& txn) { publisher.load(txn); });
    store.observe([&cloud](db::Txn& txn, const db::ChangeSet& changes) {
      cloud.oracle_->look(txn, changes);
    });
    for (auto& kind : images.job_kinds()) runner.add(std::move(kind));
    for (auto& kind : vms.job_kinds()) runner.add(std::move(kind));
    for (auto& kind : snapshots.job_kinds()) runner.add(std::move(kind));
    for (auto& kind : checks.job_kinds()) runner.add(std::move(kind));
    watcher.start();
    timetable.start();
    snapshots::thaw_interrupted(store, cloud.lanes_, drivers, [this] { runner.start(); });
  }

  hypervisor_driver::SimHypervisor hypervisor;
  datastore_driver::SimDatastore storage;
  DriverCatalogue drivers;
  db::Store store;
  jobs::ProgressBoard board;
  datastore::ImageService images;
  compute::VmService vms;
  compute::HostService hosts;
  snapshots::SnapshotService snapshots;
  check::CheckService checks;
  /// Nobody reads lists here, and keeping them would take a third of the time.
  db::Store unfed;
  view::Publisher publisher;
  access::Authenticator authenticator;
  api::Services services;
  jobs::Runner runner;
  compute::Watcher watcher;
  compute::Timetable timetable;
};

Cloud::Cloud(const Plan& plan)
    : plan_(plan), random_(plan.seed * 7919 + 1), lanes_(plan.seed) {
  draw_names_from(plan.seed);
  began_ = now();
  world_ = std::make_unique<sim::SimWorld>(lanes_.clock(), world_config());
  oracle_ = std::make_unique<Oracle>(*this);
  database_ = fresh_store();
  install();
  if (plan_.sabotage != nullptr) {
    sabotage(plan_.sabotage->sql);
    for (const auto& fault : plan_.sabotage->faults) world_->inject(fault);
  }
  start();
}

Cloud::~Cloud() { drop_controller(); }

std::string Cloud::host_name(int number) const { return fmt::format("node{:02}", number); }

/// What a first start makes, users, hosts, and images that the world knows.
void Cloud::install() {
  DriverCatalogue drivers;
  datastore_driver::SimDatastore storage(*world_);
  hypervisor_driver::SimHypervisor hypervisor(*world_);
  drivers.hypervisors = {{"dummy", &hypervisor}};
  drivers.datastores = {{"local", &storage}};
  datastore::ImageService images(image_settings(), drivers);
  const compute::Settings settings = vm_settings();
  compute::HostService hosts(settings, drivers);
  access::Actor admin;
  admin.user = UserId{0};
  admin.group = GroupId{0};
  admin.groups = {GroupId{0}};
  const auto done = database_->transact_one(now(), [&](db::Txn& txn) -> Result<int> {
    CHECK_OK(access::bootstrap(txn, {"hash", "hash"}));
    compute::bootstrap_clusters(txn);
    CHECK_OK(images.bootstrap(txn));
    users_ = {UserId{0}};
    for (int i = 0; i < plan_.users; ++i)
      users_.push_back(TRY(access::create_user(
          txn, admin, {.name = fmt::format("user{}", i), .password_hash = "hash"})));
    for (int i = 0; i < plan_.hosts; ++i)
      TRY(hosts.allocate(txn, host_name(i), "dummy", "dummy", ClusterId{0}));
    const auto for_backups = TRY(text::Template::parse("NAME=backups\nDS_MAD=fs\nTYPE=BACKUP_DS"));
    backups_ = TRY(images.allocate_datastore(txn, admin, for_backups, ClusterId{}));
    for (int i = 0; i < kBaseImages; ++i) {
      datastore::Image image;
      image.name = fmt::format("base{}", i);
      image.owner = UserId{0};
      image.group = GroupId{0};
      image.permissions = {0644};
      image.state = datastore::ImageState::kReady;
      image.datastore = DatastoreId{1};
      image.size_mb = 16;
      image.source = fmt::format("/ds/1/base{}", i);
      image.attributes.set("DEV_PREFIX", "vd");
      base_images_.push_back(datastore::insert_image(txn, image));
    }
    return 0;
  });
  NEPH_ASSERT(done.has_value());
  for (int i = 0; i < kBaseImages; ++i) {
    sim::Blocks blocks;
    for (int block = 0; block < kBlocksOfBase; ++block)
      blocks[draw(kGuestBlocks)] = static_cast<sim::Stamp>(1000 * (i + 1) + block);
    world_->put_image(fmt::format("/ds/1/base{}", i), datastore_driver::Format::kQcow2,
                      Bytes::megabytes(16), blocks);
  }
}

void Cloud::sabotage(const std::vector<std::string>& sql) {
  const auto done = database_->transact_one(now(), [&](db::Txn& txn) -> Result<int> {
    for (const auto& statement : sql) txn.exec(statement);
    return 0;
  });
  NEPH_ASSERT(done.has_value());
}

void Cloud::start() { daemon_ = std::make_unique<Daemon>(*this); }

void Cloud::drop_controller() {
  lanes_.cut();
  daemon_.reset();
}

void Cloud::call(UserId as, const std::string& method, std::vector<api::Value> args, Done done) {
  if (!daemon_) return;
  static const api::Registry<api::Call> registry = api::make_registry();
  const auto row = registry.find(method);
  NEPH_ASSERT(row.has_value());
  args.insert(args.begin(), api::Value{std::string{"session"}});
  const auto bound = (*row)->bind(args);
  NEPH_ASSERT(bound.has_value());
  ++report_.calls;
  const auto view = daemon_->publisher.current();
  const auto user = view->users.find(as);
  NEPH_ASSERT(user != view->users.end());
  const auto actor = access::actor_of(user->second, GroupId{}, 0177);
  std::string asked = fmt::format("user {} {}", as, method);
  for (std::size_t i = 1; i < args.size(); ++i)
    std::visit([&](const auto& value) {
      if constexpr (fmt::is_formattable<std::decay_t<decltype(value)>>::value)
        asked += fmt::format(" {}", value);
    }, args[i].data);
  const auto answer = [this, asked, done](const Result<api::Answer>& result) {
    note(asked + (result ? " -> done" : " -> " + result.error().text()));
    if (done) done(result);
  };
  if ((*row)->info.mode != api::Mode::kWrite) {
    api::Call asking(daemon_->services, actor, view, nullptr);
    return answer((*bound)(asking));
  }
  daemon_->store.run<api::Answer>(
      [this, actor, bound = *bound](db::Txn& txn) {
        api::Call asking(daemon_->services, actor, daemon_->publisher.current(), &txn);
        return bound(asking);
      },
      answer);
}

void Cloud::run_until(Instant until) {
  while (!agenda_.empty() && agenda_.begin()->first <= until) {
    const auto [when, what] = *agenda_.begin();
    agenda_.erase(agenda_.begin());
    lanes_.run_until(std::max(when, now()));
    what();
  }
  lanes_.run_until(until);
}

void Cloud::cut(Duration darkness) {
  if (!daemon_) return;
  // Somewhere between two tasks, not where everything rests.
  for (auto steps = draw(40); steps > 0 && lanes_.run_one(); --steps) {
  }
  note("power cut");
  ++report_.cuts;
  drop_controller();
  if (plan_.sabotage != nullptr && !plan_.sabotage->sql_at_cut.empty())
    sabotage({plan_.sabotage->sql_at_cut});
  after(darkness, [this] {
    note("power is back");
    start();
  });
}

void Cloud::note(std::string line) {
  const auto ms = (now() - began_).count();
  report_.trace.push_back(fmt::format("{:3}:{:02}.{:03} {}", ms / 60'000, ms / 1000 % 60,
                                      ms % 1000, std::move(line)));
}

void Cloud::complain(std::string what) {
  note("COMPLAINT " + what);
  report_.complaints.push_back(std::move(what));
}

Duration Cloud::around(Duration mean) {
  const double uniform = (static_cast<double>(draw(1'000'000)) + 0.5) / 1'000'000;
  return Duration{1 + static_cast<std::int64_t>(-std::log(uniform) *
                                                static_cast<double>(mean.count()))};
}

}  // namespace neph::cloud
