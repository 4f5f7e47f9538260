#include <gtest/gtest.h>

#include <memory>

#include "access/users.h"
#include "site/vm_group.h"
#include "tests/support/fresh_store.h"

namespace neph::site {
namespace {

class VmGroups : public testing::Test {
 protected:
  void SetUp() override {
    database_ = fresh_store();
    in_txn([](db::Txn& txn) -> Result<void> {
      CHECK_OK(access::bootstrap(txn, {"hash", "hash"}));
      txn.exec("INSERT INTO clusters(id, name) VALUES (0, 'default')");
      for (int host = 1; host <= 3; ++host)
        txn.exec(
            "INSERT INTO hosts(id, name, cluster_id, im_mad, vm_mad, uri)"
            " VALUES (?, ?, 0, 'dummy', 'dummy', '')",
            host, fmt::format("node{}", host));
      return {};
    });
  }
  Result<void> try_in_txn(const std::function<Result<void>(db::Txn&)>& work) {
    return database_->transact_one(now_, work);
  }
  void in_txn(const std::function<Result<void>(db::Txn&)>& work) {
    const auto done = try_in_txn(work);
    ASSERT_TRUE(done) << done.error().text();
  }
  Result<VmGroupId> try_make(const std::string& text) {
    return database_->transact_one(now_, [&](db::Txn& txn) {
      return create_vm_group(txn, root_, *text::Template::parse(text));
    });
  }
  VmGroupId make(const std::string& text) {
    const auto made = try_make("NAME=g " + text);
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(VmGroupId{});
  }
  /// A VM of a role: pending without a host, else running on it.
  VmId vm_in(VmGroupId group, const std::string& role, int host = -1) {
    const VmId id{next_vm_++};
    in_txn([&](db::Txn& txn) -> Result<void> {
      txn.exec(
          "INSERT INTO vms(id, name, user_id, group_id, permissions, state, host_id, uuid, cpu,"
          " vcpus, memory_mb, created_at, template) VALUES (?, 'v', 0, 0, 0, ?, ?, '', 1, 1, 1, 0,"
          " '')",
          id, host < 0 ? 1 : 3, HostId{host});
      const auto wish = *text::Template::parse(
          fmt::format("VMGROUP=[VMGROUP_ID={}, ROLE=\"{}\"]", group, role));
      const auto found = TRY(find_role(txn, root_, wish));
      join_role(txn, id, *found);
      return {};
    });
    return id;
  }
  std::string requirement(VmId vm) {
    std::string text;
    database_->read(now_, [&](db::Txn& txn) { text = host_requirement(txn, vm); });
    return text;
  }
  void end(VmId vm) {
    in_txn([&](db::Txn& txn) -> Result<void> {
      txn.exec("UPDATE vms SET state = 6 WHERE id = ?", vm);
      return {};
    });
  }

