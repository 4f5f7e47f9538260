#pragma once

#include <string_view>
#include <vector>

#include "db/database.h"

namespace neph::db {

/// The ids that a query has in its first column, in its order: list_ids<VmId>(txn, "SELECT ...").
template <class AnyId, class... Args>
[[nodiscard]] std::vector<AnyId> list_ids(Txn& txn, std::string_view sql, const Args&... args) {
  std::vector<AnyId> ids;
  auto rows = txn.query(sql, args...);
  while (rows.next()) ids.push_back(AnyId{rows.integer(0)});
  return ids;
}

}  // namespace neph::db
