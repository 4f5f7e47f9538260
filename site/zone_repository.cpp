#include "db/stored_template.h"
#include "site/internal/zone_rows.h"

namespace neph::site {

Zone find_zone(db::Txn& txn) {
  auto row = txn.query("SELECT name, is_enabled, template FROM zone WHERE id = ?", kThisZone);
  NEPH_ASSERT(row.next());
  return {row.text(0), row.get<bool>(1), db::stored_template(row.text(2))};
}

void save_zone(db::Txn& txn, const Zone& zone) {
  txn.exec("UPDATE zone SET name = ?, is_enabled = ?, template = ? WHERE id = ?", zone.name,
           zone.is_enabled, zone.attributes.to_text(), kThisZone);
  txn.touch(ObjectKind::kZone, kThisZone);
}

}  // namespace neph::site