  Instant now_{1'700'000'000'000};
  access::Actor root_{UserId{0}, "oneadmin", GroupId{0}, "oneadmin", {GroupId{0}}, 0177};
  std::unique_ptr<db::Database> database_;
  int next_vm_ = 0;
};

TEST_F(VmGroups, AnAffinedRoleFollowsItsFirstVm) {
  const auto group = make("ROLE=[NAME=web, POLICY=AFFINED]");
  const VmId vm = vm_in(group, "web");
  EXPECT_EQ(requirement(vm), "") << "the first one goes anywhere";
  vm_in(group, "web", 2);
  EXPECT_EQ(requirement(vm), "(ID = 2)");
}

TEST_F(VmGroups, AnAntiAffinedRoleKeepsItsVmsApart) {
  const auto group = make("ROLE=[NAME=web, POLICY=ANTI_AFFINED]");
  vm_in(group, "web", 1);
  const VmId gone = vm_in(group, "web", 3);
  vm_in(group, "web", 2);
  const VmId vm = vm_in(group, "web");
  EXPECT_EQ(requirement(vm), "ID != 1 & ID != 2 & ID != 3");
  end(gone);
  EXPECT_EQ(requirement(vm), "ID != 1 & ID != 2");
}

TEST_F(VmGroups, HostsAndOtherRolesCountToo) {
  const auto group = make(
      "ROLE=[NAME=web, HOST_AFFINED=\"1, 2\", HOST_ANTI_AFFINED=\"3\"] ROLE=[NAME=db]"
      " ROLE=[NAME=log] AFFINED=\"web, db\" ANTI_AFFINED=\"web,log\"");
  vm_in(group, "db", 1);
  vm_in(group, "log", 2);
  EXPECT_EQ(requirement(vm_in(group, "web")),
            "(ID = 1 | ID = 2) & ID != 3 & (ID = 1) & ID != 2");
  EXPECT_EQ(requirement(vm_in(group, "log")), "");
}

TEST_F(VmGroups, WhatHasVmsStays) {
  const auto group = make("ROLE=[NAME=web] ROLE=[NAME=db]");
  const VmId vm = vm_in(group, "web");
  const auto code = [&](const std::function<Result<void>(db::Txn&)>& work) {
    const auto done = try_in_txn(work);
    return done ? std::optional<Errc>{} : done.error().code;
  };
  EXPECT_EQ(code([&](db::Txn& txn) { return delete_vm_group(txn, group); }), Errc::kWrongState);
  EXPECT_EQ(code([&](db::Txn& txn) { return delete_role(txn, group, 0); }), Errc::kWrongState);
  EXPECT_EQ(code([&](db::Txn& txn) { return delete_role(txn, group, 1); }), std::nullopt);
  end(vm);
  EXPECT_EQ(code([&](db::Txn& txn) { return delete_role(txn, group, 0); }), Errc::kWrongState)
      << "the last one";
  EXPECT_EQ(code([&](db::Txn& txn) { return delete_vm_group(txn, group); }), std::nullopt);
}

TEST_F(VmGroups, RolesAreAddedAndChanged) {
  const auto group = make("ROLE=[NAME=web]");
  const auto parse = [](const char* text) { return *text::Template::parse(text); };
  in_txn([&](db::Txn& txn) { return add_role(txn, group, parse("ROLE=[NAME=db]")); });
  in_txn([&](db::Txn& txn) {
    return update_role(txn, group, 1, parse("ROLE=[NAME=other, POLICY=AFFINED]"));
  });
  in_txn([&](db::Txn& txn) -> Result<void> {
    const auto found = TRY(find_vm_group(txn, group));
    EXPECT_EQ(found.roles.at(1).name, "db");
    EXPECT_EQ(found.roles.at(1).policy, RolePolicy::kAffined);
    return {};
  });
  EXPECT_FALSE(try_in_txn([&](db::Txn& txn) {
    return add_role(txn, group, parse("ROLE=[NAME=web]"));
  }));
}

TEST_F(VmGroups, WhatMakesNoSenseIsRefused) {
  for (const char* bad : {"", "ROLE=[POLICY=AFFINED]", "ROLE=[NAME=a, POLICY=NEAR]",
                          "ROLE=[NAME=a, HOST_AFFINED=\"node1\"]", "ROLE=[NAME=a] ROLE=[NAME=a]",
                          "ROLE=[NAME=a] AFFINED=\"a, b\"", "ROLE=[NAME=\"a,b\"]"})
    EXPECT_FALSE(try_make(std::string("NAME=g ") + bad)) << bad;
  EXPECT_TRUE(try_make("NAME=g ROLE=[NAME=a]"));
  EXPECT_EQ(try_make("NAME=g ROLE=[NAME=a]").error().code, Errc::kConflict);
}

TEST_F(VmGroups, AVmNamesItsGroupByNothingButTheId) {
  ASSERT_TRUE(try_make("NAME=g ROLE=[NAME=a]"));
  for (const char* id : {"0abc", "-1", "g", ""}) {
    const auto wish =
        *text::Template::parse(fmt::format("VMGROUP=[VMGROUP_ID=\"{}\", ROLE=a]", id));
    database_->read(now_, [&](db::Txn& txn) {
      const auto role = find_role(txn, root_, wish);
      ASSERT_FALSE(role) << id;
      EXPECT_EQ(role.error().code, Errc::kInvalid) << id;
    });
  }
}

}  // namespace
}  // namespace neph::site
