#include <map>

#include "access/quota.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;

/// What is counted is what is there: the sums kept by triggers against the definition.
class QuotaSums : public Site {
 protected:
  using Sums = std::map<std::string, double>;

  Sums kept() {
    return read<Sums>([](db::Txn& txn) {
      return sums(txn.query("SELECT owner_id, section, key, metric, used FROM quota_usage "
                            "WHERE owner_kind = 1 AND used <> 0"));
    });
  }
  Sums counted() {
    return read<Sums>([](db::Txn& txn) {
      return sums(txn.query(
          "SELECT user_id, section, key, metric, TOTAL(amount) FROM ("
          "SELECT user_id, section, key, metric, amount FROM vm_usage UNION ALL "
          "SELECT user_id, section, key, metric, amount FROM image_usage UNION ALL "
          "SELECT user_id, section, key, metric, amount FROM lease_usage) "
          "GROUP BY user_id, section, key, metric HAVING TOTAL(amount) <> 0"));
    });
  }
  void expect_equal(std::string_view when) {
    const Sums expected = counted();
    const Sums found = kept();
    EXPECT_EQ(expected.size(), found.size()) << when;
    for (const auto& [what, amount] : expected) EXPECT_NEAR(found.at(what), amount, 1e-6) << what;
  }

 private:
  static Sums sums(db::Cursor rows) {
    Sums found;
    while (rows.next()) {
      found[fmt::format("{} {}/{}/{}", rows.integer(0), rows.text(1), rows.text(2),
                        rows.text(3))] = rows.real(4);
    }
    return found;
  }
};

TEST_F(QuotaSums, FollowVmsDisksAndImagesThroughTheirLives) {
  expect_equal("at first");
  const VmId first = create_vm("CPU=0.1");
  const VmId second = create_vm("CPU=0.7");
  expect_equal("two run");
  EXPECT_NEAR(kept().at("0 VM//CPU"), 0.8, 1e-6);
  act(first, Action::kSuspend);
  expect_equal("one is suspended");
  EXPECT_EQ(kept().at("0 VM//RUNNING_VMS"), 1);
  act(first, Action::kResume);
  take(second, snapshots::Kind::kHot, "hot");
  expect_equal("an image more");
  ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().vms.chown(txn, second, UserId{1}, GroupId{1}));
    return 0;
  }));
  expect_equal("one belongs to another");
  EXPECT_EQ(kept().at("1 VM//VMS"), 1);
}

TEST_F(QuotaSums, ChargeARetainedDiskToItsOwnerUntilItIsGone) {
  const VmId id = create_vm("CPU=0.1");
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 2});
  take(id, snapshots::Kind::kDeferred, "deferred");
  act(id, Action::kTerminate);
  EXPECT_TRUE(disk(id).is_retained);
  EXPECT_EQ(kept().at("0 VM//SYSTEM_DISK_SIZE"), 100);
  expect_equal("retained");
  pass(Duration{60'000});
  EXPECT_FALSE(kept().contains("0 VM//SYSTEM_DISK_SIZE"));
  expect_equal("swept");
}

}  // namespace
}  // namespace neph
