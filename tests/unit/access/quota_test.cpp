#include "access/quota.h"

#include "tests/unit/access/world.h"

namespace neph::access {
namespace {

class Quotas : public AccessTest {
 protected:
  void SetUp() override {
    AccessTest::SetUp();
    anna_ = add_user("anna");
    sql("INSERT INTO datastores(id, name, user_id, group_id, permissions, type, ds_mad, tm_mad, "
        "base_path) VALUES (1, 'default', 0, 0, 416, 0, 'fs', 'local', '/x')");
  }
  Result<void> limit(QuotaOwner kind, std::int64_t owner, const std::string& text) {
    return in_txn(
        [&](db::Txn& txn) { return set_quota(txn, kind, owner, *text::Template::parse(text)); });
  }
  Result<void> limit_anna(const std::string& text) {
    return limit(QuotaOwner::kUser, anna_.value, text);
  }
  Result<void> charge(std::vector<QuotaCharge> charges, GroupId group = GroupId{1}) {
    return in_txn([&](db::Txn& txn) { return check_quota(txn, anna_, group, charges); });
  }
  std::vector<std::string> listed(QuotaOwner kind, std::int64_t owner) {
    std::vector<std::string> lines;
    database_->read(now_, [&](db::Txn& txn) {
      for (const auto& quota : list_quotas(txn, kind, owner))
        lines.push_back(fmt::format("{}[{}] {} {} of {}", quota.section, quota.key, quota.metric,
                                    quota.used, quota.limit));
    });
    return lines;
  }
  void add_vm(int id, double cpu, int memory_mb, int state) {
    sql(fmt::format("INSERT INTO vms(id, name, user_id, group_id, permissions, state, uuid, cpu, "
                    "vcpus, memory_mb, created_at, template) VALUES ({}, 'v', {}, 1, 384, {}, 'u', "
                    "{}, 1, {}, 1, '')",
                    id, anna_, state, cpu, memory_mb));
  }
  void add_image(int id, int size_mb) {
    sql(fmt::format("INSERT INTO images(id, name, user_id, group_id, permissions, type, "
                    "is_persistent, state, datastore_id, size_mb, registered_at) VALUES "
                    "({}, 'i{}', {}, 1, 384, 0, 0, 1, 1, {}, 1)",
                    id, id, anna_, size_mb));
  }

