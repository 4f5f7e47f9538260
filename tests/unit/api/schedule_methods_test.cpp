#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "compute/schedule.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

constexpr const char* kPoweroff = "SCHED_ACTION=[ACTION=poweroff,TIME=1900000000]";

/// VM 0 of alice, VM 1 of oneadmin.
class ScheduleMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_schedule_methods(rows);
    add_vm_methods(rows);
    world.serve(std::move(rows));
    world.in_transaction([&](db::Txn& txn) {
      for (const UserId owner : {world.alice, UserId{0}}) {
        compute::Vm vm;
        vm.name = "vm";
        vm.owner = owner;
        vm.group = GroupId{1};
        vm.permissions = access::Permissions{0600};
        vm.created = Instant{1'000'000};
        compute::insert_vm(txn, vm);
      }
    });
  }
  Told add(const std::string& content, std::int64_t vm = 0) {
    return world.as_alice("one.vm.schedadd", as_int(vm) + as_string(content));
  }
  bool shows(const std::string& words) {
    const auto text = world.as_alice("one.vm.info", as_int(0)).text;
    return text.find(words) != std::string::npos;
  }

  World world;
};

TEST_F(ScheduleMethods, AnActionIsScheduledAndShown) {
  const auto made = add(kPoweroff);
  ASSERT_TRUE(made.is_success) << made.text;
  EXPECT_EQ(made.number, 0);
  EXPECT_TRUE(shows("<SCHED_ACTIONS><ID>0</ID></SCHED_ACTIONS>"));
  EXPECT_TRUE(shows("<SCHED_ACTION><ID>0</ID><PARENT_ID>0</PARENT_ID><TYPE>VM</TYPE>"
                    "<ACTION><![CDATA[poweroff]]></ACTION><ARGS><![CDATA[]]></ARGS>"
                    "<TIME>1900000000</TIME><REPEAT>-1</REPEAT><DAYS><![CDATA[]]></DAYS>"
                    "<END_TYPE>-1</END_TYPE><END_VALUE>-1</END_VALUE>"
                    "<DONE>-1</DONE><MESSAGE><![CDATA[]]></MESSAGE><WARNING>0</WARNING>"
                    "</SCHED_ACTION></TEMPLATE>"));
}

TEST_F(ScheduleMethods, ARelativeTimeCountsFromWhenTheVmWasCreated) {
  ASSERT_TRUE(add("SCHED_ACTION=[ACTION=suspend,TIME=\"+60\"]").is_success);
  EXPECT_TRUE(shows("<TIME>1060</TIME>"));
}

TEST_F(ScheduleMethods, AnUpdateChangesWhatItSaysAndADeletionForgets) {
  ASSERT_TRUE(add(kPoweroff).is_success);
  const auto changed = world.as_alice(
      "one.vm.schedupdate", as_int(0) + as_int(0) + as_string("SCHED_ACTION=[TIME=1900000060]"));
  ASSERT_TRUE(changed.is_success) << changed.text;
  EXPECT_EQ(changed.number, 0);
  EXPECT_TRUE(shows("<ACTION><![CDATA[poweroff]]></ACTION><ARGS><![CDATA[]]></ARGS>"
                    "<TIME>1900000060</TIME>"));
  const auto gone = world.as_alice("one.vm.scheddelete", as_int(0) + as_int(0));
  ASSERT_TRUE(gone.is_success) << gone.text;
  EXPECT_EQ(gone.number, 0) << "the VM";
  EXPECT_TRUE(shows("<SCHED_ACTIONS/>") || shows("<SCHED_ACTIONS></SCHED_ACTIONS>"));
}

TEST_F(ScheduleMethods, WhatCannotBeReadIsRefusedAndNamed) {
  const std::pair<std::string, std::string> wrong[] = {
      {"ACTION=poweroff", "SCHED_ACTION=["},
      {"SCHED_ACTION=[ACTION=fly,TIME=1]", "\"fly\""},
      {"SCHED_ACTION=[ACTION=resched,TIME=1]", "\"resched\""},
      {"SCHED_ACTION=[ACTION=poweroff]", "TIME"},
      {"SCHED_ACTION=[ACTION=poweroff,TIME=soon]", "TIME \"soon\""},
      {"SCHED_ACTION=[ACTION=poweroff,TIME=1,REPEAT=7]", "REPEAT \"7\""},
      {"SCHED_ACTION=[ACTION=poweroff,TIME=1,REPEAT=0]", "DAYS"},
      {"SCHED_ACTION=[ACTION=poweroff,TIME=1,REPEAT=0,DAYS=\"1,7\"]", "DAYS \"7\""},
      {"SCHED_ACTION=[ACTION=poweroff,TIME=1,REPEAT=3,DAYS=\"1,2\"]", "hours"},
      {"SCHED_ACTION=[ACTION=poweroff,TIME=1,END_TYPE=1]", "END_VALUE"},
      {"SCHED_ACTION=[ACTION=poweroff,TIME=1,END_TYPE=9]", "END_TYPE \"9\""},
  };
  for (const auto& [content, words] : wrong) {
    const auto told = add(content);
    EXPECT_EQ(told.code, 2048) << content;
    EXPECT_NE(told.text.find(words), std::string::npos) << told.text;
  }
}

TEST_F(ScheduleMethods, RightsAndObjectsAreChecked) {
  EXPECT_EQ(add(kPoweroff, 1).code, 512);
  EXPECT_EQ(add(kPoweroff, 99).code, 1024);
  EXPECT_EQ(world.as_alice("one.vm.scheddelete", as_int(0) + as_int(5)).code, 1024);
  EXPECT_EQ(world.as_alice("one.vm.schedupdate", as_int(0) + as_int(5) + as_string(kPoweroff)).code,
            1024);
  ASSERT_TRUE(world.as_admin("one.vm.schedadd", as_int(1) + as_string(kPoweroff)).is_success);
  EXPECT_EQ(world.as_alice("one.vm.scheddelete", as_int(0) + as_int(0)).code, 1024)
      << "it is another VM's";
  EXPECT_EQ(world.as_alice("one.vm.scheddelete", as_int(1) + as_int(0)).code, 512);
}

TEST_F(ScheduleMethods, ParametersAreChecked) {
  EXPECT_TRUE(world.as_alice("one.vm.schedadd", as_int(0)).is_fault);
  EXPECT_TRUE(world.as_alice("one.vm.schedadd", as_string("x") + as_string("y")).is_fault);
  EXPECT_TRUE(world.as_alice("one.vm.schedupdate", as_int(0) + as_int(0)).is_fault);
  EXPECT_TRUE(world.as_alice("one.vm.scheddelete", as_int(0)).is_fault);
}

}  // namespace
}  // namespace neph::api
