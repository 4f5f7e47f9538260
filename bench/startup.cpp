#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "db/database.h"
#include "tests/support/whole_nephd.h"

/// bench_startup [VMS [JOBS]]: how long a start takes with that many VMs, half of them DONE, and
/// that many jobs that were cut off: until reads are served, and until the jobs have run.
namespace neph {
namespace {

namespace fs = std::filesystem;

constexpr int kVmsPerHost = 100;

void add_hosts(db::Txn& txn, int vms) {
  // Offline: what is measured is the controller, not how fast hosts answer.
  for (int id = 0; id <= vms / kVmsPerHost; ++id) {
    txn.exec("INSERT INTO hosts(id, name, cluster_id, im_mad, vm_mad, uri, admin_state) "
             "VALUES (?, ?, 0, 'dummy', 'dummy', '', 2)",
             id, fmt::format("node{}", id));
  }
}

void add_vm(db::Txn& txn, int id) {
  const bool is_done = id % 2 == 1;
  const int host = id / kVmsPerHost;
  txn.exec("INSERT INTO vms(id, name, user_id, group_id, permissions, state, lcm_state, uuid, cpu, "
           "vcpus, memory_mb, disk_mb, host_id, system_datastore_id, created_at, deploy_id, "
           "template, user_template) "
           "VALUES (?, ?, 0, 0, 384, ?, ?, ?, 1, 1, 512, 1024, ?, 0, 1000, ?, ?, ?)",
           id, fmt::format("vm-{}", id), is_done ? 6 : 3, is_done ? 0 : 3,
           fmt::format("{:032x}", id), host, fmt::format("one-{}", id),
           "CPU=\"1\"\nMEMORY=\"512\"\nGRAPHICS=[TYPE=\"vnc\",LISTEN=\"0.0.0.0\"]\n",
           "DESCRIPTION=\"one of many\"\n");
  txn.exec("INSERT INTO vm_disks(vm_id, disk_id, kind, path, format, is_present, size_mb, target, "
           "attributes) VALUES (?, 0, 2, ?, 'qcow2', 0, 1024, 'vda', ?)",
           id, fmt::format("/ds/0/{}/disk.0", id), "SIZE=\"1024\"\nTYPE=\"fs\"\nTARGET=\"vda\"\n");
  txn.exec("INSERT INTO vm_nics(vm_id, nic_id, attributes) VALUES (?, 0, ?)", id,
           "NETWORK=\"public\"\nIP=\"10.0.0.1\"\nMAC=\"02:00:0a:00:00:01\"\n");
  txn.exec("INSERT INTO vm_history(vm_id, seq, host_id, host_name, cluster_id, datastore_id, "
           "vm_mad, tm_mad, started_at) VALUES (?, 0, ?, ?, 0, 0, 'dummy', 'local', 1000)",
           id, host, fmt::format("node{}", host));
}

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
  txn.exec("UPDATE counters SET next = ? WHERE name IN ('vm', 'image', 'job', 'host')", 1'000'000);
}

Result<int> fill(const fs::path& folder, int vms, int jobs) {
  const auto database = TRY(db::Database::open(folder / "nephd.db"));
  return database->transact_one({1'700'000'000'000}, [&](db::Txn& txn) -> Result<int> {
    add_hosts(txn, vms);
    for (int id = 0; id < vms; ++id) add_vm(txn, id);
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
