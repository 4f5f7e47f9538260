#include "db/counters.h"

namespace neph::db {

std::int64_t take_number(Txn& txn, std::string_view counter) {
  const auto number = txn.value<std::int64_t>(
      "UPDATE counters SET next = next + 1 WHERE name = ? RETURNING next - 1", counter);
  NEPH_ASSERT(number.has_value());
  return *number;
}

}  // namespace neph::db
