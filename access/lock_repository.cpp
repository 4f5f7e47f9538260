#include "access/internal/lock_rows.h"

namespace neph::access {

Lock find_lock(db::Txn& txn, Resource resource, std::int64_t id) {
  auto rows = txn.query(
      "SELECT level, user_id, locked_at FROM object_locks WHERE resource = ? AND object_id = ?",
      resource, id);
  if (!rows.next()) return {};
  return {rows.get<LockLevel>(0), rows.get<UserId>(1), Instant{rows.integer(2) * 1000}};
}

namespace internal {

void put_lock(db::Txn& txn, const Lockable& what, const Lock& lock) {
  txn.exec(
      "INSERT INTO object_locks(resource, object_id, level, user_id, locked_at)"
      " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET level = excluded.level,"
      " user_id = excluded.user_id, locked_at = excluded.locked_at",
      what.resource, what.id, lock.level, lock.owner, lock.since.seconds());
  txn.touch(what.kind, what.id);
}

void erase_lock(db::Txn& txn, const Lockable& what) {
  txn.exec("DELETE FROM object_locks WHERE resource = ? AND object_id = ?", what.resource,
           what.id);
  txn.touch(what.kind, what.id);
}

}  // namespace internal
}  // namespace neph::access
