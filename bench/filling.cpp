#include "bench/filling.h"

namespace neph::bench {
namespace {

constexpr int kVmsPerHost = 100;

}  // namespace

void add_hosts(db::Txn& txn, int vms) {
  for (int id = 0; id <= vms / kVmsPerHost; ++id) {
    txn.exec("INSERT INTO hosts(id, name, cluster_id, im_mad, vm_mad, uri, admin_state) "
             "VALUES (?, ?, 0, 'dummy', 'dummy', '', 2)",
             id, fmt::format("node{}", id));
  }
}

void add_vm(db::Txn& txn, int id, const std::string& more) {
  const bool is_done = id % 2 == 1;
  const int host = id / kVmsPerHost;
  txn.exec("INSERT INTO vms(id, name, user_id, group_id, permissions, state, lcm_state, uuid, cpu, "
           "vcpus, memory_mb, disk_mb, host_id, system_datastore_id, created_at, deploy_id, "
           "template, user_template) "
           "VALUES (?, ?, 0, 0, 384, ?, ?, ?, 1, 1, 512, 1024, ?, 0, 1000, ?, ?, ?)",
           id, fmt::format("vm-{}", id), is_done ? 6 : 3, is_done ? 0 : 3,
           fmt::format("{:032x}", id), host, fmt::format("one-{}", id),
           "CPU=\"1\"\nMEMORY=\"512\"\nGRAPHICS=[TYPE=\"vnc\",LISTEN=\"0.0.0.0\"]\n",
           "DESCRIPTION=\"one of many\"\n" + more);
  txn.exec("INSERT INTO vm_disks(vm_id, disk_id, kind, path, format, is_present, size_mb, target, "
           "attributes) VALUES (?, 0, 2, ?, 'qcow2', 0, 1024, 'vda', ?)",
           id, fmt::format("/ds/0/{}/disk.0", id), "SIZE=\"1024\"\nTYPE=\"fs\"\nTARGET=\"vda\"\n");
  txn.exec("INSERT INTO vm_nics(vm_id, nic_id, attributes) VALUES (?, 0, ?)", id,
           "NETWORK=\"public\"\nIP=\"10.0.0.1\"\nMAC=\"02:00:0a:00:00:01\"\n");
  txn.exec("INSERT INTO vm_history(vm_id, seq, host_id, host_name, cluster_id, datastore_id, "
           "vm_mad, tm_mad, started_at) VALUES (?, 0, ?, ?, 0, 0, 'dummy', 'local', 1000)",
           id, host, fmt::format("node{}", host));
}

void move_counters(db::Txn& txn) {
  txn.exec("UPDATE counters SET next = ? WHERE name IN ('vm', 'image', 'job', 'host')", 1'000'000);
}

}  // namespace neph::bench
