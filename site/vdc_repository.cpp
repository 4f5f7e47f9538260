#include "db/counters.h"
#include "db/list_ids.h"
#include "db/stored_template.h"
#include "site/internal/vdc_rows.h"

namespace neph::site {

Result<Vdc> find_vdc(db::Txn& txn, VdcId id) {
  auto rows = txn.query("SELECT name, template FROM vdcs WHERE id = ?", id);
  if (!rows.next()) return fail(Errc::kNotFound, "Error getting VDC [{}].", id);
  Vdc vdc{id, rows.text(0), {}, {}, db::stored_template(rows.text(1))};
  auto groups = txn.query("SELECT group_id FROM vdc_groups WHERE vdc_id = ? ORDER BY group_id", id);
  while (groups.next()) vdc.groups.push_back(groups.get<GroupId>(0));
  auto resources = txn.query(
      "SELECT kind, zone_id, object_id FROM vdc_resources WHERE vdc_id = ?"
      " ORDER BY kind, zone_id, object_id",
      id);
  while (resources.next()) {
    vdc.resources.push_back(
        {resources.get<VdcKind>(0), resources.integer(1), resources.integer(2)});
  }
  return vdc;
}

std::vector<VdcId> list_vdcs(db::Txn& txn) {
  return db::list_ids<VdcId>(txn, "SELECT id FROM vdcs ORDER BY id");
}

std::vector<VdcId> list_vdcs_of(db::Txn& txn, GroupId group) {
  return db::list_ids<VdcId>(txn, "SELECT vdc_id FROM vdc_groups WHERE group_id = ?", group);
}

std::vector<VdcId> list_vdcs_with(db::Txn& txn, const VdcResource& resource) {
  return db::list_ids<VdcId>(
      txn,
      "SELECT vdc_id FROM vdc_resources WHERE kind = ? AND zone_id = ? AND object_id = ?",
      resource.kind, resource.zone, resource.object);
}

std::optional<VdcId> find_vdc_by_name(db::Txn& txn, std::string_view name) {
  return txn.value<VdcId>("SELECT id FROM vdcs WHERE name = ?", name);
}

VdcId insert_vdc(db::Txn& txn, const Vdc& vdc) {
  const auto id = db::take_id<VdcId>(txn, "vdc");
  txn.exec("INSERT INTO vdcs(id, name, template) VALUES (?, ?, ?)", id, vdc.name,
           vdc.attributes.to_text());
  txn.touch(ObjectKind::kVdc, id);
  return id;
}

void save_vdc(db::Txn& txn, const Vdc& vdc) {
  txn.exec("UPDATE vdcs SET name = ?, template = ? WHERE id = ?", vdc.name,
           vdc.attributes.to_text(), vdc.id);
  txn.touch(ObjectKind::kVdc, vdc.id);
}

void delete_vdc_row(db::Txn& txn, VdcId id) {
  txn.exec("DELETE FROM vdcs WHERE id = ?", id);
  txn.touch(ObjectKind::kVdc, id);
}

void insert_vdc_group(db::Txn& txn, VdcId id, GroupId group) {
  txn.exec("INSERT OR IGNORE INTO vdc_groups(vdc_id, group_id) VALUES (?, ?)", id, group);
  txn.touch(ObjectKind::kVdc, id);
}

void delete_vdc_group(db::Txn& txn, VdcId id, GroupId group) {
  txn.exec("DELETE FROM vdc_groups WHERE vdc_id = ? AND group_id = ?", id, group);
  txn.touch(ObjectKind::kVdc, id);
}

void insert_vdc_resource(db::Txn& txn, VdcId id, const VdcResource& resource) {
  txn.exec("INSERT INTO vdc_resources(vdc_id, kind, zone_id, object_id) VALUES (?, ?, ?, ?)", id,
           resource.kind, resource.zone, resource.object);
  txn.touch(ObjectKind::kVdc, id);
}

void delete_vdc_resource(db::Txn& txn, VdcId id, const VdcResource& resource) {
  txn.exec(
      "DELETE FROM vdc_resources WHERE vdc_id = ? AND kind = ? AND zone_id = ? AND object_id = ?",
      id, resource.kind, resource.zone, resource.object);
  txn.touch(ObjectKind::kVdc, id);
}

}  // namespace neph::site
