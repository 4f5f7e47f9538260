#include "access/locks.h"

#include "tests/unit/access/world.h"

namespace neph::access {
namespace {

class Locks : public AccessTest {
 protected:
  static Actor user_of(std::int64_t id) {
    return {UserId{id}, "u", GroupId{1}, "users", {GroupId{1}}, 0177};
  }
  Result<void> lock_it(const Actor& who, std::int64_t level, LockTest test = LockTest::kNo) {
    return in_txn([&](db::Txn& txn) { return lock(txn, who, what_, level, test); });
  }
  Result<void> unlock_it(const Actor& who) {
    return in_txn([&](db::Txn& txn) { return unlock(txn, who, what_); });
  }
  Result<void> ask(const Actor& who, Op op) {
    Subject subject{Resource::kDocument, 7, "notes", UserId{5}, GroupId{1}, Permissions{0700}, {}};
    return in_txn([&](db::Txn& txn) { return authorize(txn, who, op, subject); });
  }

  Lockable what_{Resource::kDocument, ObjectKind::kDocument, 7};
};

TEST_F(Locks, ALevelRefusesItsRightAndTheStrongerOnes) {
  const struct {
    std::int64_t level;
    bool use, manage, admin;
  } kRows[] = {{1, false, false, false}, {2, true, false, false}, {3, true, true, false},
               {4, false, false, false}};
  for (const auto& row : kRows) {
    ASSERT_TRUE(lock_it(user_of(5), row.level));
    EXPECT_EQ(ask(user_of(5), Op::kUse).has_value(), row.use) << row.level;
    EXPECT_EQ(ask(user_of(5), Op::kManage).has_value(), row.manage) << row.level;
    EXPECT_EQ(ask(user_of(5), Op::kAdmin).has_value(), row.admin) << row.level;
  }
  EXPECT_EQ(lock_it(user_of(5), 0).error().code, Errc::kInvalid);
  EXPECT_EQ(lock_it(user_of(5), 5).error().code, Errc::kInvalid);
}

TEST_F(Locks, AdministratorsAreStoppedAndMayTakeAnyLockOff) {
  ASSERT_TRUE(lock_it(user_of(5), 2));
  const auto refused = ask(root(), Op::kManage);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_TRUE(refused.error().message.starts_with("DOCUMENT is locked. [7] The lock of user 5"))
      << refused.error().message;
  EXPECT_TRUE(unlock_it(root()));
  EXPECT_TRUE(ask(root(), Op::kManage));
  EXPECT_TRUE(unlock_it(root())) << "nothing to do";
}

TEST_F(Locks, AnotherUserNeitherTakesItOffNorTakesItOver) {
  ASSERT_TRUE(lock_it(user_of(5), 3));
  EXPECT_EQ(unlock_it(user_of(6)).error().code, Errc::kWrongState);
  EXPECT_EQ(lock_it(user_of(6), 1).error().code, Errc::kWrongState);
  EXPECT_TRUE(ask(user_of(5), Op::kManage)) << "the lock is as it was";
  EXPECT_TRUE(lock_it(user_of(5), 1)) << "its owner may set it anew";
}

TEST_F(Locks, ATestAnswersWhenItWasLocked) {
  EXPECT_TRUE(lock_it(user_of(5), 1, LockTest::kYes));
  const auto refused = lock_it(user_of(5), 1, LockTest::kYes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, std::to_string(now_.seconds()));
}

}  // namespace
}  // namespace neph::access