  UserId anna_;
};

TEST_F(Quotas, WithoutLimitsEverythingFits) {
  EXPECT_TRUE(charge({{"VM", "", "MEMORY", 1e12}}));
  EXPECT_TRUE(listed(QuotaOwner::kUser, anna_.value).empty());
}

TEST_F(Quotas, ARefusalNamesMetricLimitUsedAndAsked) {
  add_vm(0, 1, 768, 3);
  ASSERT_TRUE(limit_anna("VM=[MEMORY=1024]"));
  EXPECT_TRUE(charge({{"VM", "", "MEMORY", 256}}));
  const auto refused = charge({{"VM", "", "MEMORY", 257}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_EQ(refused.error().message,
            "user [2] limit of 1024 reached for MEMORY quota in VM. 768 used, 257 asked.");
}

TEST_F(Quotas, TheGroupHasALimitOfItsOwn) {
  add_vm(0, 1, 512, 3);
  ASSERT_TRUE(limit(QuotaOwner::kGroup, 1, "VM=[VMS=1]"));
  EXPECT_EQ(charge({{"VM", "", "VMS", 1}}).error().message,
            "group [1] limit of 1 reached for VMS quota in VM. 1 used, 1 asked.");
}

TEST_F(Quotas, DatastoresAreLimitedOneByOne) {
  add_image(0, 100);
  ASSERT_TRUE(limit_anna("DATASTORE=[ID=1,SIZE=150,IMAGES=-2]"));
  EXPECT_TRUE(charge({{"DATASTORE", "1", "SIZE", 50}, {"DATASTORE", "1", "IMAGES", 9}}));
  EXPECT_TRUE(charge({{"DATASTORE", "2", "SIZE", 5000}}));
  EXPECT_EQ(charge({{"DATASTORE", "1", "SIZE", 51}}).error().message,
            "user [2] limit of 150 reached for SIZE quota in DATASTORE with ID: 1. 100 used, 51 "
            "asked.");
}

TEST_F(Quotas, ChargesForOneMetricAddUp) {
  ASSERT_TRUE(limit_anna("DATASTORE=[ID=1,SIZE=150]"));
  EXPECT_TRUE(charge({{"DATASTORE", "1", "SIZE", 100}}));
  EXPECT_FALSE(charge({{"DATASTORE", "1", "SIZE", 100}, {"DATASTORE", "1", "SIZE", 100}}));
}

TEST_F(Quotas, TenthsOfACpuAddUpToAWholeOne) {
  for (int i = 0; i < 9; ++i) add_vm(i, 0.1, 1, 3);
  ASSERT_TRUE(limit_anna("VM=[CPU=1]"));
  EXPECT_TRUE(charge({{"VM", "", "CPU", 0.1}}));
  EXPECT_FALSE(charge({{"VM", "", "CPU", 0.11}}));
}

TEST_F(Quotas, StoppedVmsDoNotCountAsRunningAndEndedOnesNotAtAll) {
  add_vm(0, 1, 100, 3);
  add_vm(1, 1, 100, 8);
  add_vm(2, 1, 100, 6);
  EXPECT_EQ(listed(QuotaOwner::kUser, anna_.value),
            (std::vector<std::string>{"VM[] CPU 2 of -1", "VM[] MEMORY 200 of -1",
                                      "VM[] RUNNING_CPU 1 of -1", "VM[] RUNNING_MEMORY 100 of -1",
                                      "VM[] RUNNING_VMS 1 of -1", "VM[] VMS 2 of -1"}));
}

TEST_F(Quotas, LimitsAndUsesAreListedTogether) {
  add_image(0, 40);
  ASSERT_TRUE(limit_anna("DATASTORE=[ID=1,SIZE=150] DATASTORE=[ID=10,SIZE=7] IMAGE=[ID=0,RVMS=2]"));
  EXPECT_EQ(listed(QuotaOwner::kUser, anna_.value),
            (std::vector<std::string>{"DATASTORE[1] IMAGES 1 of -1", "DATASTORE[1] SIZE 40 of 150",
                                      "DATASTORE[10] SIZE 0 of 7", "IMAGE[0] RVMS 0 of 2"}));
  EXPECT_EQ(listed(QuotaOwner::kGroup, 1),
            (std::vector<std::string>{"DATASTORE[1] IMAGES 1 of -1",
                                      "DATASTORE[1] SIZE 40 of -1"}));
}

TEST_F(Quotas, TheDefaultForgetsALimitAndUnlimitedIsKept) {
  ASSERT_TRUE(limit_anna("VM=[VMS=1,CPU=1]"));
  ASSERT_TRUE(limit_anna("VM=[VMS=-1,CPU=-2]"));
  EXPECT_EQ(listed(QuotaOwner::kUser, anna_.value), std::vector<std::string>{"VM[] CPU 0 of -2"});
  EXPECT_TRUE(charge({{"VM", "", "VMS", 50}, {"VM", "", "CPU", 50}}));
}

TEST_F(Quotas, WhatIsNotNamedStays) {
  ASSERT_TRUE(limit_anna("VM=[VMS=1]"));
  ASSERT_TRUE(limit_anna("VM=[CPU=2]"));
  EXPECT_EQ(listed(QuotaOwner::kUser, anna_.value),
            (std::vector<std::string>{"VM[] CPU 0 of 2", "VM[] VMS 0 of 1"}));
}

TEST_F(Quotas, ALimitBelowTheUseRefusesMoreButNotLess) {
  add_vm(0, 4, 100, 3);
  ASSERT_TRUE(limit_anna("VM=[CPU=2]"));
  EXPECT_FALSE(charge({{"VM", "", "CPU", 0.5}}));
  EXPECT_TRUE(charge({{"VM", "", "CPU", -1}}));
  EXPECT_TRUE(charge({{"VM", "", "CPU", 0}}));
}

TEST_F(Quotas, MembersOfGroupZeroHaveNoLimits) {
  ASSERT_TRUE(limit_anna("VM=[VMS=0]"));
  EXPECT_FALSE(charge({{"VM", "", "VMS", 1}}));
  sql("INSERT INTO user_groups VALUES (2, 0)");
  EXPECT_TRUE(charge({{"VM", "", "VMS", 1}}));
}

TEST_F(Quotas, NonsenseIsRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"VM=[VMS=many]", "VM/VMS"},
      {"VM=[VMS=-3]", "VM/VMS"},
      {"VM=[VMS=nan]", "VM/VMS"},
      {"VM=[VMS=1e999]", "VM/VMS"},
      {"VM=[PCI_DEV=1]", "VM/PCI_DEV"},
      {"VM=[CLUSTER_IDS=\"1\",VMS=1]", "VM/CLUSTER_IDS"},
      {"DATASTORE=[SIZE=1]", "DATASTORE/ID"},
      {"DATASTORE=[ID=-1,SIZE=1]", "DATASTORE/ID"},
      {"IMAGE=[ID=1x,RVMS=1]", "IMAGE/ID"},
      {"NETWORK=[LEASES=1]", "NETWORK/ID"},
      {"SECGROUP=[ID=1]", "SECGROUP"},
      {"VM=1", "VM"}};
  for (const auto& [text, culprit] : cases) {
    const auto refused = limit_anna(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Errc::kInvalid);
    EXPECT_NE(refused.error().message.find("Quota " + culprit + " "), std::string::npos)
        << refused.error().message;
  }
  EXPECT_TRUE(listed(QuotaOwner::kUser, anna_.value).empty());
}

TEST_F(Quotas, WhatAClientWasShownMayBeSentBack) {
  EXPECT_TRUE(limit_anna("VM=[VMS=3,VMS_USED=1,PCI_DEV=-1,PCI_NIC=-2]"));
  EXPECT_EQ(listed(QuotaOwner::kUser, anna_.value), std::vector<std::string>{"VM[] VMS 0 of 3"});
}

TEST_F(Quotas, TheLastOfTwoLimitsForOneMetricWins) {
  EXPECT_TRUE(limit_anna("VM=[VMS=3] VM=[VMS=5]"));
  EXPECT_EQ(listed(QuotaOwner::kUser, anna_.value), std::vector<std::string>{"VM[] VMS 0 of 5"});
}

TEST_F(Quotas, UserAndGroupZeroTakeNone) {
  EXPECT_EQ(limit(QuotaOwner::kUser, 0, "VM=[VMS=1]").error().code, Errc::kWrongState);
  EXPECT_EQ(limit(QuotaOwner::kGroup, 0, "VM=[VMS=1]").error().code, Errc::kWrongState);
}

}  // namespace
}  // namespace neph::access
