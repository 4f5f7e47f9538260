#include <gtest/gtest.h>

#include "api/internal/methods.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

/// VM 0 of alice and VM 1 of oneadmin, each with two months of costs.
class ShowbackMethods : public testing::Test {
 protected:
  void SetUp() override {
    Registry<Call> rows;
    add_showback_methods(rows);
    world.serve(std::move(rows));
    world.in_transaction([&](db::Txn& txn) {
      for (const UserId owner : {world.alice, UserId{0}}) {
        compute::Vm vm;
        vm.name = fmt::format("of{}", owner);
        vm.owner = owner;
        vm.group = GroupId{1};
        vm.permissions = access::Permissions{0600};
        const VmId id = compute::insert_vm(txn, vm);
        for (const int month : {4, 5}) {
          txn.exec("INSERT INTO showback(year, month, vm_id, cpu_cost, memory_cost, disk_cost,"
                   " hours, running_hours) VALUES (2026, ?, ?, 1.5, 2, 0.25, 10, 4)",
                   month, id);
        }
      }
      txn.touch(ObjectKind::kShowback, 0);
    });
  }
  static std::string months(std::int64_t first, std::int64_t last) {
    return as_int(first) + as_int(first < 0 ? -1 : 2026) + as_int(last) +
           as_int(last < 0 ? -1 : 2026);
  }

  World world;
};

TEST_F(ShowbackMethods, UsersSeeTheirVmsMonthByMonth) {
  const auto told = world.as_alice("one.vmpool.showback", as_int(-2) + months(5, -1));
  ASSERT_TRUE(told.is_success) << told.text;
  EXPECT_EQ(told.text,
            "<SHOWBACK_RECORDS><SHOWBACK><VMID>0</VMID><VMNAME>of2</VMNAME><UID>2</UID><GID>1</GID>"
            "<UNAME>alice</UNAME><GNAME>users</GNAME><YEAR>2026</YEAR><MONTH>5</MONTH>"
            "<CPU_COST>1.5</CPU_COST><MEMORY_COST>2</MEMORY_COST><DISK_COST>0.25</DISK_COST>"
            "<TOTAL_COST>3.75</TOTAL_COST><HOURS>10</HOURS><RHOURS>4</RHOURS>"
            "</SHOWBACK></SHOWBACK_RECORDS>");
  const auto all = world.as_admin("one.vmpool.showback", as_int(-2) + months(-1, 4)).text;
  EXPECT_NE(all.find("<VMID>1</VMID>"), std::string::npos) << all;
  EXPECT_EQ(all.find("<MONTH>5</MONTH>"), std::string::npos) << all;
}

TEST_F(ShowbackMethods, OnlyAdministratorsComputeIt) {
  EXPECT_EQ(world.as_alice("one.vmpool.calculateshowback", months(-1, -1)).code, 512);
  const auto told = world.as_admin("one.vmpool.calculateshowback", months(-1, -1));
  ASSERT_TRUE(told.is_success) << told.text;
  EXPECT_EQ(told.text, " ");
}

TEST_F(ShowbackMethods, FlagsAreChecked) {
  EXPECT_EQ(world.as_alice("one.vmpool.showback", as_int(-9) + months(-1, -1)).code, 4096);
  EXPECT_EQ(world.as_alice("one.vmpool.showback", as_int(-2) + months(13, -1)).code, 4096);
  EXPECT_EQ(world.as_admin("one.vmpool.calculateshowback", months(13, -1)).code, 8192);
}

}  // namespace
}  // namespace neph::api
