#include "daemon/application.h"

#include <fstream>
#include <iterator>
#include <optional>

#include "api/dispatcher.h"
#include "compute/timetable.h"
#include "snapshots/timetable_help.h"
#include "compute/watcher.h"
#include "daemon/bootstrap.h"
#include "daemon/datastore_meter.h"
#include "daemon/demo.h"
#include "daemon/drivers.h"
#include "daemon/files.h"
#include "events/outbox.h"
#include "monitoring/records.h"
#include "site/hook.h"
#include "snapshots/thaw.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

/// The release whose clients are served; they compare it with their own.
constexpr const char* kOpenNebulaVersion = "7.4.0";
/// Steps stop where they can be taken up again, which a driver call that hangs may delay.
constexpr Duration kDrainLimit{20'000};
constexpr Duration kDrainPause{20};

/// The address that a client on this machine calls, for the address that is listened on.
std::string endpoint_of(const std::string& address, int port) {
  std::string host = address;
  if (address == "0.0.0.0") host = "127.0.0.1";
  if (address == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("http://{}:{}/RPC2", host, port);
}

/// Steps that hang have threads of their own, so that the others keep theirs.
ThreadLanes::Sizes sizes_of(const Config& config) {
  ThreadLanes::Sizes sizes = config.lanes;
  sizes.drivers += config.jobs.hung_max;
  return sizes;
}

/// With the directory that is meant when none is named.
site::HookSettings hooks_of(const Config& config) {
  site::HookSettings hooks = config.hooks;
  if (hooks.directory.empty()) hooks.directory = config.state / "hooks";
  return hooks;
}

Result<void> ensure_directories(const Config& config) {
  CHECK_OK(ensure_directory(hooks_of(config).directory, Privacy::kGroup));
  CHECK_OK(ensure_directory(config.images.datastores, Privacy::kGroup));
  const fs::path root = embedded_root_of(config);
  if (root.empty()) return {};
  const bool is_inside = root.parent_path() == config.state;
  const bool is_asked_for = !config.embedded_root.empty();
  if (is_inside || is_asked_for) return ensure_directory(root, Privacy::kGroup);
  return ensure_own_directory(root);
}

/// Hashes and keys stand in it. SQLite gives its other files the mode of this one.
Result<std::unique_ptr<db::Database>> open_store(const fs::path& file) {
  CHECK_OK(ensure_private_file(file));
  auto database = db::Database::open(file);
  if (database) return database;
  return fail_because(database.error().code, database.error().text(),
                      "store {} cannot be opened", file.string());
}

/// One that says the same stays as it is: a start may meet a full disk.
Result<void> publish_endpoint(const fs::path& file, const std::string& text) {
  std::ifstream stream(file);
  const std::string said{std::istreambuf_iterator<char>(stream), {}};
  if (said == text) return {};
  return replace_file(file, text, Readers::kAll);
}

}  // namespace

/// In the order in which they stand on each other; gone in the reverse order.
struct Application::Rooms {
  Rooms(Config settings, std::unique_ptr<db::Database> opened)
      : config(std::move(settings)),
        database(std::move(opened)),
        drivers(config, clock),
        lanes(clock, sizes_of(config)),
        store(*database, lanes),
        board(clock),
        samples(clock, config.monitoring),
        images(config.images, drivers.catalogue()),
        vms(config.vms, drivers.catalogue()),
        hosts(config.vms, drivers.catalogue()),
        snapshots(config.snapshots, vms),
        checks(drivers.catalogue(), store_file(config.state)),
        publisher(store, board, &samples),
        authenticator(lanes, [this](std::string_view name) { return find_user(name); },
                      config.sessions),
        registry(api::make_registry()),
        dispatcher(registry, services(), store, lanes),
        runner(store, lanes, board, config.jobs),
        watcher(store, lanes, vms, &samples),
        timetable(store, lanes, vms, snapshots::timetable_help(snapshots),
                  config.sessions.default_umask),
        meter(store, lanes, images, config.datastore_interval),
        courier(store, lanes, [this](db::Txn& txn, const events::Event& event) {
          site::deliver(txn, [this](ObjectKind kind, std::int64_t id) {
            return document_of(kind, id);
          }, event);
        }) {}

  [[nodiscard]] std::optional<access::User> find_user(std::string_view name) const {
    const auto view = publisher.current();
    const auto found = view->users_by_name.find(name);
    if (found == view->users_by_name.end()) return std::nullopt;
    return found->second;
  }

  /// As clients see an object; empty when there is none.
  [[nodiscard]] std::string document_of(ObjectKind kind, std::int64_t id) const {
    const auto entry = publisher.current()->find(kind, id);
    return entry ? (*entry)->full : std::string{};
  }

  [[nodiscard]] api::Services services() {
    return {.vms = vms,
            .hosts = hosts,
            .images = images,
            .snapshots = snapshots,
            .checks = checks,
            .publisher = publisher,
            .authenticator = authenticator,
            .version = kOpenNebulaVersion,
            .configuration = shown_configuration(config),
            .endpoint = [this] { return endpoint_of(config.http.address, http->port()); },
            .networks = network::NetworkService(config.networks),
            .vdc_rights = config.vdc_rights,
            .hooks = hooks_of(config)};
  }

  Result<void> fill(const fs::path& demo_image);
  Result<void> serve();
  void stop();

  const Config config;
  SystemClock clock;
  std::unique_ptr<db::Database> database;
  Drivers drivers;
  ThreadLanes lanes;
  db::Store store;
  jobs::ProgressBoard board;
  monitoring::Board samples;
  datastore::ImageService images;
  compute::VmService vms;
  compute::HostService hosts;
  snapshots::SnapshotService snapshots;
  check::CheckService checks;
  view::Publisher publisher;
  access::Authenticator authenticator;
  api::Registry<api::Call> registry;
  api::Dispatcher dispatcher;
  jobs::Runner runner;
  compute::Watcher watcher;
  compute::Timetable timetable;
  DatastoreMeter meter;
  events::Courier courier;
  std::optional<api::HttpServer> http;
  StartReport report;
  bool is_stopped = false;
};

/// Before anything else uses the store.
Result<void> Application::Rooms::fill(const fs::path& demo_image) {
  const Instant now = clock.now();
  const auto bootstrapped = TRY(ensure_bootstrapped(*database, now, config, images));
  report.oneadmin_password = bootstrapped.oneadmin_password;
  if (!demo_image.empty()) {
    CHECK_OK(database->transact_one(now, [&](db::Txn& txn) {
      return ensure_demo(txn, images, config.vms, demo_image);
    }));
  }
  database->read(now, [this](db::Txn& txn) {
    monitoring::load_records(txn, samples);
    publisher.load(txn);
  });
  return {};
}

Result<void> Application::Rooms::serve() {
  for (auto& kind : images.job_kinds()) runner.add(std::move(kind));
  for (auto& kind : vms.job_kinds()) runner.add(std::move(kind));
  for (auto& kind : snapshots.job_kinds()) runner.add(std::move(kind));
  for (auto& kind : checks.job_kinds()) runner.add(std::move(kind));
  runner.add(site::hook_job(hooks_of(config), clock));
  http.emplace(config.http, clock,
               [this](std::string body, std::string peer, api::HttpServer::Answer answer) {
                 dispatcher.handle(std::move(body), peer, std::move(answer));
               });
  // Frozen guests come before everything. The watcher observes the store, so it comes before
  // whatever writes; calls come last.
  snapshots::thaw_interrupted(store, lanes, drivers.catalogue(), [this] { runner.start(); });
  watcher.start();
  timetable.start();
  courier.start();
  meter.start();
  CHECK_OK(http->start());
  report.endpoint = endpoint_of(config.http.address, http->port());
  return publish_endpoint(config.state / "endpoint", report.endpoint + "\n");
}

void Application::Rooms::stop() {
  if (is_stopped) return;
  is_stopped = true;
  if (http) http->stop();
  runner.stop();
  watcher.stop();
  timetable.stop();
  meter.stop();
  const Duration end = clock.monotonic() + kDrainLimit;
  while (runner.acting() > 0 && clock.monotonic() < end) clock.sleep_for(kDrainPause);
  if (runner.acting() > 0) log::warn("daemon.not_drained", {{"steps", runner.acting()}});
  drivers.silence();
  lanes.stop();
}

Application::Application(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

Application::~Application() { stop(); }

Result<std::unique_ptr<Application>> Application::start(Config config,
                                                        const fs::path& demo_image) {
  fs::path demo_file;
  if (!demo_image.empty()) {
    demo_file = fs::absolute(demo_image).lexically_normal();
    config.images.safe_dirs.push_back(demo_file.parent_path());
  }
  CHECK_OK(ensure_directories(config));
  auto database = TRY(open_store(store_file(config.state)));
  std::unique_ptr<Application> application(
      new Application(std::make_unique<Rooms>(std::move(config), std::move(database))));
  CHECK_OK(application->rooms_->fill(demo_file));
  CHECK_OK(application->rooms_->serve());
  return application;
}

const StartReport& Application::report() const { return rooms_->report; }

void Application::stop() { rooms_->stop(); }

}  // namespace neph::daemon
