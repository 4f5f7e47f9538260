#include "api/internal/methods.h"

#include <gtest/gtest.h>

#include "jobs/queue.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

using access::Op;

Registry<Call> vm_rows() {
  Registry<Call> rows;
  add_system_methods(rows);
  add_vm_methods(rows);
  add_job_methods(rows);
  return rows;
}

class MethodsTest : public testing::Test {
 protected:
  void SetUp() override {
    text::Template configuration;
    configuration.set("PORT", "2633");
    configuration.set("ONE_KEY", "one-key-value");
    configuration.set("DB", text::Vector{{"BACKEND", "sqlite"}, {"PASSWD", "db-passwd-value"}});
    world.serve(vm_rows(), std::move(configuration));
  }

  /// A VM of alice as a row, without anything that would run it.
  VmId make_vm() {
    VmId id;
    world.in_transaction([&](db::Txn& txn) {
      compute::Vm vm;
      vm.name = "web";
      vm.owner = world.alice;
      vm.group = GroupId{1};
      vm.uuid = "00000000-0000-0000-0000-000000000001";
      vm.memory_mb = 64;
      vm.created = txn.at();
      id = compute::insert_vm(txn, vm);
    });
    return id;
  }

  World world;
};

TEST_F(MethodsTest, AVmPoolShowsWhatTheQueryHoldsFor) {
  make_vm();
  const auto shown = [&](const std::string& query) {
    const std::string window = as_int(-2) + as_int(-1) + as_int(-1) + as_int(-1);
    return world.as_alice("one.vmpool.info", window + as_string(query)).text;
  };
  EXPECT_NE(shown("VM.NAME=we").find("<ID>0</ID>"), std::string::npos);
  EXPECT_EQ(shown("VM.NAME=we&amp;VM.UID=77"), "<VM_POOL></VM_POOL>");
  EXPECT_NE(shown("VM.NAME=").find("without a value"), std::string::npos);
}

// What handlers share.

TEST_F(MethodsTest, NeedAsksTheViewWithoutATransaction) {
  auto services = world.services();
  Call alice(services, world.actor("alice"), world.view(), nullptr);
  EXPECT_TRUE(need(alice, Op::kUse, ObjectKind::kUser, world.alice));
  EXPECT_TRUE(need(alice, Op::kUse, ObjectKind::kGroup, GroupId{1}));
  EXPECT_EQ(need(alice, Op::kUse, ObjectKind::kUser, UserId{0}).error().code, Errc::kDenied);
  EXPECT_EQ(need(alice, Op::kUse, ObjectKind::kGroup, GroupId{0}).error().code, Errc::kDenied);
  const auto missing = need(alice, Op::kUse, ObjectKind::kVm, VmId{7});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  EXPECT_EQ(missing.error().message, "Error getting virtual machine [7].");
}

TEST_F(MethodsTest, NeedAsksTheRowsInATransaction) {
  auto services = world.services();
  world.in_transaction([&](db::Txn& txn) {
    Call alice(services, world.actor("alice"), world.view(), &txn);
    EXPECT_TRUE(need(alice, Op::kManage, ObjectKind::kUser, world.alice));
    EXPECT_TRUE(need(alice, Op::kUse, ObjectKind::kGroup, GroupId{1}));
    EXPECT_EQ(need(alice, Op::kManage, ObjectKind::kGroup, GroupId{1}).error().code,
              Errc::kDenied);
    EXPECT_EQ(need(alice, Op::kUse, ObjectKind::kUser, UserId{0}).error().code, Errc::kDenied);
    Call admin(services, world.actor("oneadmin"), world.view(), &txn);
    const std::vector<std::pair<ObjectKind, std::string>> kinds = {
        {ObjectKind::kVm, "virtual machine"},
        {ObjectKind::kHost, "host"},
        {ObjectKind::kCluster, "cluster"},
        {ObjectKind::kTemplate, "virtual machine template"},
        {ObjectKind::kImage, "image"},
        {ObjectKind::kDatastore, "datastore"},
        {ObjectKind::kUser, "user"},
        {ObjectKind::kGroup, "group"},
        {ObjectKind::kSnapshot, "snapshot"}};
    for (const auto& [kind, name] : kinds) {
      const auto missing = need(admin, Op::kUse, kind, 9999);
      ASSERT_FALSE(missing) << name;
      EXPECT_EQ(missing.error().message, fmt::format("Error getting {} [9999].", name));
    }
    EXPECT_TRUE(need(admin, Op::kAdmin, ObjectKind::kDatastore, DatastoreId{1}));
    EXPECT_TRUE(need(admin, Op::kAdmin, ObjectKind::kCluster, ClusterId{0}));
  });
}

TEST_F(MethodsTest, UsersOfTheDefaultGroupMayCreateVmsButNoHosts) {
  auto services = world.services();
  Call alice(services, world.actor("alice"), world.view(), nullptr);
  EXPECT_TRUE(need_create(alice, access::Resource::kVm));
  EXPECT_TRUE(need_create(alice, access::Resource::kImage));
  EXPECT_EQ(need_create(alice, access::Resource::kHost).error().code, Errc::kDenied);
  EXPECT_EQ(need_admin(alice).error().code, Errc::kDenied);
  Call admin(services, world.actor("oneadmin"), world.view(), nullptr);
  EXPECT_TRUE(need_create(admin, access::Resource::kHost));
  EXPECT_TRUE(need_admin(admin));
}

