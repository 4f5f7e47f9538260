#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

/// The calls about backup jobs. Without a runner no backup begins.
class BackupJobMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_backup_job_methods(rows);
    add_acl_methods(rows);
    world.serve(std::move(rows));
    world.in_transaction([](db::Txn& txn) {
      txn.exec("DELETE FROM acls");
      txn.touch(ObjectKind::kAcl, 0);
      txn.exec("INSERT INTO vms(id, name, user_id, group_id, permissions, state, uuid, cpu, vcpus,"
               " memory_mb, created_at, template) VALUES (0, 'vm', 0, 0, 0, 8, 'u', 1, 1, 64, 1,"
               " '')");
      txn.touch(ObjectKind::kVm, 0);
    });
  }
  std::int64_t plan(const std::string& text) {
    const auto told = world.as_admin("one.backupjob.allocate", as_string(text));
    EXPECT_TRUE(told.is_success) << told.text;
    return told.number;
  }
  int code_of(const std::string& text) {
    return world.as_admin("one.backupjob.allocate", as_string(text)).code;
  }
  std::string shown(std::int64_t id) {
    return world.as_admin("one.backupjob.info", as_int(id)).text;
  }
  bool shows(std::int64_t id, const std::string& part) {
    return shown(id).find(part) != std::string::npos;
  }
  /// As user 2, alice, may do with everybody's.
  void let_alice(const std::string& rights) {
    ASSERT_TRUE(world.as_admin("one.acl.addrule", as_string("0x100000002") +
                                                      as_string("0x100000400000000") +
                                                      as_string(rights)).is_success);
  }

  World world;
};

TEST_F(BackupJobMethods, APlanIsKeptShownChangedAndRemoved) {
  const auto id = plan("NAME=night BACKUP_VMS=\"0,5\" KEEP_LAST=3 EXECUTION=parallel"
                       " SCHED_ACTION=[TIME=4000000000]");
  EXPECT_TRUE(shows(id, "<NAME>night</NAME><PERMISSIONS>")) << shown(id);
  EXPECT_TRUE(shows(id, "<PRIORITY>50</PRIORITY><LAST_BACKUP_TIME>0</LAST_BACKUP_TIME>"
                        "<LAST_BACKUP_DURATION>0</LAST_BACKUP_DURATION>"));
  EXPECT_TRUE(shows(id, "<TEMPLATE><BACKUP_VMS><![CDATA[0,5]]></BACKUP_VMS>"
                        "<EXECUTION><![CDATA[PARALLEL]]></EXECUTION>")) << shown(id);
  EXPECT_TRUE(shows(id, "<TYPE>BACKUPJOB</TYPE><ACTION><![CDATA[backup]]></ACTION>"));
  EXPECT_TRUE(world.as_admin("one.backupjob.update",
                             as_int(id) + as_string("BACKUP_VMS=\"7\"") + as_int(1)).is_success);
  EXPECT_TRUE(shows(id, "<![CDATA[7]]></BACKUP_VMS>"));
  EXPECT_TRUE(shows(id, "<KEEP_LAST><![CDATA[3]]></KEEP_LAST>"));
  EXPECT_TRUE(world.as_admin("one.backupjob.rename", as_int(id) + as_string("day")).is_success);
  plan("NAME=night");
  EXPECT_EQ(world.as_admin("one.backupjob.rename", as_int(id) + as_string("night")).code, 2048);
  EXPECT_EQ(world.as_admin("one.backupjob.delete", as_int(id)).number, id);
  EXPECT_EQ(world.as_admin("one.backupjob.info", as_int(id)).code, 1024);
}

TEST_F(BackupJobMethods, AWrongPlanIsRefusedWithTheCodesOfOpenNebula) {
  plan("NAME=taken BACKUP_VMS=0");
  for (const char* wrong : {"BACKUP_VMS=1", "NAME=taken", "NAME=a BACKUP_VMS=x",
                            "NAME=a MODE=INCREMENT", "NAME=a PRIORITY=100",
                            "NAME=a BACKUP_VMS=0"})
    EXPECT_EQ(code_of(wrong), 8192) << wrong;
}

