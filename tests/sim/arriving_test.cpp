#include "access/users.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

using compute::Action;
using compute::Recover;
using snapshots::Kind;

/// VMs that name an image whose bytes are not there yet.
class Arriving : public Site {
 protected:
  Result<VmId> create_from(ImageId image, const std::string& more = "") {
    compute::NewVmAsk ask;
    ask.attributes = text::Template::parse(
                         fmt::format("CPU=1\nMEMORY=64\nDISK=[IMAGE_ID=\"{}\"{}]", image, more))
                         .value();
    return run<VmId>([&](db::Txn& txn) { return daemon().vms.allocate(txn, admin_, ask); });
  }
  Result<int> chown(VmId id, UserId user) {
    return run<int>([&](db::Txn& txn) -> Result<int> {
      CHECK_OK(daemon().vms.chown(txn, id, user, {}));
      return 0;
    });
  }
  static constexpr const char* kWaits = ", WAIT_FOR_SNAPSHOT=\"YES\"";
};

TEST_F(Arriving, AnArmedImageIsRefusedNamingTheVmThatMustStop) {
  const VmId source = create_vm();
  const auto taken = take(source, Kind::kDeferred, "later");
  const auto refused = create_from(taken.image);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find(fmt::format("VM {} must stop first", source)),
            std::string::npos)
      << refused.error().text();
}

TEST_F(Arriving, AVmThatWantsToWaitRunsOnceTheSnapshotIsReady) {
  const VmId source = create_vm();
  guest_writes(source, 1, 1);
  const auto taken = take(source, Kind::kDeferred, "later");
  const auto waiting = create_from(taken.image, kWaits);
  ASSERT_TRUE(waiting) << waiting.error().text();
  EXPECT_EQ(shown(*waiting), "CLONING");
  act(source, Action::kPoweroff);
  EXPECT_EQ(shown(*waiting), "RUNNING");
  const auto content = world().guest_content(compute::domain_name(*waiting), "vda");
  ASSERT_TRUE(content);
  EXPECT_EQ(content->blocks, (sim::Blocks{{0, 7}, {1, 1}}));
}

TEST_F(Arriving, AVmWaitsWhileItsImageIsCopied) {
  const VmId source = create_vm();
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied", .times = 1});
  const auto taken = take(source, Kind::kHot, "hot");
  const auto waiting = create_from(taken.image);
  ASSERT_TRUE(waiting) << waiting.error().text();
  EXPECT_EQ(shown(*waiting), "CLONING");
  pass(Duration{10'000});
  EXPECT_EQ(shown(*waiting), "RUNNING");
}

TEST_F(Arriving, ASnapshotThatFailsIsToldAndRecoverLooksAtTheImageAgain) {
  const VmId source = create_vm();
  const auto taken = take(source, Kind::kDeferred, "later");
  const auto waiting = create_from(taken.image, kWaits);
  ASSERT_TRUE(waiting);
  world().inject({.kind = sim::FaultKind::kError, .verb = "ensure_copied",
                  .error = {Errc::kInvalid, "not a qcow2 file", "qemu-img"}});
  act(source, Action::kPoweroff);
  EXPECT_EQ(shown(*waiting), "CLONING_FAILURE");
  ASSERT_TRUE(run<int>([&](db::Txn& txn) -> Result<int> {
    CHECK_OK(daemon().snapshots.retry(txn, taken.id));
    return 0;
  }));
  EXPECT_EQ(image(taken.image)->state, datastore::ImageState::kReady);
  ASSERT_TRUE(recover(*waiting, Recover::kSuccess));
  EXPECT_EQ(shown(*waiting), "RUNNING");
}

TEST_F(Arriving, AVmIsNotGivenAwayWhileASnapshotOfItIsArmed) {
  const auto other = run<UserId>([&](db::Txn& txn) {
    return access::create_user(txn, admin_, {.name = "ann", .password_hash = "hash"});
  });
  ASSERT_TRUE(other) << other.error().text();
  const VmId id = create_vm();
  const auto taken = take(id, Kind::kDeferred, "later");
  const auto refused = chown(id, *other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConflict);
  EXPECT_NE(refused.error().text().find(fmt::format("snapshot {}", taken.id)), std::string::npos)
      << refused.error().text();
  act(id, Action::kPoweroff);
  EXPECT_TRUE(chown(id, *other)) << "it has been taken";
}

}  // namespace
}  // namespace neph
