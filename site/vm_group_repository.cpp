#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"
#include "site/internal/vm_group_rows.h"

namespace neph::site {
namespace {

text::Vector stored_vector(const std::string& text) {
  const auto parsed = db::stored_template(text);
  const auto* vector = parsed.find_vector("ROLE");
  return vector == nullptr ? text::Vector{} : *vector;
}

std::string to_stored(const text::Vector& vector) {
  text::Template wrapped;
  wrapped.add("ROLE", vector);
  return wrapped.to_text();
}

std::vector<VmId> list_vms_of(db::Txn& txn, const RoleRef& role) {
  std::vector<VmId> vms;
  auto rows = txn.query(
      "SELECT m.vm_id FROM vm_group_members m JOIN vms v ON v.id = m.vm_id"
      " WHERE m.vm_group_id = ? AND m.role_id = ? AND v.state <> 6 ORDER BY m.vm_id",
      role.group, role.role);
  while (rows.next()) vms.push_back(rows.get<VmId>(0));
  return vms;
}

std::vector<VmGroupRole> list_roles(db::Txn& txn, VmGroupId id) {
  std::vector<VmGroupRole> roles;
  auto rows = txn.query(
      "SELECT role_id, name, policy, attributes FROM vm_group_roles WHERE vm_group_id = ?"
      " ORDER BY role_id",
      id);
  while (rows.next()) {
    const auto role = rows.integer(0);
    roles.push_back({role, rows.text(1), rows.get<RolePolicy>(2), stored_vector(rows.text(3)),
                     list_vms_of(txn, {id, role})});
  }
  return roles;
}

/// VMs that have ended keep their rows, so their membership stands in the way of a deletion.
void forget_ended(db::Txn& txn, VmGroupId id) {
  txn.exec(
      "DELETE FROM vm_group_members WHERE vm_group_id = ?"
      " AND vm_id IN (SELECT id FROM vms WHERE state = 6)",
      id);
}

}  // namespace

Result<VmGroup> find_vm_group(db::Txn& txn, VmGroupId id) {
  auto rows = txn.query(
      "SELECT id, name, user_id, group_id, permissions, template FROM vm_groups WHERE id = ?", id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting vm group [{}].", id);
  return VmGroup{rows.get<VmGroupId>(0),
                 rows.text(1),
                 rows.get<UserId>(2),
                 rows.get<GroupId>(3),
                 access::Permissions{rows.get<int>(4)},
                 db::stored_template(rows.text(5)),
                 list_roles(txn, id)};
}

std::vector<VmGroupId> list_vm_groups(db::Txn& txn) {
  return db::list_ids<VmGroupId>(txn, "SELECT id FROM vm_groups ORDER BY id");
}

std::optional<VmGroupId> find_vm_group_by_name(db::Txn& txn, UserId owner,
                                               std::string_view name) {
  return txn.value<VmGroupId>("SELECT id FROM vm_groups WHERE user_id = ? AND name = ?", owner,
                              name);
}

VmGroupId insert_vm_group(db::Txn& txn, const VmGroup& group) {
  const auto id = db::take_id<VmGroupId>(txn, "vm_group");
  txn.exec(
      "INSERT INTO vm_groups(id, name, user_id, group_id, permissions, template)"
      " VALUES (?,?,?,?,?,?)",
      id, group.name, group.owner, group.group, group.permissions.bits,
      group.attributes.to_text());
  txn.touch(ObjectKind::kVmGroup, id);
  return id;
}

void save_vm_group(db::Txn& txn, const VmGroup& group) {
  txn.exec(
      "UPDATE vm_groups SET name=?, user_id=?, group_id=?, permissions=?, template=? WHERE id=?",
      group.name, group.owner, group.group, group.permissions.bits, group.attributes.to_text(),
      group.id);
  txn.touch(ObjectKind::kVmGroup, group.id);
}

void delete_vm_group_row(db::Txn& txn, VmGroupId id) {
  forget_ended(txn, id);
  txn.exec("DELETE FROM vm_groups WHERE id = ?", id);
  txn.touch(ObjectKind::kVmGroup, id);
}

void insert_role(db::Txn& txn, VmGroupId id, const VmGroupRole& role) {
  txn.exec(
      "INSERT INTO vm_group_roles(vm_group_id, role_id, name, policy, attributes)"
      " VALUES (?,?,?,?,?)",
      id, role.id, role.name, role.policy, to_stored(role.attributes));
  txn.touch(ObjectKind::kVmGroup, id);
}

void save_role(db::Txn& txn, VmGroupId id, const VmGroupRole& role) {
  txn.exec("UPDATE vm_group_roles SET policy=?, attributes=? WHERE vm_group_id=? AND role_id=?",
           role.policy, to_stored(role.attributes), id, role.id);
  txn.touch(ObjectKind::kVmGroup, id);
}

void delete_role_row(db::Txn& txn, VmGroupId id, std::int64_t role) {
  forget_ended(txn, id);
  txn.exec("DELETE FROM vm_group_roles WHERE vm_group_id = ? AND role_id = ?", id, role);
  txn.touch(ObjectKind::kVmGroup, id);
}

void insert_member(db::Txn& txn, VmId vm, const RoleRef& role) {
  txn.exec("INSERT INTO vm_group_members(vm_id, vm_group_id, role_id) VALUES (?, ?, ?)", vm,
           role.group, role.role);
  txn.touch(ObjectKind::kVmGroup, role.group);
}

void delete_member(db::Txn& txn, VmId vm, const RoleRef& role) {
  txn.exec("DELETE FROM vm_group_members WHERE vm_id = ?", vm);
  txn.touch(ObjectKind::kVmGroup, role.group);
}

std::optional<RoleRef> role_of(db::Txn& txn, VmId vm) {
  auto rows = txn.query("SELECT vm_group_id, role_id FROM vm_group_members WHERE vm_id = ?", vm);
  if (!rows.next()) return std::nullopt;
  return RoleRef{rows.get<VmGroupId>(0), rows.integer(1)};
}

// States 3 ACTIVE, 5 SUSPENDED and 8 POWEROFF keep their place on a host.
std::vector<HostId> list_hosts_of(db::Txn& txn, const RoleRef& role, VmId but) {
  std::vector<HostId> hosts;
  auto rows = txn.query(
      "SELECT DISTINCT v.host_id FROM vm_group_members m JOIN vms v ON v.id = m.vm_id"
      " WHERE m.vm_group_id = ? AND m.role_id = ? AND v.id <> ? AND v.state IN (3, 5, 8)"
      " AND v.host_id IS NOT NULL ORDER BY v.host_id",
      role.group, role.role, but);
  while (rows.next()) hosts.push_back(rows.get<HostId>(0));
  return hosts;
}

}  // namespace neph::site
