#include "events/outbox.h"
#include "tests/support/fresh_store.h"

#include <gtest/gtest.h>

#include <memory>

namespace neph::events {
namespace {

class Outbox : public testing::Test {
 protected:
  void SetUp() override {
    database_ = fresh_store();
    revive();
  }
  /// A new life of the daemon over the same store.
  void revive() {
    lanes_.drop_all();
    courier_.reset();
    store_ = std::make_unique<db::Store>(*database_, lanes_);
    courier_ = std::make_unique<Courier>(*store_, lanes_, [this](db::Txn&, const Event& event) {
      heard_.push_back(event.subject + "/" + event.body);
    });
  }
  void call(const std::string& body, bool is_refused = false) {
    store_->run<void>(
        [=](db::Txn& txn) -> Result<void> {
          record_call(txn, "one.vm.allocate", body);
          if (is_refused) return fail(Errc::kDenied, "no");
          txn.touch(ObjectKind::kVm, 1);
          return {};
        },
        {});
  }

  ManualLanes lanes_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<db::Store> store_;
  std::unique_ptr<Courier> courier_;
  std::vector<std::string> heard_;
};

TEST_F(Outbox, AnEventIsDeliveredOnceAndInOrder) {
  courier_->start();
  call("1");
  call("2");
  lanes_.run_until_idle();
  EXPECT_EQ(heard_, (std::vector<std::string>{"one.vm.allocate/1", "one.vm.allocate/2"}));
  call("3");
  lanes_.run_until_idle();
  EXPECT_EQ(heard_.size(), 3u);
}

TEST_F(Outbox, WhatWasRolledBackDidNotHappen) {
  courier_->start();
  constexpr bool kRefused = true;
  call("1", kRefused);
  lanes_.run_until_idle();
  EXPECT_TRUE(heard_.empty());
}

TEST_F(Outbox, WhatAnEarlierLifeLeftIsDelivered) {
  call("1");
  lanes_.run_until_idle();
  EXPECT_TRUE(heard_.empty()) << "the courier does not run yet";
  revive();
  courier_->start();
  lanes_.run_until_idle();
  EXPECT_EQ(heard_, std::vector<std::string>{"one.vm.allocate/1"});
}

TEST_F(Outbox, MoreThanOneLotArrives) {
  for (int i = 0; i < 150; ++i) call(std::to_string(i));
  courier_->start();
  lanes_.run_until_idle();
  EXPECT_EQ(heard_.size(), 150u);
  EXPECT_EQ(heard_.back(), "one.vm.allocate/149");
}

}  // namespace
}  // namespace neph::events
