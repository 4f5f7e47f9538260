#include "tests/unit/datastore/bench.h"

namespace neph::datastore {
namespace {

class PowerCut : public ImageBench {
 protected:
  /// Asks in a transaction of its own, lets so many tasks run, and cuts the power.
  /// \returns whether anything was left to run
  bool run_and_cut(int tasks, const std::function<Result<void>(db::Txn&)>& ask) {
    store_->run(ask);
    bool is_left = true;
    // The first task commits the request itself: before that nothing was promised.
    for (int task = 0; task <= tasks && is_left; ++task) is_left = lanes_.run_one();
    cut_power();
    start();
    lanes_.run_until_idle();
    return is_left;
  }
};

TEST_F(PowerCut, AtEveryStepOfACopyEndsInAReadyImageAndOneFile) {
  const std::string path = put_source("a.qcow2");
  const auto ask = text::Template::parse(fmt::format("NAME=a\nPATH=\"{}\"", path)).value();
  int cuts = 0;
  for (bool was_cut = true; was_cut; ++cuts) {
    ImageId id;
    was_cut = run_and_cut(cuts, [&](db::Txn& txn) -> Result<void> {
      id = TRY(service_->allocate(txn, alice_, ask, DatastoreId{1}));
      return {};
    });
    ASSERT_EQ(image(id).state, ImageState::kReady) << "cut " << cuts;
    EXPECT_EQ(stored_files(), std::vector<std::string>{image(id).source}) << "cut " << cuts;
    ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, id); }));
  }
  EXPECT_GT(cuts, 5);
}

TEST_F(PowerCut, AtEveryStepOfADeletionEndsWithNeitherRowNorFile) {
  int cuts = 0;
  for (bool was_cut = true; was_cut; ++cuts) {
    const ImageId id = make_ready(fmt::format("a{}", cuts));
    was_cut = run_and_cut(cuts, [&](db::Txn& txn) { return service_->remove(txn, id); });
    EXPECT_FALSE(is_there(id)) << "cut " << cuts;
    EXPECT_EQ(stored_files(), std::vector<std::string>{}) << "cut " << cuts;
  }
  EXPECT_GT(cuts, 3);
}

TEST_F(PowerCut, AtEveryStepOfACancelledCopyLeavesNothing) {
  const std::string path = put_source("a.qcow2");
  int cuts = 0;
  for (bool was_cut = true; was_cut; ++cuts) {
    world_.inject({.kind = sim::FaultKind::kLostAnswer, .verb = "ensure_published"});
    const auto id = allocate(fmt::format("NAME=a\nPATH=\"{}\"", path));
    ASSERT_TRUE(id) << id.error().text();
    ASSERT_EQ(image(*id).state, ImageState::kLocked);
    was_cut = run_and_cut(cuts, [&](db::Txn& txn) { return service_->remove(txn, *id); });
    EXPECT_FALSE(is_there(*id)) << "cut " << cuts;
    EXPECT_EQ(stored_files(), std::vector<std::string>{}) << "cut " << cuts;
  }
  EXPECT_GT(cuts, 3);
}

}  // namespace
}  // namespace neph::datastore
