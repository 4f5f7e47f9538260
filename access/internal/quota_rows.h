#pragma once

#include <optional>
#include <string>

#include "access/quota.h"
#include "db/database.h"

/// Rows behind access/quota.h.
namespace neph::access::internal {

/// What a limit is about: section, key, metric of QuotaUse.
struct QuotaMetric {
  std::string section;
  std::string key;
  std::string metric;
  friend auto operator<=>(const QuotaMetric&, const QuotaMetric&) = default;
};

/// Whose limits are the defaults of a kind of owner.
inline constexpr std::int64_t kDefaultOwner = -1;

/// The owner's own, else the default one; nullopt where there is neither.
[[nodiscard]] std::optional<double> find_limit(db::Txn& txn, QuotaOwner kind, std::int64_t owner,
                                               const QuotaMetric& metric);
[[nodiscard]] double find_usage(db::Txn& txn, QuotaOwner kind, std::int64_t owner,
                               const QuotaMetric& metric);
/// -1 goes back to the default.
void put_limit(db::Txn& txn, QuotaOwner kind, std::int64_t owner, const QuotaMetric& metric,
               double limit);
/// User 0 and the members of group 0.
[[nodiscard]] bool has_no_limits(db::Txn& txn, UserId user);

}  // namespace neph::access::internal
