#pragma once

#include <string>
#include <vector>

#include "access/permissions.h"
#include "db/database.h"
#include "text/template.h"

/// Quotas. Limits are rows; what is used is kept by the database's own triggers, by the definition
/// in the views vm_usage, image_usage and lease_usage, in the transaction of each change. So
/// nothing has to be given back and nothing can drift. Units: OpenNebula's (MB, CPU as a factor).
namespace neph::access {

struct QuotaUse {
  std::string section;  ///< "VM", "DATASTORE", "IMAGE", "NETWORK"
  std::string key;      ///< id of the datastore, image or network, "" for VM
  std::string metric;   ///< "VMS", "CPU", "SIZE", "LEASES" ...
  double limit = -1;    ///< -1 the default, -2 unlimited
  double used = 0;
};
enum class QuotaOwner { kUser = 1, kGroup = 2 };

/// Sorted by section, key, metric; what has a limit or is used.
[[nodiscard]] std::vector<QuotaUse> list_quotas(db::Txn& txn, QuotaOwner kind, std::int64_t owner);

/// The limits of all users, or groups, that have none of their own.
[[nodiscard]] std::vector<QuotaUse> list_default_quotas(db::Txn& txn, QuotaOwner kind);
/// Changes them, in the words of set_quota(); everybody they concern is shown anew.
Result<void> set_default_quota(db::Txn& txn, QuotaOwner kind, const text::Template& ask);

/// The template of one.user.quota: VM=[...], DATASTORE=[ID=...,...], IMAGE=[ID=...,...],
/// NETWORK=[ID=...,...]. Touches
/// the owner. \returns kInvalid naming the attribute, kWrongState for user 0 and group 0
Result<void> set_quota(db::Txn& txn, QuotaOwner kind, std::int64_t owner,
                       const text::Template& ask);

/// What a new object would add.
struct QuotaCharge {
  std::string section;
  std::string key;
  std::string metric;
  double amount = 0;
};
/// Whether the owner and his group have room for all of it, beside what exists. Call it before the
/// rows are written, in the same transaction. Owners in group 0 have no limits.
/// \returns kDenied with metric, limit, used and asked
[[nodiscard]] Result<void> check_quota(db::Txn& txn, UserId user, GroupId group,
                                       const std::vector<QuotaCharge>& charges);

}  // namespace neph::access
