#include "compute/vm_roles.h"
#include "site/vm_group.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

/// VMs that run already and join the roles of a group, or leave them.
class VmRoles : public Site {
 protected:
  VmGroupId make_group(const std::string& roles) {
    const auto made = run<VmGroupId>([&](db::Txn& txn) {
      return site::create_vm_group(txn, admin_, *text::Template::parse("NAME=app " + roles));
    });
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(VmGroupId{});
  }
  Result<VmId> join(VmId vm, VmGroupId group, const std::string& role) {
    return run<VmId>([&](db::Txn& txn) -> Result<VmId> {
      CHECK_OK(compute::join_vm_group(txn, admin_, vm, group, role));
      return vm;
    });
  }
  void leave(VmId vm) {
    const auto done = run<VmId>([&](db::Txn& txn) -> Result<VmId> {
      CHECK_OK(compute::leave_vm_group(txn, vm));
      return vm;
    });
    EXPECT_TRUE(done) << done.error().text();
  }
  std::vector<VmId> members(VmGroupId group) {
    return read<std::vector<VmId>>(
        [&](db::Txn& txn) { return site::find_vm_group(txn, group)->roles.front().vms; });
  }
};

TEST_F(VmRoles, ARunningVmJoinsShowsItAndLeaves) {
  const VmId id = create_vm();
  settle();
  const auto group = make_group("ROLE=[NAME=web]");
  ASSERT_TRUE(join(id, group, "web"));
  EXPECT_EQ(members(group), std::vector<VmId>{id});
  const auto attributes = vm(id).attributes;
  const auto* shown = attributes.find_vector("VMGROUP");
  ASSERT_NE(shown, nullptr);
  EXPECT_EQ(shown->get("ROLE"), "web");
  leave(id);
  EXPECT_TRUE(members(group).empty());
  EXPECT_EQ(vm(id).attributes.find_vector("VMGROUP"), nullptr);
  leave(id);
}

TEST_F(VmRoles, AVmHasOneRoleAtMost) {
  const VmId id = create_vm();
  const auto group = make_group("ROLE=[NAME=web] ROLE=[NAME=db]");
  ASSERT_TRUE(join(id, group, "web"));
  const auto refused = join(id, group, "db");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
}

TEST_F(VmRoles, ARoleThatForbidsTheHostRefusesWhoRunsThere) {
  const VmId id = create_vm();
  settle();
  const auto group =
      make_group(fmt::format("ROLE=[NAME=web,HOST_ANTI_AFFINED=\"{}\"]", vm(id).host));
  const auto refused = join(id, group, "web");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kWrongState);
  EXPECT_TRUE(members(group).empty());
  act(id, compute::Action::kPoweroffHard);
  settle();
  EXPECT_TRUE(join(id, group, "web")) << "one that is off may go elsewhere";
}

TEST_F(VmRoles, UnknownRolesAndEndedVmsAreRefused) {
  const VmId id = create_vm();
  settle();
  const auto group = make_group("ROLE=[NAME=web]");
  EXPECT_EQ(join(id, group, "db").error().code, Errc::kInvalid);
  EXPECT_EQ(join(id, VmGroupId{99}, "web").error().code, Errc::kNotFound);
  act(id, compute::Action::kTerminateHard);
  settle();
  EXPECT_EQ(join(id, group, "web").error().code, Errc::kWrongState);
}

}  // namespace
}  // namespace neph
