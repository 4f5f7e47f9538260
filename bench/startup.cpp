#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "bench/filling.h"
#include "db/database.h"
#include "tests/support/whole_nephd.h"

/// bench_startup [VMS [JOBS]]: how long a start takes with that many VMs, half of them DONE, and
/// that many jobs that were cut off: until reads are served, and until the jobs have run.
namespace neph {
namespace {

namespace fs = std::filesystem;

/// Images whose checksum was being taken when the daemon was killed.
void add_jobs(db::Txn& txn, const fs::path& folder, int jobs) {
  for (int id = 0; id < jobs; ++id) {
    const fs::path file = folder / fmt::format("image{}", id);
    std::ofstream(file) << std::string(65536, 'x');
    txn.exec("INSERT INTO images(id, name, user_id, group_id, permissions, type, is_persistent, "
             "state, datastore_id, size_mb, source, format, registered_at) "
             "VALUES (?, ?, 0, 0, 384, 2, 0, 1, 1, 1, ?, 'raw', 1000)",
             id, fmt::format("image-{}", id), file.string());
    txn.exec("INSERT INTO jobs(id, kind, step, state, user_id, datastore_id, image_id, "
             "created_at_ms, changed_at_ms) VALUES (?, 'image.hash', 'read', 2, 0, 1, ?, 1000, "
             "1000)",
             id + 1, id);
  }
  bench::move_counters(txn);
}

Result<int> fill(const fs::path& folder, int vms, int jobs) {
  const auto database = TRY(db::Database::open(folder / "nephd.db"));
  return database->transact_one({1'700'000'000'000}, [&](db::Txn& txn) -> Result<int> {
    bench::add_hosts(txn, vms);
    for (int id = 0; id < vms; ++id) bench::add_vm(txn, id);
    add_jobs(txn, folder, jobs);
    return 0;
  });
}

std::int64_t open_jobs(cli::RpcClient& rpc, std::size_t jobs) {
  const auto pool = rpc.call_document("neph.job.list", {-2});
  std::int64_t open = pool ? 0 : static_cast<std::int64_t>(jobs);
  if (!pool) return open;
  for (const auto* job : pool->all("JOB")) open += job->get("STATE") == "done" ? 0 : 1;
  return open;
}

}  // namespace

Result<void> measure(int vms, int jobs) {
  WholeNephd nephd;
  CHECK_OK(nephd.start());
  nephd.stop();
  TRY(fill(nephd.folder(), vms, jobs));
  SystemClock clock;
  const Duration began = clock.monotonic();
  CHECK_OK(nephd.start());
  TRY(nephd.rpc().call_document("one.vm.info", {vms / 2}));
  const Duration served = clock.monotonic() - began;
  while (open_jobs(nephd.rpc(), static_cast<std::size_t>(jobs)) > 0) clock.sleep_for(Duration{10});
  const Duration worked = clock.monotonic() - began;
  fmt::print("{} VMs, {} open jobs: reads served after {} ms, all jobs over after {} ms\n", vms,
             jobs, served.count(), worked.count());
  return {};
}

}  // namespace neph

int main(int count, char** words) {
  const int vms = count > 1 ? std::atoi(words[1]) : 20'000;
  const int jobs = count > 2 ? std::atoi(words[2]) : 200;
  neph::log::set_level(neph::log::Level::kError);
  if (const auto done = neph::measure(vms, jobs); !done) {
    fmt::print(stderr, "bench_startup: {}\n", done.error().text());
    return 1;
  }
  return 0;
}
