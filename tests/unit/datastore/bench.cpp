#include "tests/unit/datastore/bench.h"

#include <cstdlib>
#include <fstream>

#include "access/directory.h"
#include "access/users.h"
#include "tests/support/fresh_store.h"

namespace neph::datastore {

void ImageBench::SetUp() {
  std::string pattern = "/tmp/neph-datastore-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  safe_ = pattern;
  drivers_.datastores["local"] = &files_;
  Settings settings;
  settings.datastores = datastores();
  settings.safe_dirs = {safe_.string()};
  settings.restricted_dirs = {"/", (safe_ / "closed").string()};
  settings.restricted_attributes = {"SOURCE", "RAW/DATA"};
  service_ = std::make_unique<ImageService>(settings, drivers_);
  database_ = fresh_store();
  const auto made =
      database_->transact_one(lanes_.clock().now(), [&](db::Txn& txn) -> Result<void> {
        CHECK_OK(access::bootstrap(txn, {"a", "b"}));
        CHECK_OK(service_->bootstrap(txn));
        const UserId id = TRY(access::create_user(txn, root_, {"alice", "hash", "", {}}));
        alice_ = access::actor_of(TRY(access::find_user(txn, id)), GroupId{}, 0177);
        return {};
      });
  ASSERT_TRUE(made) << made.error().text();
  start();
  lanes_.run_until_idle();
}

void ImageBench::start() {
  board_ = std::make_unique<jobs::ProgressBoard>(lanes_.clock());
  store_ = std::make_unique<db::Store>(*database_, lanes_);
  runner_ = std::make_unique<jobs::Runner>(*store_, lanes_, *board_, jobs::Runner::Limits{});
  for (auto& kind : service_->job_kinds()) runner_->add(std::move(kind));
  runner_->start();
}

void ImageBench::cut_power() {
  lanes_.drop_all();
  runner_.reset();
  store_.reset();
  board_.reset();
}

void ImageBench::TearDown() {
  std::error_code ignored;
  std::filesystem::remove_all(safe_, ignored);
  EXPECT_EQ(world_.violations(), std::vector<std::string>{});
}

std::string ImageBench::put_source(const std::string& name, datastore_driver::Format format) {
  const std::string path = (safe_ / name).string();
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
  std::ofstream{path} << std::string(3'000'000, 'x');
  world_.put_image(path, format, Bytes::megabytes(10), {{0, 7}, {3, 8}});
  return path;
}

Result<ImageId> ImageBench::allocate_as(const access::Actor& actor, const std::string& content,
                                        DatastoreId datastore) {
  ImageId id;
  CHECK_OK(transact([&](db::Txn& txn) -> Result<void> {
    const auto ask = TRY(text::Template::parse(content));
    id = TRY(service_->allocate(txn, actor, ask, datastore));
    return {};
  }));
  return id;
}

Result<ImageId> ImageBench::allocate(const std::string& content, DatastoreId datastore) {
  return allocate_as(alice_, content, datastore);
}

ImageId ImageBench::make_ready(const std::string& name) {
  const auto id =
      allocate(fmt::format("NAME={}\nPATH=\"{}\"", name, put_source(name + ".qcow2")));
  EXPECT_TRUE(id) << id.error().text();
  EXPECT_EQ(image(*id).state, ImageState::kReady);
  return *id;
}

Result<void> ImageBench::transact(const std::function<Result<void>(db::Txn&)>& work) {
  Result<void> answer;
  store_->run<std::monostate>(
      [&](db::Txn& txn) -> Result<std::monostate> {
        CHECK_OK(work(txn));
        return std::monostate{};
      },
      [&](const Result<std::monostate>& done) {
        if (!done) answer = tl::unexpected(done.error());
      });
  lanes_.run_until_idle();
  return answer;
}

Image ImageBench::image(ImageId id) {
  Image found;
  look([&](db::Txn& txn) { found = find_image(txn, id).value(); });
  return found;
}

bool ImageBench::is_there(ImageId id) {
  bool found = false;
  look([&](db::Txn& txn) { found = find_image(txn, id).has_value(); });
  return found;
}

ImageState ImageBench::shown(ImageId id) {
  ImageState state{};
  look([&](db::Txn& txn) { state = shown_state(find_image(txn, id).value(), image_use(txn, id)); });
  return state;
}

jobs::Job ImageBench::job(JobId id) {
  jobs::Job found;
  look([&](db::Txn& txn) { found = jobs::find(txn, id).value(); });
  return found;
}

jobs::Job ImageBench::open_job(ImageId id) {
  jobs::Job found;
  look([&](db::Txn& txn) {
    for (const auto& job : jobs::list_open(txn)) {
      if (job.image == id) found = job;
    }
  });
  EXPECT_TRUE(found.id.is_set());
  return found;
}

void ImageBench::use_by_vm(std::int64_t vm, ImageId id, int vm_state, bool is_retained) {
  const auto made = transact([&](db::Txn& txn) -> Result<void> {
    txn.exec(
        "INSERT INTO vms(id, name, user_id, group_id, permissions, state, uuid, cpu, vcpus,"
        " memory_mb, created_at, template) VALUES (?, 'guest', 2, 1, 384, ?, '', 1, 1, 64, 0, '')",
        vm, vm_state);
    txn.exec("INSERT INTO vm_disks(vm_id, disk_id, kind, image_id, is_retained)"
             " VALUES (?, 0, 1, ?, ?)",
             vm, id, is_retained);
    return {};
  });
  ASSERT_TRUE(made) << made.error().text();
}

std::vector<std::string> ImageBench::stored_files() {
  std::vector<std::string> found;
  for (const std::string& path : world_.list_files()) {
    if (path.starts_with("/ds/")) found.push_back(path);
  }
  return found;
}

std::int64_t ImageBench::count_images() {
  std::int64_t count = 0;
  look([&](db::Txn& txn) { count = static_cast<std::int64_t>(list_images(txn).size()); });
  return count;
}

}  // namespace neph::datastore
