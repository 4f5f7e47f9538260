#include "access/locks.h"

#include "access/directory.h"
#include "access/internal/lock_rows.h"

namespace neph::access {
namespace {

/// The level "all" of clients is USE: it stops everything.
constexpr std::int64_t kAllLevels = 4;

bool may_change(const Actor& actor, const Lock& lock) {
  return !lock.is_set() || lock.owner == actor.user || actor.is_admin();
}

std::string_view name_of(LockLevel level) {
  switch (level) {
    case LockLevel::kNone: return "NONE";
    case LockLevel::kUse: return "USE";
    case LockLevel::kManage: return "MANAGE";
    case LockLevel::kAdmin: return "ADMIN";
  }
  return "?";
}

/// "user 2 (alice) since 2026-11-21T10:00:00.000Z"
std::string whose(db::Txn& txn, const Lock& lock) {
  const auto name = user_name(txn, lock.owner);
  return fmt::format("user {}{} since {}", lock.owner, name.empty() ? "" : " (" + name + ")",
                     to_text(lock.since));
}

}  // namespace

Result<void> lock(db::Txn& txn, const Actor& actor, const Lockable& what, std::int64_t level,
                  LockTest test) {
  if (level < 1 || level > kAllLevels)
    return fail(Errc::kInvalid, "Wrong lock level {}: 1 is USE, 2 MANAGE, 3 ADMIN, 4 all", level);
  const Lock old = find_lock(txn, what.resource, what.id);
  if (old.is_set() && test == LockTest::kYes)
    return fail(Errc::kWrongState, "{}", old.since.seconds());
  if (!may_change(actor, old))
    return fail(Errc::kWrongState, "{} {} is locked by {}, who or an administrator can unlock it",
                name_of(what.resource), what.id, whose(txn, old));
  const auto chosen = level == kAllLevels ? LockLevel::kUse : static_cast<LockLevel>(level);
  internal::put_lock(txn, what, {chosen, actor.user, txn.at()});
  return {};
}

Result<void> unlock(db::Txn& txn, const Actor& actor, const Lockable& what) {
  const Lock old = find_lock(txn, what.resource, what.id);
  if (!may_change(actor, old))
    return fail(Errc::kWrongState, "{} {} is locked by {}, who or an administrator can unlock it",
                name_of(what.resource), what.id, whose(txn, old));
  if (old.is_set()) internal::erase_lock(txn, what);
  return {};
}

Result<void> check_lock(db::Txn& txn, Op op, const Subject& subject) {
  if (subject.id < 0) return {};
  const Lock lock = find_lock(txn, subject.kind, subject.id);
  if (!lock.is_set() || static_cast<int>(op) < static_cast<int>(lock.level)) return {};
  return fail(Errc::kDenied,
              "{} is locked. [{}] The lock of {} refuses {} and more; it can be taken off with"
              " unlock.",
              name_of(subject.kind), subject.id, whose(txn, lock), name_of(lock.level));
}

}  // namespace neph::access