TEST_F(MethodsTest, AnUpdateReplacesOrMerges) {
  EXPECT_EQ(is_append(0).value(), false);
  EXPECT_EQ(is_append(1).value(), true);
  EXPECT_EQ(is_append(2).error().code, Errc::kInvalid);
  EXPECT_EQ(is_append(-1).error().code, Errc::kInvalid);
}

TEST_F(MethodsTest, AnOwnerMayNotGiveAwayToUsersHeMayNotManage) {
  const VmId vm = make_vm();
  auto services = world.services();
  world.in_transaction([&](db::Txn& txn) {
    Call alice(services, world.actor("alice"), world.view(), &txn);
    const auto chown = [&](UserId user, GroupId group) {
      return need_chown(alice, ObjectKind::kVm, vm.value, user, group);
    };
    EXPECT_TRUE(chown(UserId{}, GroupId{}));
    EXPECT_TRUE(chown(world.alice, GroupId{1}));
    EXPECT_EQ(chown(UserId{0}, GroupId{}).error().code, Errc::kDenied);
    EXPECT_EQ(chown(UserId{}, GroupId{0}).error().code, Errc::kDenied);
    EXPECT_EQ(chown(UserId{77}, GroupId{}).error().message, "Error getting user [77].");
    EXPECT_EQ(chown(UserId{}, GroupId{77}).error().message, "Error getting group [77].");
  });
}

// The system.

TEST_F(MethodsTest, TheVersionIsForEverybodyWhoLogsIn) {
  EXPECT_EQ(world.as_alice("one.system.version").text, "7.4.0");
  EXPECT_EQ(world.call("one.system.version", "nobody:x", "").code, 256);
}

TEST_F(MethodsTest, TheConfigurationHoldsNoSecrets) {
  const auto told = world.as_alice("one.system.config");
  EXPECT_EQ(told.text,
            "<OPENNEBULA_CONFIGURATION><DB><BACKEND><![CDATA[sqlite]]></BACKEND></DB>"
            "<PORT><![CDATA[2633]]></PORT></OPENNEBULA_CONFIGURATION>");
}

// VMs.

TEST_F(MethodsTest, AVmThatIsNotThereIsNotFound) {
  const auto told = world.as_alice("one.vm.info", as_int(9999));
  EXPECT_EQ(told.text, "[one.vm.info] Error getting virtual machine [9999].");
  EXPECT_EQ(told.code, 1024);
  EXPECT_EQ(told.object, 9999);
  EXPECT_EQ(world.as_alice("one.vm.action", as_string("poweroff") + as_int(9999)).code, 1024);
}

TEST_F(MethodsTest, AVmIsShownToItsOwnerAsADocument) {
  const VmId vm = make_vm();
  const auto told = world.as_alice("one.vm.info", as_int(vm.value));
  EXPECT_TRUE(told.text.starts_with(fmt::format("<VM><ID>{}</ID>", vm))) << told.text;
  const auto pool = world.as_alice("one.vmpool.info",
                                   as_int(-2) + as_int(-1) + as_int(-1) + as_int(-1));
  EXPECT_TRUE(pool.text.starts_with("<VM_POOL><VM><ID>")) << pool.text;
}

TEST_F(MethodsTest, PoolsRefuseWrongFilters) {
  const auto all = as_int(-1) + as_int(-1) + as_int(-1);
  EXPECT_EQ(world.as_alice("one.vmpool.info", as_int(-5) + all).code, 4096);
  EXPECT_EQ(world.as_alice("one.vmpool.info", as_int(-2) + all + as_string("")).code, 0);
  EXPECT_EQ(world.as_alice("one.vmpool.info", as_int(-2)).code, -501);
}

TEST_F(MethodsTest, TheActionComesBeforeTheVm) {
  const VmId vm = make_vm();
  EXPECT_EQ(world.as_alice("one.vm.action", as_int(vm.value) + as_string("hold")).code, -501);
  const auto wrong = world.as_alice("one.vm.action", as_string("dance") + as_int(vm.value));
  EXPECT_EQ(wrong.code, 2048);
  const auto moment = world.as_alice("one.vm.action", as_string("poweroff") + as_int(vm.value));
  EXPECT_EQ(moment.code, 2048);
  EXPECT_TRUE(moment.text.starts_with("[one.vm.action] Error performing action \"poweroff\""))
      << moment.text;
  EXPECT_TRUE(moment.text.ends_with("This action is not available for state PENDING"))
      << moment.text;
  EXPECT_EQ(world.as_alice("one.vm.action", as_string("hold") + as_int(vm.value)).number,
            vm.value);
}

