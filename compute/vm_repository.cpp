#include "compute/internal/stored.h"
#include "compute/internal/vm_rows.h"
#include "compute/vm.h"
#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"
#include "jobs/queue.h"

namespace neph::compute {
namespace {

constexpr std::string_view kSelectVm =
    "SELECT id, name, user_id, group_id, permissions, state, lcm_state, is_rescheduled, uuid, cpu,"
    " vcpus, memory_mb, disk_mb, host_id, system_datastore_id, created_at, ended_at, polled_at,"
    " deploy_id, job_id, pending_reason, wait_reason, memory_path, rest_grade, monitoring,"
    " template_id, template, user_template FROM vms WHERE id = ?";

Vm read_vm(const db::Cursor& row) {
  Vm vm;
  vm.id = row.get<VmId>(0);
  vm.name = row.text(1);
  vm.owner = row.get<UserId>(2);
  vm.group = row.get<GroupId>(3);
  vm.permissions.bits = row.get<int>(4);
  vm.state = row.get<VmState>(5);
  vm.lcm = row.get<LcmState>(6);
  vm.is_rescheduled = row.get<bool>(7);
  vm.uuid = row.text(8);
  vm.cpu = row.real(9);
  vm.vcpus = row.get<int>(10);
  vm.memory_mb = row.integer(11);
  vm.disk_mb = row.integer(12);
  vm.host = row.get<HostId>(13);
  vm.system_datastore = row.get<DatastoreId>(14);
  vm.created = from_seconds(row.integer(15));
  vm.ended = from_seconds(row.integer(16));
  vm.polled = from_seconds(row.integer(17));
  vm.deploy_id = row.text(18);
  vm.job = row.get<JobId>(19);
  vm.pending_reason = row.text(20);
  vm.wait_reason = row.text(21);
  vm.memory_path = row.text(22);
  vm.rest_grade = row.get<datastore::Grade>(23);
  vm.monitoring = db::stored_template(row.text(24));
  vm.made_from = row.get<TemplateId>(25);
  vm.attributes = db::stored_template(row.text(26));
  vm.user_attributes = db::stored_template(row.text(27));
  return vm;
}

/// The columns after the id, in the order of the two statements that write a VM.
template <class Write>
void with_columns(const Vm& vm, Write&& write) {
  write(vm.name, vm.owner.value, vm.group.value, vm.permissions.bits, vm.state, vm.lcm,
        vm.is_rescheduled, vm.uuid, vm.cpu, vm.vcpus, vm.memory_mb, vm.disk_mb, vm.host,
        vm.system_datastore, vm.created.seconds(), vm.ended.seconds(), vm.polled.seconds(),
        vm.deploy_id, vm.job, vm.pending_reason, vm.wait_reason, vm.memory_path, vm.rest_grade,
        vm.monitoring.to_text(), vm.made_from, vm.attributes.to_text(),
        vm.user_attributes.to_text());
}

/// Everything whose document shows this VM.
void touch_around(db::Txn& txn, VmId vm, HostId host, UserId owner, GroupId group) {
  txn.touch(ObjectKind::kVm, vm);
  txn.touch(ObjectKind::kUser, owner);
  txn.touch(ObjectKind::kGroup, group);
  if (host.is_set()) txn.touch(ObjectKind::kHost, host);
}

void touch_images_of(db::Txn& txn, VmId vm) {
  auto rows = txn.query(
      "SELECT DISTINCT image_id FROM vm_disks WHERE vm_id = ? AND image_id IS NOT NULL", vm);
  while (rows.next()) txn.touch(ObjectKind::kImage, rows.integer(0));
}

constexpr std::string_view kDiskColumns =
    "vm_id, disk_id, kind, image_id, image_datastore_id, path, format, overlay_path, is_present,"
    " is_retained, is_persistent, size_mb, target, attributes";

VmDisk read_disk(const db::Cursor& row) {
  VmDisk disk;
  disk.vm = row.get<VmId>(0);
  disk.id = row.get<DiskId>(1);
  disk.kind = row.get<DiskKind>(2);
  disk.image = row.get<ImageId>(3);
  disk.image_datastore = row.get<DatastoreId>(4);
  disk.path = row.text(5);
  disk.format = row.text(6) == name_of(datastore_driver::Format::kRaw)
                    ? datastore_driver::Format::kRaw
                    : datastore_driver::Format::kQcow2;
  disk.overlay_path = row.text(7);
  disk.is_present = row.get<bool>(8);
  disk.is_retained = row.get<bool>(9);
  disk.is_persistent = row.get<bool>(10);
  disk.size_mb = row.integer(11);
  disk.target = row.text(12);
  disk.attributes = stored_vector(row.text(13));
  return disk;
}

template <class... Args>
std::vector<VmDisk> query_disks(db::Txn& txn, std::string_view condition, const Args&... args) {
  std::vector<VmDisk> disks;
  auto rows = txn.query(fmt::format("SELECT {} FROM vm_disks WHERE {} ORDER BY vm_id, disk_id",
                                    kDiskColumns, condition),
                        args...);
  while (rows.next()) disks.push_back(read_disk(rows));
  return disks;
}

constexpr std::string_view kAliasIds = "ALIAS_IDS";

/// NIC_IDs of the aliases that a NIC has, for clients to see.
void list_aliases(const std::vector<VmNic>& nics, VmNic& parent) {
  std::string ids;
  for (const auto& nic : nics) {
    if (is_parent(parent, nic)) ids += fmt::format("{}{}", ids.empty() ? "" : ",", nic.id);
  }
  if (ids.empty()) parent.attributes.erase(kAliasIds);
  else parent.attributes.set(kAliasIds, ids);
}

}  // namespace

Result<Vm> find_vm(db::Txn& txn, VmId id) {
  auto rows = txn.query(kSelectVm, id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting virtual machine [{}].", id);
  return read_vm(rows);
}

std::vector<VmId> list_vms(db::Txn& txn, Which which) {
  return db::list_ids<VmId>(
      txn, which == Which::kAll ? "SELECT id FROM vms ORDER BY id"
                                : "SELECT id FROM vms WHERE state <> 6 ORDER BY id");
}

std::vector<VmId> list_vms_on(db::Txn& txn, HostId host) {
  return db::list_ids<VmId>(
      txn, "SELECT id FROM vms WHERE host_id = ? AND state <> 6 ORDER BY id", host);
}

std::vector<VmId> list_pending_vms(db::Txn& txn) {
  // "<> 6" is implied, and lets SQLite take the index of the living.
  return db::list_ids<VmId>(txn, "SELECT id FROM vms WHERE state = 1 AND state <> 6 ORDER BY id");
}

std::vector<VmId> list_cloning_vms(db::Txn& txn) {
  return db::list_ids<VmId>(txn, "SELECT id FROM vms WHERE state = ? AND state <> 6 ORDER BY id",
                            VmState::kCloning);
}

std::vector<VmId> list_cloning_vms(db::Txn& txn, ImageId image) {
  return db::list_ids<VmId>(txn,
                            "SELECT DISTINCT d.vm_id FROM vm_disks d JOIN vms v ON v.id = d.vm_id"
                            " WHERE d.image_id = ? AND v.state = ? ORDER BY d.vm_id",
                            image, VmState::kCloning);
}

VmId insert_vm(db::Txn& txn, Vm vm) {
  vm.id = db::take_id<VmId>(txn, "vm");
  with_columns(vm, [&](const auto&... columns) {
    txn.exec(
        "INSERT INTO vms (id, name, user_id, group_id, permissions, state, lcm_state,"
        " is_rescheduled, uuid, cpu, vcpus, memory_mb, disk_mb, host_id, system_datastore_id,"
        " created_at, ended_at, polled_at, deploy_id, job_id, pending_reason, wait_reason,"
        " memory_path, rest_grade, monitoring, template_id, template, user_template) VALUES"
        " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        vm.id, columns...);
  });
  touch_around(txn, vm.id, vm.host, vm.owner, vm.group);
  return vm.id;
}

void save_vm(db::Txn& txn, const Vm& vm) {
  auto old = txn.query("SELECT state, lcm_state, host_id, user_id, group_id FROM vms WHERE id = ?",
                       vm.id);
  NEPH_ASSERT(old.next());
  const bool has_moved = old.get<VmState>(0) != vm.state || old.get<LcmState>(1) != vm.lcm;
  touch_around(txn, vm.id, old.get<HostId>(2), old.get<UserId>(3), old.get<GroupId>(4));
  with_columns(vm, [&](const auto&... columns) {
    txn.exec(
        "UPDATE vms SET name=?, user_id=?, group_id=?, permissions=?, state=?, lcm_state=?,"
        " is_rescheduled=?, uuid=?, cpu=?, vcpus=?, memory_mb=?, disk_mb=?, host_id=?,"
        " system_datastore_id=?, created_at=?, ended_at=?, polled_at=?, deploy_id=?, job_id=?,"
        " pending_reason=?, wait_reason=?, memory_path=?, rest_grade=?, monitoring=?,"
        " template_id=?, template=?, user_template=? WHERE id=?",
        columns..., vm.id);
  });
  touch_around(txn, vm.id, vm.host, vm.owner, vm.group);
  if (!has_moved) return;
  touch_images_of(txn, vm.id);  // who uses an image follows from the state of its VMs
  jobs::wake(txn, state_key(vm.id));
}

std::vector<VmDisk> list_disks(db::Txn& txn, VmId vm) { return query_disks(txn, "vm_id = ?", vm); }

Result<VmDisk> find_disk(db::Txn& txn, VmId vm, DiskId disk) {
  auto found = query_disks(txn, "vm_id = ? AND disk_id = ?", vm, disk);
  if (found.empty()) return fail(Errc::kNotFound, "VM {} has no disk {}", vm, disk);
  return std::move(found.front());
}

std::vector<VmDisk> list_retained_disks(db::Txn& txn) {
  return query_disks(txn, "is_retained = 1");
}

void save_disk(db::Txn& txn, const VmDisk& disk) {
  // No REPLACE: it would pass by the triggers that count what quotas limit.
  txn.exec(fmt::format("INSERT INTO vm_disks ({}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
                       " ON CONFLICT DO UPDATE SET kind = excluded.kind,"
                       " image_id = excluded.image_id,"
                       " image_datastore_id = excluded.image_datastore_id, path = excluded.path,"
                       " format = excluded.format, overlay_path = excluded.overlay_path,"
                       " is_present = excluded.is_present, is_retained = excluded.is_retained,"
                       " is_persistent = excluded.is_persistent, size_mb = excluded.size_mb,"
                       " target = excluded.target, attributes = excluded.attributes",
                       kDiskColumns),
           disk.vm, disk.id, disk.kind, disk.image, disk.image_datastore, disk.path,
           name_of(disk.format), disk.overlay_path, disk.is_present, disk.is_retained,
           disk.is_persistent, disk.size_mb, disk.target, to_stored(disk.attributes));
  txn.touch(ObjectKind::kVm, disk.vm);
  if (disk.image.is_set()) txn.touch(ObjectKind::kImage, disk.image);
}

void delete_disk_row(db::Txn& txn, const VmDisk& disk) {
  txn.exec("DELETE FROM vm_disks WHERE vm_id = ? AND disk_id = ?", disk.vm, disk.id);
  txn.touch(ObjectKind::kVm, disk.vm);
  if (disk.image.is_set()) txn.touch(ObjectKind::kImage, disk.image);
}

void delete_nic_row(db::Txn& txn, const VmNic& nic) {
  txn.exec("DELETE FROM vm_nics WHERE vm_id = ? AND nic_id = ?", nic.vm, nic.id);
  txn.touch(ObjectKind::kVm, nic.vm);
}

std::int64_t take_vm_number(db::Txn& txn, VmId vm, std::string_view name, std::int64_t least) {
  txn.exec(
      "INSERT INTO vm_numbers (vm_id, name, next) VALUES (?, ?, ?)"
      " ON CONFLICT DO UPDATE SET next = MAX(next, excluded.next - 1) + 1",
      vm, name, least + 1);
  return *txn.value<std::int64_t>("SELECT next - 1 FROM vm_numbers WHERE vm_id = ? AND name = ?",
                                  vm, name);
}

std::vector<VmNic> list_nics(db::Txn& txn, VmId vm) {
  std::vector<VmNic> nics;
  auto rows = txn.query("SELECT nic_id, attributes FROM vm_nics WHERE vm_id = ? ORDER BY nic_id",
                        vm);
  while (rows.next()) nics.push_back({vm, rows.get<NicId>(0), stored_vector(rows.text(1))});
  for (VmNic& nic : nics) list_aliases(nics, nic);
  return nics;
}

void save_nic(db::Txn& txn, const VmNic& nic) {
  text::Vector kept = nic.attributes;
  kept.erase(kAliasIds);
  txn.exec("INSERT OR REPLACE INTO vm_nics (vm_id, nic_id, attributes) VALUES (?,?,?)", nic.vm,
           nic.id, to_stored(kept));
  txn.touch(ObjectKind::kVm, nic.vm);
}

std::optional<VmId> find_living_by_uuid(db::Txn& txn, std::string_view uuid) {
  return txn.value<VmId>("SELECT id FROM vms WHERE uuid = ? AND state <> 6", uuid);
}

std::optional<VmId> find_retaining_vm(db::Txn& txn, ImageId image) {
  return txn.value<VmId>(
      "SELECT vm_id FROM vm_disks WHERE image_id = ? AND is_retained = 1 AND is_persistent = 1"
      " ORDER BY vm_id",
      image);
}

}  // namespace neph::compute
