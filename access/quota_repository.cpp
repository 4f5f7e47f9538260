#include "access/internal/quota_rows.h"

namespace neph::access::internal {
namespace {

constexpr double kDefaultLimit = -1;

}  // namespace

std::optional<double> find_limit(db::Txn& txn, QuotaOwner kind, std::int64_t owner,
                                 const QuotaMetric& metric) {
  return txn.value<double>(
      "SELECT limit_value FROM quota_limits WHERE owner_kind = ? AND owner_id = ? "
      "AND section = ? AND key = ? AND metric = ?",
      kind, owner, metric.section, metric.key, metric.metric);
}

double sum_usage(db::Txn& txn, QuotaOwner kind, std::int64_t owner, const QuotaMetric& metric) {
  // Two texts instead of one with an OR, so that the indexes by user and by group are used.
  const char* sql =
      kind == QuotaOwner::kUser
          ? "SELECT TOTAL(amount) FROM usage_rows "
            "WHERE user_id = ? AND section = ? AND key = ? AND metric = ?"
          : "SELECT TOTAL(amount) FROM usage_rows "
            "WHERE group_id = ? AND section = ? AND key = ? AND metric = ?";
  return txn.value<double>(sql, owner, metric.section, metric.key, metric.metric).value_or(0);
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
  const std::string sql = std::string(
      "SELECT section, key, metric, MAX(limit_value), TOTAL(amount) FROM ("
      "SELECT section, key, metric, limit_value, 0 AS amount FROM quota_limits "
      "WHERE owner_kind = ? AND owner_id = ? "
      "UNION ALL SELECT section, key, metric, NULL, amount FROM usage_rows WHERE ") +
      (kind == QuotaOwner::kUser ? "user_id" : "group_id") +
      " = ?) GROUP BY section, key, metric "
      "HAVING MAX(limit_value) IS NOT NULL OR TOTAL(amount) <> 0 "
      "ORDER BY section, CAST(key AS INTEGER), metric";
  std::vector<QuotaUse> quotas;
  auto rows = txn.query(sql, kind, owner, owner);
  while (rows.next()) {
    const double limit = rows.is_null(3) ? -1 : rows.real(3);
    quotas.push_back({rows.text(0), rows.text(1), rows.text(2), limit, rows.real(4)});
  }
  return quotas;
}

}  // namespace neph::access
