#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"
#include "network/internal/network_template_rows.h"

namespace neph::network {

Result<NetworkTemplate> find_network_template(db::Txn& txn, NetworkTemplateId id) {
  auto row = txn.query(
      "SELECT id, name, user_id, group_id, permissions, registered_at, template"
      " FROM network_templates WHERE id = ?",
      id);
  if (!row.next()) return fail(Errc::kNotFound, "Error getting virtual network template [{}].", id);
  return NetworkTemplate{row.get<NetworkTemplateId>(0),
                         row.text(1),
                         row.get<UserId>(2),
                         row.get<GroupId>(3),
                         access::Permissions{row.get<int>(4)},
                         Instant{row.integer(5) * 1000},
                         db::stored_template(row.text(6))};
}

std::vector<NetworkTemplateId> list_network_templates(db::Txn& txn) {
  return db::list_ids<NetworkTemplateId>(txn, "SELECT id FROM network_templates ORDER BY id");
}

std::optional<NetworkTemplateId> find_network_template_by_name(db::Txn& txn, UserId owner,
                                                               std::string_view name) {
  return txn.value<NetworkTemplateId>(
      "SELECT id FROM network_templates WHERE user_id = ? AND name = ?", owner, name);
}

NetworkTemplateId insert_network_template(db::Txn& txn, const NetworkTemplate& fresh) {
  const auto id = db::take_id<NetworkTemplateId>(txn, "network_template");
  txn.exec(
      "INSERT INTO network_templates(id, name, user_id, group_id, permissions, registered_at,"
      " template) VALUES (?,?,?,?,?,?,?)",
      id, fresh.name, fresh.owner, fresh.group, fresh.permissions.bits,
      fresh.registered.seconds(), fresh.attributes.to_text());
  txn.touch(ObjectKind::kNetworkTemplate, id);
  return id;
}

void save_network_template(db::Txn& txn, const NetworkTemplate& changed) {
  txn.exec(
      "UPDATE network_templates SET name=?, user_id=?, group_id=?, permissions=?, template=?"
      " WHERE id=?",
      changed.name, changed.owner, changed.group, changed.permissions.bits,
      changed.attributes.to_text(), changed.id);
  txn.touch(ObjectKind::kNetworkTemplate, changed.id);
}

void delete_network_template(db::Txn& txn, NetworkTemplateId id) {
  txn.exec("DELETE FROM network_templates WHERE id = ?", id);
  txn.touch(ObjectKind::kNetworkTemplate, id);
}

}  // namespace neph::network