TEST_F(BackupJobMethods, ARunShowsWhatIsToBeDoneAndIsTakenBack) {
  const auto id = plan("NAME=night BACKUP_VMS=0");
  EXPECT_TRUE(world.as_admin("one.backupjob.retry", as_int(id)).is_success);
  ASSERT_TRUE(world.as_admin("one.backupjob.backup", as_int(id)).is_success);
  EXPECT_TRUE(shows(id, "<OUTDATED_VMS><ID>0</ID></OUTDATED_VMS>")) << shown(id);
  EXPECT_EQ(world.as_admin("one.backupjob.backup", as_int(id)).code, 2048);
  ASSERT_TRUE(world.as_admin("one.backupjob.cancel", as_int(id)).is_success);
  EXPECT_TRUE(shows(id, "<OUTDATED_VMS></OUTDATED_VMS>") || shows(id, "<OUTDATED_VMS/>"));
}

TEST_F(BackupJobMethods, SchedulesHaveTheCodesOfOpenNebula) {
  const auto id = plan("NAME=night");
  const auto add = [&](const std::string& text) {
    return world.as_admin("one.backupjob.schedadd", as_int(id) + as_string(text));
  };
  EXPECT_EQ(add("NOTE=x").code, 2048);
  EXPECT_EQ(add("SCHED_ACTION=[TIME=\"+60\"]").code, 2048);
  const auto made = add("SCHED_ACTION=[REPEAT=3,DAYS=1,TIME=1695478500]");
  ASSERT_TRUE(made.is_success) << made.text;
  const std::string both = as_int(id) + as_int(made.number);
  EXPECT_EQ(world.as_admin("one.backupjob.schedupdate",
                           both + as_string("SCHED_ACTION=[DAYS=5]")).number, made.number);
  EXPECT_TRUE(shows(id, "<DAYS><![CDATA[5]]></DAYS>"));
  EXPECT_EQ(world.as_admin("one.backupjob.schedupdate", both + as_string("A=b")).code, 8192);
  EXPECT_EQ(world.as_admin("one.backupjob.scheddelete", both).number, made.number);
  EXPECT_EQ(world.as_admin("one.backupjob.scheddelete", both).code, 1024);
  EXPECT_FALSE(shows(id, "<SCHED_ACTION>"));
}

TEST_F(BackupJobMethods, HighPrioritiesAreForAdministrators) {
  const auto id = plan("NAME=night");
  const auto set = [&](int priority) { return as_int(id) + as_int(priority); };
  let_alice("2");
  EXPECT_TRUE(world.as_alice("one.backupjob.priority", set(49)).is_success);
  EXPECT_TRUE(shows(id, "<PRIORITY>49</PRIORITY>"));
  EXPECT_EQ(world.as_alice("one.backupjob.priority", set(50)).code, 512);
  EXPECT_TRUE(world.as_admin("one.backupjob.priority", set(99)).is_success);
  EXPECT_EQ(world.as_admin("one.backupjob.priority", set(100)).code, 2048);
  let_alice("8");
  EXPECT_EQ(world.as_alice("one.backupjob.allocate", as_string("NAME=a PRIORITY=51")).code, 512);
  EXPECT_TRUE(world.as_alice("one.backupjob.allocate", as_string("NAME=a PRIORITY=50")).is_success);
}

TEST_F(BackupJobMethods, AVmThatTheCallerMayNotManageIsNotForHisPlans) {
  let_alice("8");
  EXPECT_EQ(world.as_alice("one.backupjob.allocate", as_string("NAME=a BACKUP_VMS=0")).code, 512);
  const auto mine = world.as_alice("one.backupjob.allocate", as_string("NAME=a BACKUP_VMS=9"));
  EXPECT_TRUE(mine.is_success) << "there is no VM 9 yet";
  plan("NAME=b");
  const auto seen =
      world.as_alice("one.backupjobpool.info", as_int(-2) + as_int(-1) + as_int(-1)).text;
  EXPECT_NE(seen.find("<NAME>a<"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("<NAME>b<"), std::string::npos) << seen;
}

TEST_F(BackupJobMethods, ALockStopsRuns) {
  const auto id = plan("NAME=night");
  ASSERT_TRUE(world.as_admin("one.backupjob.lock", as_int(id) + as_int(1)).is_success);
  EXPECT_TRUE(shows(id, "<LOCK><LOCKED>1</LOCKED>"));
  EXPECT_EQ(world.as_admin("one.backupjob.backup", as_int(id)).code, 512);
  ASSERT_TRUE(world.as_admin("one.backupjob.unlock", as_int(id)).is_success);
  EXPECT_TRUE(world.as_admin("one.backupjob.backup", as_int(id)).is_success);
}

}  // namespace
}  // namespace neph::api
