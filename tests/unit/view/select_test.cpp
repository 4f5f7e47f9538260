#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "view/view.h"

namespace neph::view {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

access::Actor actor(std::int64_t user, std::vector<GroupId> groups) {
  return {UserId{user}, "somebody", groups.front(), "group", groups, 0177};
}
const access::Actor kRoot = actor(0, {GroupId{0}});
const access::Actor kAlice = actor(2, {GroupId{1}, GroupId{100}});

/// VMs: 1 and 2 of alice, 3 of bob for her second group to use, 4 of bob for nobody else, 5 of bob
/// for all; 2 is DONE.
class Select : public testing::Test {
 protected:
  void SetUp() override {
    add(1, 2, 1, 0600, 3);
    add(2, 2, 1, 0600, 6);
    add(3, 3, 100, 0640, 8);
    add(4, 3, 1, 0600, 3);
    add(5, 3, 100, 0604, 3);
  }
  void add(std::int64_t id, std::int64_t owner, std::int64_t group, int bits, int state) {
    Entry entry;
    entry.id = id;
    entry.state = state;
    entry.subject = {access::Resource::kVm,     id, "", UserId{owner}, GroupId{group},
                     access::Permissions{bits}, {}};
    view_.pools[ObjectKind::kVm].put(std::make_shared<const Entry>(std::move(entry)));
  }
  std::vector<std::int64_t> ids(const access::Actor& who, const ListAsk& ask) {
    const auto chosen = select(view_, ObjectKind::kVm, who, ask);
    EXPECT_TRUE(chosen) << chosen.error().text();
    std::vector<std::int64_t> found;
    for (const auto& entry : chosen.value_or(std::vector<EntryPtr>{})) found.push_back(entry->id);
    return found;
  }
  std::string refusal(const ListAsk& ask) {
    const auto chosen = select(view_, ObjectKind::kVm, kRoot, ask);
    return chosen ? "" : chosen.error().message;
  }
  View view_;
};

TEST_F(Select, ShowsAdministratorsEverythingFromTheHighestIdDown) {
  EXPECT_THAT(ids(kRoot, {}), ElementsAre(5, 4, 3, 2, 1));
}

TEST_F(Select, ShowsOthersWhatTheyMayUse) { EXPECT_THAT(ids(kAlice, {}), ElementsAre(5, 3, 2, 1)); }

TEST_F(Select, ShowsWhatARuleAllows) {
  view_.acls = {{AclId{1}, 0x100000002, 0x1100000004, 1, 0x400000000}};
  EXPECT_THAT(ids(kAlice, {}), ElementsAre(5, 4, 3, 2, 1));
}

TEST_F(Select, FiltersByOwner) {
  EXPECT_THAT(ids(kAlice, {.filter = -3}), ElementsAre(2, 1));
  EXPECT_THAT(ids(kRoot, {.filter = 3}), ElementsAre(5, 4, 3));
  EXPECT_THAT(ids(kRoot, {.filter = -3}), IsEmpty());
}

TEST_F(Select, AnotherOwnersFilterShowsNoMoreThanTheRights) {
  EXPECT_THAT(ids(kAlice, {.filter = 3}), ElementsAre(5, 3));
}

TEST_F(Select, FiltersByGroup) {
  EXPECT_THAT(ids(kAlice, {.filter = -1}), ElementsAre(5, 3, 2, 1));
  EXPECT_THAT(ids(kAlice, {.filter = -4}), ElementsAre(2, 1));
}

TEST_F(Select, FiltersByState) {
  EXPECT_THAT(ids(kRoot, {.vm_state = -1}), ElementsAre(5, 4, 3, 1));
  EXPECT_THAT(ids(kRoot, {.vm_state = 6}), ElementsAre(2));
  EXPECT_THAT(ids(kRoot, {.vm_state = 11}), IsEmpty());
}

TEST_F(Select, TakesIdsOfARange) {
  EXPECT_THAT(ids(kRoot, {.start = 3}), ElementsAre(5, 4, 3));
  EXPECT_THAT(ids(kRoot, {.start = 2, .end = 3}), ElementsAre(3, 2));
  EXPECT_THAT(ids(kRoot, {.start = 4, .end = 2}), IsEmpty());
  EXPECT_THAT(ids(kRoot, {.start = -1, .end = 2}), ElementsAre(5, 4, 3, 2, 1));
}

TEST_F(Select, TakesAPageOfWhatTheCallerSees) {
  EXPECT_THAT(ids(kAlice, {.start = 0, .end = -2}), ElementsAre(5, 3));
  EXPECT_THAT(ids(kAlice, {.start = 2, .end = -2}), ElementsAre(2, 1));
  EXPECT_THAT(ids(kAlice, {.start = 4, .end = -2}), IsEmpty());
  EXPECT_THAT(ids(kAlice, {.start = 3, .end = INT64_MIN}), ElementsAre(1));
}

TEST_F(Select, RefusesFlagsThatOpenNebulaRefuses) {
  EXPECT_EQ(refusal({.filter = -5}), "Incorrect filter_flag");
  EXPECT_EQ(refusal({.vm_state = -3}), "Incorrect filter_flag, state");
  EXPECT_EQ(refusal({.vm_state = 12}), "Incorrect filter_flag, state");
}

TEST_F(Select, ListsRulesByTheirUserField) {
  view_.acls = {{AclId{1}, 0x400000000, 1, 1, 1}, {AclId{2}, 0x100000002, 1, 1, 1}};
  for (const int id : {1, 2}) {
    Entry entry;
    entry.id = id;
    view_.pools[ObjectKind::kAcl].put(std::make_shared<const Entry>(std::move(entry)));
  }
  const auto chosen = select(view_, ObjectKind::kAcl, kRoot, {}).value();
  ASSERT_EQ(chosen.size(), 2u);
  EXPECT_EQ(chosen[0]->id, 2);
  EXPECT_EQ(chosen[1]->id, 1);
}

TEST_F(Select, PutsProgressIntoWhatIsListed) {
  VirtualClock clock;
  jobs::ProgressBoard board(clock);
  board.report(JobId{4}, Bytes{50}, Bytes{100});
  Entry entry;
  entry.id = 1;
  entry.job = JobId{4};
  entry.full = "[old]";
  entry.progress = {1, 3};
  view_.board = &board;
  view_.pools[ObjectKind::kSnapshot].put(std::make_shared<const Entry>(std::move(entry)));
  const auto chosen = select(view_, ObjectKind::kSnapshot, kRoot, {}).value();
  ASSERT_EQ(chosen.size(), 1u);
  EXPECT_THAT(chosen[0]->full, testing::StartsWith("[<BYTES_DONE>50</BYTES_DONE>"));
  EXPECT_EQ(view_.find(ObjectKind::kSnapshot, 1).value()->full, "[old]");
}

TEST_F(Select, NamesWhatCannotBeFound) {
  EXPECT_EQ(view_.find(ObjectKind::kVm, 7).error().message, "Error getting virtual machine [7].");
  EXPECT_EQ(view_.find(ObjectKind::kHost, 7).error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace neph::view
