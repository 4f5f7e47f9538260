#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "events/outbox.h"
#include "site/hook.h"
#include "tests/sim/site.h"

namespace neph {
namespace {

namespace fs = std::filesystem;

/// The whole core with hooks: what happens to a VM is heard of by a program.
class HookedSite : public Site {
 protected:
  void SetUp() override {
    Site::SetUp();
    std::string made = (fs::temp_directory_path() / "neph-hooks.XXXXXX").string();
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    settings_.directory = made;
    const fs::path file = settings_.directory / "hook";
    std::ofstream(file) << "#!/bin/sh\necho \"$@\"\n";
    fs::permissions(file, fs::perms::owner_all);
  }
  void TearDown() override {
    fs::remove_all(settings_.directory);
    Site::TearDown();
  }
  HookId hook_on(const std::string& name, int state, int lcm_state) {
    const site::StateNumbers numbers{
        [=](std::string_view, std::string_view) { return std::optional(state); },
        [=](std::string_view) { return std::optional(lcm_state); }};
    const auto made = run<HookId>([&](db::Txn& txn) {
      return site::create_hook(
          txn, settings_, numbers,
          *text::Template::parse("NAME=" + name + " TYPE=state RESOURCE=VM STATE=S LCM_STATE=L"
                                 " COMMAND=hook"));
    });
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or(HookId{});
  }
  /// What waits in the outbox, delivered.
  std::vector<events::Event> take_events() {
    return *run<std::vector<events::Event>>(
        [](db::Txn& txn) -> Result<std::vector<events::Event>> {
          auto events = events::list_pending(txn, 100);
          for (const auto& event : events) events::erase(txn, event);
          return events;
        });
  }
  /// "3/3" for ACTIVE, RUNNING.
  static std::vector<std::string> states_of(const std::vector<events::Event>& events) {
    std::vector<std::string> states;
    for (const auto& event : events)
      states.push_back(fmt::format("{}/{}", event.state, event.lcm_state));
    return states;
  }

  site::HookSettings settings_;
};

TEST_F(HookedSite, EveryStateOfALifeIsWrittenDownInItsOrder) {
  hook_on("running", 3, 3);
  const VmId id = create_vm();
  settle();
  act(id, compute::Action::kTerminateHard);
  settle();
  const auto states = states_of(take_events());
  ASSERT_GE(states.size(), 4u);
  EXPECT_EQ(states.front(), "1/0") << "PENDING";
  EXPECT_NE(std::ranges::find(states, "3/3"), states.end()) << "RUNNING";
  EXPECT_EQ(states.back(), "6/0") << "DONE";
}

TEST_F(HookedSite, NothingIsWrittenDownWhereNoHookWaits) {
  create_vm();
  settle();
  EXPECT_TRUE(take_events().empty());
}

TEST_F(HookedSite, WhatHappenedIsStillThereAfterAPowerCut) {
  hook_on("running", 3, 3);
  const VmId id = create_vm();
  settle();
  ASSERT_EQ(shown(id), "RUNNING");
  kill();
  const auto states = states_of(take_events());
  EXPECT_NE(std::ranges::find(states, "3/3"), states.end());
}

}  // namespace
}  // namespace neph
