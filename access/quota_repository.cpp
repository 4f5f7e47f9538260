#include "access/internal/quota_rows.h"

namespace neph::access::internal {
namespace {

constexpr double kDefaultLimit = -1;

}  // namespace

std::optional<double> find_limit(db::Txn& txn, QuotaOwner kind, std::int64_t owner,
                                 const QuotaMetric& metric) {
  return txn.value<double>(
      "SELECT limit_value FROM quota_limits WHERE owner_kind = ? AND owner_id IN (?, ?) "
      "AND section = ? AND key = ? AND metric = ? ORDER BY owner_id DESC LIMIT 1",
      kind, owner, kDefaultOwner, metric.section, metric.key, metric.metric);
}

double find_usage(db::Txn& txn, QuotaOwner kind, std::int64_t owner, const QuotaMetric& metric) {
  return txn
      .value<double>(
          "SELECT used FROM quota_usage WHERE owner_kind = ? AND owner_id = ? AND section = ? "
          "AND key = ? AND metric = ?",
          kind, owner, metric.section, metric.key, metric.metric)
      .value_or(0);
}

void put_limit(db::Txn& txn, QuotaOwner kind, std::int64_t owner, const QuotaMetric& metric,
               double limit) {
  if (limit == kDefaultLimit) {
    txn.exec(
        "DELETE FROM quota_limits WHERE owner_kind = ? AND owner_id = ? AND section = ? "
        "AND key = ? AND metric = ?",
        kind, owner, metric.section, metric.key, metric.metric);
    return;
  }
  txn.exec(
      "INSERT INTO quota_limits(owner_kind, owner_id, section, key, metric, limit_value) "
      "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET limit_value = excluded.limit_value",
      kind, owner, metric.section, metric.key, metric.metric, limit);
}

bool has_no_limits(db::Txn& txn, UserId user) {
  if (user == UserId{0}) return true;
  return txn.value<std::int64_t>(
             "SELECT 1 FROM user_groups WHERE user_id = ? AND group_id = 0", user)
      .has_value();
}

}  // namespace neph::access::internal

namespace neph::access {

std::vector<QuotaUse> list_quotas(db::Txn& txn, QuotaOwner kind, std::int64_t owner) {
  std::vector<QuotaUse> quotas;
  auto rows = txn.query(
      "SELECT section, key, metric, MAX(limit_value), MAX(used) FROM ("
      "SELECT section, key, metric, limit_value, 0 AS used FROM quota_limits "
      "WHERE owner_kind = ?1 AND owner_id = ?2 "
      "UNION ALL SELECT section, key, metric, NULL, used FROM quota_usage "
      "WHERE owner_kind = ?1 AND owner_id = ?2) GROUP BY section, key, metric "
      "HAVING MAX(limit_value) IS NOT NULL OR MAX(used) <> 0 "
      "ORDER BY section, CAST(key AS INTEGER), metric",
      kind, owner);
  while (rows.next()) {
    const double limit = rows.is_null(3) ? -1 : rows.real(3);
    quotas.push_back({rows.text(0), rows.text(1), rows.text(2), limit, rows.real(4)});
  }
  return quotas;
}

}  // namespace neph::access
