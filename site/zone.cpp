#include "site/zone.h"

#include "access/directory.h"
#include "site/internal/updated.h"
#include "site/internal/zone_rows.h"

namespace neph::site {

access::Subject subject_of(const Zone& zone) {
  return {.kind = access::Resource::kZone,
          .id = kThisZone,
          .name = zone.name,
          .owner = UserId{0},
          .group = GroupId{0},
          .permissions = {0},
          .clusters = {}};
}

Result<access::Subject> find_zone_subject(db::Txn& txn, std::int64_t id) {
  if (id != kThisZone) return fail(Errc::kNotFound, "Error getting zone [{}].", id);
  return subject_of(find_zone(txn));
}

Result<void> rename_zone(db::Txn& txn, const std::string& name) {
  CHECK_OK(access::check_name("zone", name));
  Zone zone = find_zone(txn);
  zone.name = name;
  save_zone(txn, zone);
  return {};
}

Result<void> update_zone(db::Txn& txn, const text::Template& change, bool is_append) {
  Zone zone = find_zone(txn);
  zone.attributes = TRY(updated(zone.attributes, change, is_append));
  save_zone(txn, zone);
  return {};
}

void set_zone_use(db::Txn& txn, ZoneUse use) {
  Zone zone = find_zone(txn);
  zone.is_enabled = use == ZoneUse::kEnabled;
  save_zone(txn, zone);
}

}  // namespace neph::site
