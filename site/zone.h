#pragma once

#include <string>

#include "access/permissions.h"
#include "db/database.h"
#include "text/template.h"

/// The one zone there is, with this daemon alone in it. Store lane; rights are the caller's
/// business. Facts: OpenNebula 7.4.
namespace neph::site {

inline constexpr std::int64_t kThisZone = 0;

struct Zone {
  std::string name = "OpenNebula";
  bool is_enabled = true;      ///< else nothing may be changed but this
  text::Template attributes;   ///< an ENDPOINT among them is shown instead of the daemon's own
};

[[nodiscard]] Zone find_zone(db::Txn& txn);
/// The zone as ACL rules see it: it belongs to the administrators.
[[nodiscard]] access::Subject subject_of(const Zone& zone);
/// \returns kNotFound for any zone but this one
[[nodiscard]] Result<access::Subject> find_zone_subject(db::Txn& txn, std::int64_t id);

Result<void> rename_zone(db::Txn& txn, const std::string& name);
/// Replaces the template, or merges into it.
Result<void> update_zone(db::Txn& txn, const text::Template& change, bool is_append);
enum class ZoneUse { kDisabled = 0, kEnabled = 1 };
void set_zone_use(db::Txn& txn, ZoneUse use);

}  // namespace neph::site