TEST_F(MethodsTest, DeletingAndReschedulingIsForAdministrators) {
  const VmId vm = make_vm();
  for (const char* action : {"resched", "unresched", "delete", "finalize", "resubmit"}) {
    EXPECT_EQ(world.as_alice("one.vm.action", as_string(action) + as_int(vm.value)).code, 512)
        << action;
  }
  EXPECT_EQ(world.as_alice("one.vm.recover", as_int(vm.value) + as_int(3)).code, 512);
  EXPECT_EQ(world.as_alice("one.vm.deploy", as_int(vm.value) + as_int(0)).code, 512);
}

TEST_F(MethodsTest, DeployingAsksForTheHostAndTheDatastore) {
  const VmId vm = make_vm();
  const auto host = world.as_admin("one.vm.deploy", as_int(vm.value) + as_int(9999));
  EXPECT_EQ(host.text, "[one.vm.deploy] Error getting host [9999].");
  EXPECT_EQ(host.object, 9999);
}

TEST_F(MethodsTest, ARecoveryHasOneOfSixOperations) {
  const VmId vm = make_vm();
  EXPECT_EQ(world.as_admin("one.vm.recover", as_int(vm.value) + as_int(6)).code, 2048);
  EXPECT_EQ(world.as_admin("one.vm.recover", as_int(vm.value) + as_int(-1)).code, 2048);
}

TEST_F(MethodsTest, PermissionBitsAreThreeValued) {
  const VmId vm = make_vm();
  const auto bits = [&](std::int64_t first, std::int64_t third) {
    std::string params = as_int(vm.value) + as_int(first) + as_int(-1) + as_int(third);
    for (int i = 0; i < 6; ++i) params += as_int(-1);
    return params;
  };
  const auto wrong = world.as_alice("one.vm.chmod", bits(2, -1));
  EXPECT_EQ(wrong.code, 8192);
  EXPECT_EQ(world.as_alice("one.vm.chmod", bits(-1, 1)).code, 512) << "the admin bit";
  EXPECT_EQ(world.as_alice("one.vm.chmod", bits(1, -1)).number, vm.value);
}

TEST_F(MethodsTest, AVmIsRenamedByItsOwnerOnly) {
  const VmId vm = make_vm();
  EXPECT_EQ(world.as_alice("one.vm.rename", as_int(vm.value) + as_string("db")).number, vm.value);
  EXPECT_EQ(world.as_alice("one.vm.rename", as_int(vm.value) + as_string("")).code, 2048);
  const auto told = world.as_alice("one.vm.info", as_int(vm.value));
  EXPECT_NE(told.text.find("<NAME>db</NAME>"), std::string::npos) << told.text;
}

TEST_F(MethodsTest, AnUpdateChangesTheUserTemplate) {
  const VmId vm = make_vm();
  const auto update = [&](const std::string& text, std::int64_t type) {
    return world.as_alice("one.vm.update", as_int(vm.value) + as_string(text) + as_int(type));
  };
  EXPECT_EQ(update("COLOR=blue", 1).number, vm.value);
  EXPECT_EQ(update("garbage [[", 1).code, 8192);
  EXPECT_EQ(update("COLOR=red", 5).code, 8192);
  const auto told = world.as_alice("one.vm.info", as_int(vm.value));
  EXPECT_NE(told.text.find("<COLOR><![CDATA[blue]]></COLOR>"), std::string::npos) << told.text;
}

TEST_F(MethodsTest, AVmNeedsATemplateThatParses) {
  const auto garbage = world.as_alice("one.vm.allocate", as_string("garbage [["));
  EXPECT_EQ(garbage.code, 8192);
  EXPECT_TRUE(garbage.text.starts_with("[one.vm.allocate] Parse error")) << garbage.text;
  EXPECT_EQ(world.as_alice("one.vm.allocate", as_string("CPU=1")).code, 8192);
}

// Jobs.

TEST_F(MethodsTest, AJobIsShownToItsOwnerAndToAdministrators) {
  JobId hers;
  JobId other;
  world.in_transaction([&](db::Txn& txn) {
    jobs::NewJob job;
    job.kind = "test.job";
    job.step = "first";
    job.owner = world.alice;
    hers = jobs::enqueue(txn, job);
    job.owner = UserId{0};
    other = jobs::enqueue(txn, job);
  });
  EXPECT_TRUE(world.as_alice("neph.job.info", as_int(hers.value)).text.starts_with("<JOB>"));
  EXPECT_EQ(world.as_alice("neph.job.info", as_int(other.value)).code, 512);
  EXPECT_TRUE(world.as_admin("neph.job.info", as_int(hers.value)).is_success);
  EXPECT_EQ(world.as_alice("neph.job.info", as_int(9999)).code, 1024);

  const auto id_of = [](JobId id) { return fmt::format("<ID>{}</ID>", id); };
  const auto list = world.as_alice("neph.job.list", as_int(-2)).text;
  EXPECT_NE(list.find(id_of(hers)), std::string::npos) << list;
  EXPECT_EQ(list.find(id_of(other)), std::string::npos) << list;
  const auto all = world.as_admin("neph.job.list").text;
  EXPECT_NE(all.find(id_of(hers)), std::string::npos) << all;
  EXPECT_NE(all.find(id_of(other)), std::string::npos) << all;
}

}  // namespace
}  // namespace neph::api
