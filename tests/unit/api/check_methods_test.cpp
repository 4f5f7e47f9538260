#include <gmock/gmock.h>

#include "jobs/queue.h"
#include "tests/unit/api/world.h"

namespace neph::api {
namespace {

using testing::HasSubstr;

std::string as_bool(bool value) {
  return fmt::format("<param><value><boolean>{}</boolean></value></param>", value ? 1 : 0);
}

class CheckMethods : public testing::Test {
 protected:
  CheckMethods() { world_.serve(make_registry()); }
  jobs::Job job(std::int64_t id) {
    jobs::Job found;
    world_.in_transaction([&](db::Txn& txn) { found = jobs::find(txn, JobId{id}).value(); });
    return found;
  }
  World world_;
};

TEST_F(CheckMethods, AreForAdministratorsAlone) {
  const auto path = as_string("/tmp/file");
  EXPECT_EQ(world_.as_alice("neph.check").code, 512);
  EXPECT_EQ(world_.as_alice("neph.check.info", as_int(1)).code, 512);
  EXPECT_EQ(world_.as_alice("neph.check.remove", path).code, 512);
  EXPECT_EQ(world_.as_alice("neph.backup", path).code, 512);
}

TEST_F(CheckMethods, ACheckIsAJobAndRepairsOnlyWhenAsked) {
  const auto looks = world_.as_admin("neph.check");
  ASSERT_TRUE(looks.is_success) << looks.text;
  EXPECT_EQ(job(looks.number).kind, "site.check");
  EXPECT_FALSE(job(looks.number).args.is_yes("REPAIR"));
  const auto mends = world_.as_admin("neph.check", as_bool(true));
  EXPECT_TRUE(job(mends.number).args.is_yes("REPAIR"));
}

TEST_F(CheckMethods, AReportThatIsNotThereIsNotFound) {
  EXPECT_EQ(world_.as_admin("neph.check.info", as_int(4)).code, 1024);
}

TEST_F(CheckMethods, PathsAreAbsoluteAndPlain) {
  EXPECT_FALSE(world_.as_admin("neph.backup", as_string("backup.db")).is_success);
  EXPECT_FALSE(world_.as_admin("neph.backup", as_string("/var/../etc/x")).is_success);
  EXPECT_FALSE(world_.as_admin("neph.check.remove", as_string("disk.0")).is_success);
  const auto made = world_.as_admin("neph.backup", as_string("/var/backups/one"));
  ASSERT_TRUE(made.is_success) << made.text;
  EXPECT_EQ(job(made.number).args.get("PATH"), "/var/backups/one");
}

}  // namespace
}  // namespace neph::api
