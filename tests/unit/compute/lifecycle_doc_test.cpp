#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "compute/lifecycle.h"

namespace neph::compute {
namespace {

TEST(LifecycleDoc, IsWhatTheTablesSay) {
  const std::string path = std::string(NEPH_SOURCE_DIR) + "/docs/lifecycle.md";
  if (std::getenv("NEPH_UPDATE_DOCS") != nullptr) std::ofstream(path) << lifecycle_markdown();
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), lifecycle_markdown()) << "NEPH_UPDATE_DOCS=1 writes it again";
}

TEST(Lifecycle, TerminateIsAllowedWhereverAVmRests) {
  for (const auto state : {VmState::kPending, VmState::kHold, VmState::kStopped,
                           VmState::kSuspended, VmState::kPoweroff, VmState::kUndeployed,
                           VmState::kCloning, VmState::kCloningFailure}) {
    const Stand stand{state, LcmState::kInit};
    EXPECT_NE(find_row(Action::kTerminate, stand), nullptr) << name_of(state);
    EXPECT_NE(find_row(Action::kTerminateHard, stand), nullptr) << name_of(state);
  }
  EXPECT_EQ(find_row(Action::kTerminate, {VmState::kDone, LcmState::kInit}), nullptr);
}

TEST(Lifecycle, EveryFailureStateCanBeTerminatedAndTriedAgain) {
  for (const auto& row : deploy_rows()) {
    for (const Stand failed : {row.prolog_failed, row.boot_failed}) {
      EXPECT_NE(find_row(Action::kTerminateHard, failed), nullptr) << row.name;
    }
  }
  for (const auto& row : halt_rows()) {
    EXPECT_NE(find_row(Action::kTerminate, row.epilog_failed), nullptr) << row.name;
  }
}

TEST(Lifecycle, NamesOfActionsAreReadAsWrittenAndAsOldClientsWriteThem) {
  for (const auto& row : action_rows()) EXPECT_EQ(action_from(name_of(row.action)), row.action);
  EXPECT_EQ(action_from("shutdown-hard"), Action::kTerminateHard);
  EXPECT_EQ(action_from("boot"), Action::kResume);
  EXPECT_EQ(action_from("delete-everything"), std::nullopt);
}

}  // namespace
}  // namespace neph::compute
