#include "tests/crash/stage.h"

#include <unistd.h>

#include <algorithm>

#include "compute/host.h"
#include "datastore/backups.h"
#include "jobs/queue.h"
#include "tests/support/fresh_store.h"

namespace neph::crash {

namespace fs = std::filesystem;

namespace {

constexpr Duration kBeat{5'000};
constexpr Duration kEnough{400'000};

template <class Rows>
std::vector<std::string> texts(Rows rows) {
  std::vector<std::string> found;
  while (rows.next()) found.push_back(rows.text(0));
  return found;
}

}  // namespace

Stage::Stage(std::uint64_t seed)
    : seed_(seed),
      folder_(fs::temp_directory_path() / fmt::format("neph-crash-{}", ::getpid())) {}

Stage::~Stage() {
  power_.arm(Power::kNever);
  end_controller();
  database_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

fs::path Stage::folder() const {
  fs::create_directories(folder_);
  return folder_;
}

std::vector<jobs::KindSpec> Stage::more_kinds() {
  auto kinds = checks_->job_kinds();
  kinds.push_back(site::hook_job(hooks_, real_clock_));
  return kinds;
}

void Stage::extend(Daemon& daemon) {
  checks_ = std::make_unique<check::CheckService>(daemon.drivers, store_to_copy());
  for (auto& kind : more_kinds()) daemon.runner.add(std::move(kind));
  const auto no_document = [](ObjectKind, std::int64_t) { return std::string(); };
  courier_ = std::make_unique<events::Courier>(
      daemon.store, lanes(), [no_document](db::Txn& txn, const events::Event& event) {
        site::deliver(txn, no_document, event);
      });
  courier_->start();
}

void Stage::end_controller() {
  courier_.reset();
  cut();
}

Result<std::unique_ptr<db::Database>> Stage::open_store() {
  watch();
  if (restarts_ == 0) disk_.put("nephd.db", fresh_store_file());
  return db::Database::open(disk_.path("nephd.db"));
}

sim::WorldConfig Stage::world_config() {
  sim::WorldConfig config = Site::world_config();
  config.boot = Duration{50};
  config.save = Duration{50};
  config.freeze = Duration{20};
  config.copy_chunk = sim::kBlockSize;
  config.copy_rate = Bytes{sim::kBlockSize.value * 20};
  return config;
}

void Stage::watch() {
  disk_.watch([this](LossyDisk::Effect effect, std::string_view) {
    if (effect != LossyDisk::Effect::kSync) return;
    if (power_.falls("in a commit")) disk_.power_cut(seed_ + static_cast<unsigned>(restarts_));
  });
  if (restarts_ > 0) return;
  world().trace([this](const sim::Scene& scene, sim::SimWorld::Moment moment) {
    const bool is_before = moment == sim::SimWorld::Moment::kBefore;
    power_.point(fmt::format("{} {}", is_before ? "before" : "after", scene.verb));
    verb_ = scene.verb;
    meet(is_before ? Mishap::When::kBefore : Mishap::When::kAfter);
  });
}

void Stage::meet(Mishap::When when) {
  const auto struck = std::ranges::find_if(mishaps_, [&](const Mishap& mishap) {
    return mishap.when == when && mishap.verb == verb_;
  });
  if (struck == mishaps_.end()) return;
  const auto what = std::move(struck->what);
  mishaps_.erase(struck);
  what(*this);
}

void Stage::restart() {
  power_.arm(Power::kNever);
  end_controller();
  disk_.power_cut(seed_ + static_cast<unsigned>(restarts_));
  database_.reset();
  disk_.power_on();
  ++restarts_;
  auto opened = open_store();
  NEPH_ASSERT(opened.has_value());
  database_ = std::move(*opened);
  if (!syncs_) stop_syncing();
  start();
}

void Stage::stop_syncing() {
  syncs_ = false;
  read<int>([](db::Txn& txn) {
    txn.exec("PRAGMA synchronous = OFF");
    return 0;
  });
}

void Stage::drive(Duration time) {
  for (Duration passed{0}; passed < time; passed += kBeat) {
    pass(std::min(kBeat, time - passed));
    if (power_.has_fallen()) throw PowerCut{};
  }
}

void Stage::ask(const std::function<Result<void>(Stage&, db::Txn&)>& work) {
  daemon().store.run<void>([this, work](db::Txn& txn) { return work(*this, txn); },
                           [this](const Result<void>& answer) {
                             const bool is_refused = !answer && answer.error().code !=
                                                                    Errc::kUnavailable;
                             if (answer || (may_be_refused_ && is_refused))
                               is_acknowledged_ = true;
                             EXPECT_TRUE(is_acknowledged_ || power_.has_fallen())
                                 << answer.error().text();
                           });
  settle();
  if (power_.has_fallen()) throw PowerCut{};
}

void Stage::write(int number, std::int64_t block, sim::Stamp stamp) {
  note_done();
  pass(Duration{1});
  write_now(number, block, stamp);
  pass(Duration{1});
}

void Stage::write_now(int number, std::int64_t block, sim::Stamp stamp) {
  const std::string target = disk(vm_id, number).target;
  if (!world().guest_writes(compute::domain_name(vm_id), target, block, stamp)) return;
  sim::Blocks blocks = written(number);
  blocks[block] = stamp;
  shown_by_[number].push_back({lanes().clock().now(), blocks});
}

sim::Blocks Stage::written(int disk) const {
  const auto history = shown_by_.find(disk);
  if (history == shown_by_.end() || history->second.empty()) return {{0, 7}};
  return history->second.back().second;
}

compute::Host Stage::host_of_vm() {
  return read<compute::Host>([this](db::Txn& txn) {
    return compute::find_host(txn, compute::find_vm(txn, vm_id)->host).value();
  });
}

jobs::Job Stage::last_job(db::Txn& txn, std::string_view kind) {
  constexpr int kEnough = 100;
  jobs::Job last;
  for (auto& job : jobs::list_recent(txn, kEnough))
    if (job.kind == kind) last = std::move(job);
  return last;
}

ImageId Stage::image_named(db::Txn& txn, const std::string& name) const {
  const auto found = datastore::find_image_by_name(txn, UserId{0}, name);
  return found ? found->id : ImageId{};
}

ImageId Stage::image_named(const std::string& name) {
  return read<ImageId>([&](db::Txn& txn) { return image_named(txn, name); });
}

std::optional<snapshots::Snapshot> Stage::snapshot_named(const std::string& name) {
  using Found = std::optional<snapshots::Snapshot>;
  return read<Found>([&](db::Txn& txn) -> Found {
    for (const SnapshotId id : snapshots::list_snapshots(txn)) {
      auto snapshot = snapshots::find_snapshot(txn, id);
      if (snapshot && snapshot->image_name == name) return *snapshot;
    }
    return std::nullopt;
  });
}

Complaints Stage::complaints() {
  Complaints all = read<Complaints>(
      [this](db::Txn& txn) { return invariants::check_at_rest(txn, world()); });
  const auto wrong = wrong_images();
  all.insert(all.end(), wrong.begin(), wrong.end());
  return all;
}

Complaints Stage::wrong_images() {
  std::vector<snapshots::Snapshot> ready = read<std::vector<snapshots::Snapshot>>(
      [](db::Txn& txn) {
        std::vector<snapshots::Snapshot> found;
        for (const SnapshotId id : snapshots::list_snapshots(txn)) {
          auto snapshot = snapshots::find_snapshot(txn, id).value();
          const bool is_there = datastore::find_image(txn, snapshot.image).has_value();
          if (snapshot.phase == snapshots::Phase::kReady && is_there) found.push_back(snapshot);
        }
        return found;
      });
  Complaints wrong;
  for (const auto& snapshot : ready) {
    sim::Blocks expected{{0, 7}};
    for (const auto& [since, blocks] : shown_by_[static_cast<int>(snapshot.disk.value)])
      if (!silent_.contains(snapshot.vm) && since <= snapshot.captured) expected = blocks;
    const auto made = image(snapshot.image).value();
    const bool is_backup = made.type == datastore::ImageType::kBackup;
    const auto content = world().content_of(
        is_backup ? datastore::backup_path_of(made, snapshot.disk) : made.source);
    if (!content || content->blocks != expected)
      wrong.push_back(fmt::format("image {} is not what disk {} was at {}", snapshot.image_name,
                                  snapshot.disk, to_text(snapshot.captured)));
  }
  return wrong;
}

void Stage::end_everything() {
  using Snapshots = std::vector<SnapshotId>;
  for (const SnapshotId id : read<Snapshots>([](db::Txn& txn) {
         return snapshots::list_snapshots(txn);
       })) {
    daemon().store.run([this, id](db::Txn& txn) -> Result<void> {
      const auto snapshot = snapshots::find_snapshot(txn, id).value();
      if (snapshots::is_over(snapshot.phase)) return {};
      return daemon().snapshots.discard(txn, id, snapshot.image_name);
    });
  }
  for (const VmId id : read<std::vector<VmId>>([](db::Txn& txn) {
         return compute::list_vms(txn, compute::Which::kLiving);
       })) {
    daemon().store.run([this, id](db::Txn& txn) {
      return daemon().vms.recover(txn, UserId{0}, id, compute::Recover::kDelete);
    });
  }
  drive(kEnough);
  for (const ImageId id : read<std::vector<ImageId>>([](db::Txn& txn) {
         return datastore::list_images(txn);
       })) {
    if (id == base_) continue;
    daemon().store.run([this, id](db::Txn& txn) { return daemon().images.remove(txn, id); });
  }
  drive(kEnough);
}

Complaints Stage::clean_up() {
  world().clear_faults();
  mishaps_.clear();
  for (const auto& name : read<std::vector<std::string>>(
           [](db::Txn& txn) { return texts(txn.query("SELECT name FROM hosts")); }))
    world().restore_host(name);
  drive(kEnough);
  end_everything();
  Complaints left = complaints();
  for (const auto& path : world().list_files())
    if (path.starts_with("/ds/") && path != kBase) left.push_back(path + " is left in the end");
  for (const auto& [key, domain] : world().list_domains())
    left.push_back(fmt::format("domain {} is left in the end", key.name));
  for (const auto& job : open_jobs())
    left.push_back(fmt::format("job {} ({}) is left in the end: {}", job.id, job.kind,
                               job.reason));
  return left;
}

std::vector<std::string> Stage::kinds_used() {
  return read<std::vector<std::string>>(
      [](db::Txn& txn) { return texts(txn.query("SELECT DISTINCT kind FROM jobs")); });
}

std::vector<std::string> Stage::kinds_there_are() {
  std::vector<std::string> kinds;
  for (const auto& some : {daemon().images.job_kinds(), daemon().vms.job_kinds(),
                           daemon().snapshots.job_kinds(), more_kinds()})
    for (const auto& kind : some) kinds.push_back(kind.kind);
  return kinds;
}

}  // namespace neph::crash
