#include "compute/internal/stored.h"
#include "compute/internal/template_rows.h"
#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"

namespace neph::compute {

Result<VmTemplate> find_template(db::Txn& txn, TemplateId id) {
  auto rows = txn.query(
      "SELECT id, name, user_id, group_id, permissions, registered_at, template"
      " FROM vm_templates WHERE id = ?",
      id);
  if (!rows.next()) {
    return fail(Errc::kNotFound, "Error getting virtual machine template [{}].", id);
  }
  return VmTemplate{rows.get<TemplateId>(0), rows.text(1), rows.get<UserId>(2),
                    rows.get<GroupId>(3), access::Permissions{rows.get<int>(4)},
                    from_seconds(rows.integer(5)), db::stored_template(rows.text(6))};
}

std::vector<TemplateId> list_templates(db::Txn& txn) {
  return db::list_ids<TemplateId>(txn, "SELECT id FROM vm_templates ORDER BY id");
}

std::optional<TemplateId> find_template_by_name(db::Txn& txn, UserId owner,
                                                std::string_view name) {
  return txn.value<TemplateId>("SELECT id FROM vm_templates WHERE user_id = ? AND name = ?", owner,
                               name);
}

TemplateId insert_template(db::Txn& txn, VmTemplate vm_template) {
  const auto id = db::take_id<TemplateId>(txn, "template");
  txn.exec(
      "INSERT INTO vm_templates (id, name, user_id, group_id, permissions, registered_at,"
      " template) VALUES (?,?,?,?,?,?,?)",
      id, vm_template.name, vm_template.owner, vm_template.group, vm_template.permissions.bits,
      vm_template.registered.seconds(), vm_template.attributes.to_text());
  txn.touch(ObjectKind::kTemplate, id);
  return id;
}

void save_template(db::Txn& txn, const VmTemplate& vm_template) {
  txn.exec(
      "UPDATE vm_templates SET name=?, user_id=?, group_id=?, permissions=?, registered_at=?,"
      " template=? WHERE id=?",
      vm_template.name, vm_template.owner, vm_template.group, vm_template.permissions.bits,
      vm_template.registered.seconds(), vm_template.attributes.to_text(), vm_template.id);
  txn.touch(ObjectKind::kTemplate, vm_template.id);
}

void delete_template(db::Txn& txn, TemplateId id) {
  txn.exec("DELETE FROM vm_templates WHERE id = ?", id);
  txn.touch(ObjectKind::kTemplate, id);
}

}  // namespace neph::compute
