#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "access/directory.h"
#include "access/users.h"
#include "db/database.h"
#include "tests/support/fresh_store.h"

namespace neph::access {

/// A fresh store with users 0 and 1, groups 0 and 1.
class AccessTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = fresh_store();
    const auto made = database_->transact_one(now_, [](db::Txn& txn) {
      return bootstrap(txn, {"hash-of-oneadmin", "hash-of-serveradmin"});
    });
    ASSERT_TRUE(made) << made.error().text();
  }

  template <class F>
  auto in_txn(F&& work) {
    return database_->transact_one(now_, std::forward<F>(work));
  }
  void sql(const std::string& text) {
    const auto done = in_txn([&](db::Txn& txn) -> Result<void> {
      txn.exec(text);
      return {};
    });
    ASSERT_TRUE(done) << done.error().text();
  }
  void add_group(int id) {
    sql(fmt::format("INSERT INTO groups(id, name) VALUES ({}, 'group{}')", id, id));
  }
  UserId add_user(const std::string& name, std::vector<GroupId> groups = {}) {
    const auto made = in_txn([&](db::Txn& txn) {
      return create_user(txn, root(), {name, "hash-of-" + name, "", groups});
    });
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(UserId{});
  }
  User user(UserId id) {
    const auto found = in_txn([&](db::Txn& txn) { return find_user(txn, id); });
    EXPECT_TRUE(found) << found.error().text();
    return found.value_or(User{});
  }
  static Actor root() {
    return {UserId{0}, "oneadmin", GroupId{0}, "oneadmin", {GroupId{0}}, 0177};
  }

  Instant now_{1'700'000'000'000};
  std::unique_ptr<db::Database> database_;
};

}  // namespace neph::access
