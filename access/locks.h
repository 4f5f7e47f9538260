#pragma once

#include <cstdint>

#include "access/permissions.h"
#include "base/clock.h"
#include "db/database.h"

/// Locks: the word of a user that an object stays as it is. They stop everybody, administrators
/// too, but not who only looks. Store lane, or any transaction for reading. Facts: OpenNebula 7.4
/// (states.md 8).
namespace neph::access {

/// From which right on operations are refused. Numbers of the wire.
enum class LockLevel { kNone = 0, kUse = 1, kManage = 2, kAdmin = 3 };

struct Lock {
  LockLevel level = LockLevel::kNone;
  UserId owner;
  Instant since;
  [[nodiscard]] bool is_set() const { return level != LockLevel::kNone; }
};

/// What can be locked: VMs, templates, images, networks, documents, VM groups, hooks ...
struct Lockable {
  Resource resource = Resource::kVm;
  ObjectKind kind = ObjectKind::kVm;  ///< what is shown anew
  std::int64_t id = -1;
};

/// Of an object that is not locked: one that is not set.
[[nodiscard]] Lock find_lock(db::Txn& txn, Resource resource, std::int64_t id);

/// The `test` of one.*.lock: whether a lock that is there is looked at first.
enum class LockTest { kNo, kYes };
/// `level` as one.*.lock takes it: 1 USE, 2 MANAGE, 3 ADMIN, 4 all (as 1). Who has the lock, and
/// administrators, may set it anew.
/// \returns kInvalid for another level; kWrongState when it is locked: with a test the message is
///          the seconds since the epoch at which that was, which OpenNebula's clients read
Result<void> lock(db::Txn& txn, const Actor& actor, const Lockable& what, std::int64_t level,
                  LockTest test);
/// Without a lock there is nothing to do. \returns kWrongState for somebody else's lock, unless
/// the caller is an administrator
Result<void> unlock(db::Txn& txn, const Actor& actor, const Lockable& what);

/// Whether a lock stops the operation; authorize() with a transaction asks it. A subject without
/// an id is never locked. \returns kDenied with who locked it and since when
[[nodiscard]] Result<void> check_lock(db::Txn& txn, Op op, const Subject& subject);

}  // namespace neph::access
