#include "db/list_ids.h"
#include "db/stored_template.h"
#include "network/internal/lease_rows.h"

namespace neph::network {
Result<SecurityGroup> find_security_group(db::Txn& txn, SecurityGroupId id) {
  auto row = txn.query(
      "SELECT id, name, user_id, group_id, permissions, template FROM security_groups"
      " WHERE id = ?",
      id);
  if (!row.next()) return fail(Errc::kNotFound, "Error getting security group [{}].", id);
  SecurityGroup group;
  group.id = row.get<SecurityGroupId>(0);
  group.name = row.text(1);
  group.owner = row.get<UserId>(2);
  group.group = row.get<GroupId>(3);
  group.permissions.bits = row.get<int>(4);
  group.attributes = db::stored_template(row.text(5));
  return group;
}

std::optional<SecurityGroupId> find_security_group_by_name(db::Txn& txn, UserId owner,
                                                           std::string_view name) {
  return txn.value<SecurityGroupId>(
      "SELECT id FROM security_groups WHERE user_id = ? AND name = ?", owner, name);
}

std::vector<SecurityGroupId> list_security_groups(db::Txn& txn) {
  return db::list_ids<SecurityGroupId>(txn, "SELECT id FROM security_groups ORDER BY id");
}

std::vector<VmId> list_vms_in(db::Txn& txn, SecurityGroupId id) {
  return db::list_ids<VmId>(
      txn,
      "SELECT DISTINCT vm_id FROM nic_security_groups WHERE security_group_id = ? ORDER BY vm_id",
      id);
}

std::vector<VmId> list_filtered_vms_in(db::Txn& txn, SecurityGroupId id) {
  return db::list_ids<VmId>(
      txn,
      "SELECT DISTINCT member.vm_id FROM nic_security_groups member"
      " LEFT JOIN leases ON leases.vm_id = member.vm_id AND leases.nic_id = member.nic_id"
      " LEFT JOIN networks ON networks.id = leases.network_id"
      " WHERE member.security_group_id = ? AND coalesce(networks.vn_mad, '') <> 'dummy'"
      " ORDER BY member.vm_id",
      id);
}

std::vector<SecurityGroupId> list_security_groups_of(db::Txn& txn, VmId vm) {
  return db::list_ids<SecurityGroupId>(
      txn,
      "SELECT DISTINCT security_group_id FROM nic_security_groups WHERE vm_id = ? ORDER BY 1", vm);
}

void join_security_group(db::Txn& txn, SecurityGroupId group, VmId vm, NicId nic) {
  txn.exec(
      "INSERT OR IGNORE INTO nic_security_groups(security_group_id, vm_id, nic_id)"
      " VALUES (?, ?, ?)",
      group, vm, nic);
  txn.touch(ObjectKind::kSecurityGroup, group);
}

void leave_security_group(db::Txn& txn, SecurityGroupId group, VmId vm, NicId nic) {
  txn.exec(
      "DELETE FROM nic_security_groups WHERE security_group_id = ? AND vm_id = ? AND nic_id = ?",
      group, vm, nic);
  txn.touch(ObjectKind::kSecurityGroup, group);
}

void leave_security_groups(db::Txn& txn, VmId vm, NicId nic) {
  for (const auto group : db::list_ids<SecurityGroupId>(
           txn, "SELECT security_group_id FROM nic_security_groups WHERE vm_id = ? AND nic_id = ?",
           vm, nic)) {
    txn.touch(ObjectKind::kSecurityGroup, group);
  }
  txn.exec("DELETE FROM nic_security_groups WHERE vm_id = ? AND nic_id = ?", vm, nic);
}

void insert_security_group(db::Txn& txn, const SecurityGroup& group) {
  txn.exec(
      "INSERT INTO security_groups(id, name, user_id, group_id, permissions, template)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      group.id, group.name, group.owner, group.group, group.permissions.bits,
      group.attributes.to_text());
  txn.touch(ObjectKind::kSecurityGroup, group.id);
}

void save_security_group(db::Txn& txn, const SecurityGroup& group) {
  txn.exec(
      "UPDATE security_groups SET name = ?, user_id = ?, group_id = ?, permissions = ?,"
      " template = ? WHERE id = ?",
      group.name, group.owner, group.group, group.permissions.bits, group.attributes.to_text(),
      group.id);
  txn.touch(ObjectKind::kSecurityGroup, group.id);
  for (const VmId vm : list_vms_in(txn, group.id)) txn.touch(ObjectKind::kVm, vm);
}

void delete_security_group_row(db::Txn& txn, SecurityGroupId id) {
  txn.exec("DELETE FROM security_groups WHERE id = ?", id);
  txn.touch(ObjectKind::kSecurityGroup, id);
}

}  // namespace neph::network
