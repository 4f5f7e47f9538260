#include "site/vdc.h"

#include <gtest/gtest.h>

#include <memory>

#include "access/directory.h"
#include "access/groups.h"
#include "access/users.h"
#include "tests/support/fresh_store.h"

namespace neph::site {
namespace {

using Texts = std::vector<std::string>;

class Vdcs : public testing::Test {
 protected:
  void SetUp() override {
    database_ = fresh_store();
    in_txn([](db::Txn& txn) -> Result<void> {
      CHECK_OK(access::bootstrap(txn, {"hash", "hash"}));
      bootstrap_vdcs(txn);
      return {};
    });
    team_ = *database_->transact_one(
        now_, [](db::Txn& txn) { return access::create_group(txn, "team"); });
  }
  Result<void> try_in_txn(const std::function<Result<void>(db::Txn&)>& work) {
    return database_->transact_one(now_, work);
  }
  void in_txn(const std::function<Result<void>(db::Txn&)>& work) {
    const auto done = try_in_txn(work);
    ASSERT_TRUE(done) << done.error().text();
  }
  VdcId make(const std::string& name) {
    return *database_->transact_one(now_, [&](db::Txn& txn) {
      return create_vdc(txn, *text::Template::parse("NAME=" + name));
    });
  }
  void add(VdcId vdc, const VdcResource& resource) {
    in_txn([&](db::Txn& txn) { return add_resource(txn, {}, vdc, resource); });
  }
  void remove(VdcId vdc, const VdcResource& resource) {
    in_txn([&](db::Txn& txn) { return remove_resource(txn, {}, vdc, resource); });
  }
  void join(VdcId vdc) {
    in_txn([&](db::Txn& txn) { return add_group(txn, {}, vdc, team_); });
  }
  /// Beyond the default ones.
  Texts rules() {
    Texts texts;
    database_->read(now_, [&](db::Txn& txn) {
      for (const auto& rule : access::list_acls(txn))
        if (rule.id > AclId{5}) texts.push_back(access::to_text(rule));
    });
    std::ranges::sort(texts);
    return texts;
  }
  Vdc vdc(VdcId id) {
    return *database_->transact_one(now_, [&](db::Txn& txn) { return find_vdc(txn, id); });
  }

  Instant now_{1'700'000'000'000};
  std::unique_ptr<db::Database> database_;
  GroupId team_;
};

TEST_F(Vdcs, TheDefaultOneLetsItsGroupsUseEverything) {
  EXPECT_EQ(vdc(kDefaultVdc).groups, std::vector{GroupId{1}});
  join(kDefaultVdc);
  EXPECT_EQ(rules(), (Texts{"@100 DATASTORE/* USE #0", "@100 HOST/* MANAGE #0",
                            "@100 NET/* USE #0"}));
  in_txn([&](db::Txn& txn) { return remove_group(txn, {}, kDefaultVdc, team_); });
  EXPECT_EQ(rules(), Texts{});
  EXPECT_EQ(try_in_txn([](db::Txn& txn) { return delete_vdc(txn, {}, kDefaultVdc); }).error().code,
            Errc::kWrongState);
}

TEST_F(Vdcs, EveryKindOfResourceHasItsRules) {
  const VdcId id = make("lab");
  EXPECT_EQ(id, VdcId{100});
  join(id);
  add(id, {VdcKind::kHost, 0, 3});
  add(id, {VdcKind::kDatastore, 0, 101});
  add(id, {VdcKind::kNetwork, 0, 4});
  add(id, {VdcKind::kCluster, 0, 102});
  EXPECT_EQ(rules(), (Texts{"@100 DATASTORE/#101 USE #0", "@100 DATASTORE/%102 USE #0",
                            "@100 HOST/#3 MANAGE #0", "@100 HOST/%102 MANAGE #0",
                            "@100 NET/#4 USE #0", "@100 NET/%102 USE #0"}));
  in_txn([&](db::Txn& txn) { return delete_vdc(txn, {}, id); });
  EXPECT_EQ(rules(), Texts{});
}

TEST_F(Vdcs, ARuleThatAnotherOneNeedsStays) {
  const VdcId first = make("first"), second = make("second");
  for (const auto id : {first, second}) {
    join(id);
    add(id, {VdcKind::kHost, 0, 3});
  }
  remove(first, {VdcKind::kHost, 0, 3});
  EXPECT_EQ(rules(), Texts{"@100 HOST/#3 MANAGE #0"});
  in_txn([&](db::Txn& txn) { return forget_resource(txn, {}, VdcKind::kHost, 3); });
  EXPECT_EQ(rules(), Texts{});
  EXPECT_TRUE(vdc(second).resources.empty());
}

TEST_F(Vdcs, AllOfThemTakesThePlaceOfTheSingleOnes) {
  const VdcId id = make("lab");
  join(id);
  add(id, {VdcKind::kHost, 0, 3});
  add(id, {VdcKind::kHost, 0, kAllOfZone});
  EXPECT_EQ(rules(), Texts{"@100 HOST/* MANAGE #0"});
  EXPECT_EQ(vdc(id).resources.size(), 1u);
  const auto again = try_in_txn(
      [&](db::Txn& txn) { return add_resource(txn, {}, id, {VdcKind::kHost, 0, 4}); });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, "VDC 100 has every host already");
}

TEST_F(Vdcs, ARightThatIsSwitchedOffMakesNoRule) {
  const VdcId id = make("lab");
  join(id);
  VdcRights rights;
  rights.cluster_network = 0;
  in_txn([&](db::Txn& txn) {
    return add_resource(txn, rights, id, {VdcKind::kCluster, 0, 102});
  });
  EXPECT_EQ(rules(), (Texts{"@100 DATASTORE/%102 USE #0", "@100 HOST/%102 MANAGE #0"}));
}

TEST_F(Vdcs, WhatIsTwiceOrNotThereIsRefused) {
  const VdcId id = make("lab");
  const auto code = [&](const std::function<Result<void>(db::Txn&)>& work) {
    return try_in_txn(work).error().code;
  };
  join(id);
  EXPECT_EQ(code([&](db::Txn& txn) { return add_group(txn, {}, id, team_); }), Errc::kConflict);
  EXPECT_EQ(code([&](db::Txn& txn) { return remove_group(txn, {}, id, GroupId{1}); }),
            Errc::kInvalid);
  EXPECT_EQ(code([&](db::Txn& txn) { return add_group(txn, {}, id, GroupId{77}); }),
            Errc::kNotFound);
  EXPECT_EQ(code([&](db::Txn& txn) {
              return add_resource(txn, {}, id, {VdcKind::kHost, 5, 3});
            }),
            Errc::kNotFound);
  EXPECT_EQ(code([&](db::Txn& txn) { return rename_vdc(txn, id, "default"); }), Errc::kConflict);
}

}  // namespace
}  // namespace neph::site
