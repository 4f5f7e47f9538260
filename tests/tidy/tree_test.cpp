#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/tidy/rules.h"

namespace neph::tidy {
namespace {

const Tree& project() {
  static const Tree tree = [] {
    const char* given = std::getenv("NEPH_SOURCE_DIR");
    return read_tree(given != nullptr ? given : NEPH_SOURCE_DIR);
  }();
  return tree;
}

#define EXPECT_TIDY(rule)                              \
  do {                                                 \
    const Findings findings = rule(project());         \
    EXPECT_TRUE(findings.empty()) << to_text(findings); \
  } while (false)

TEST(Tree, WasFound) {
  EXPECT_GT(project().size(), 50u);
  EXPECT_TRUE(rooms_of(project()).contains("base"));
}

TEST(Tree, RoomsStandOnLowerFloors) { EXPECT_TIDY(rooms_stand_on_lower_floors); }
TEST(Tree, RoomsIncludeOnlyWhatTheyDependOn) { EXPECT_TIDY(includes_keep_to_depends); }
TEST(Tree, InternalHeadersStayInTheirRoom) { EXPECT_TIDY(internal_headers_stay_inside); }
TEST(Tree, OnlyDaemonAndTestsNameDrivers) {
  EXPECT_TIDY(drivers_are_named_by_daemon_and_tests_only);
}
TEST(Tree, SqlStandsInRepositories) { EXPECT_TIDY(sql_is_in_repositories); }
TEST(Tree, XmlTagsStandInXmlFiles) { EXPECT_TIDY(xml_tags_are_in_xml_files); }
TEST(Tree, LibvirtStaysInItsDriver) { EXPECT_TIDY(libvirt_is_in_its_driver); }
TEST(Tree, DriversAloneStartProcesses) { EXPECT_TIDY(processes_are_started_by_drivers); }
TEST(Tree, LanesAloneMakeThreads) { EXPECT_TIDY(threads_are_made_in_lanes); }
TEST(Tree, MutexesStayWhereThreadsMeet) { EXPECT_TIDY(mutexes_are_where_threads_meet); }
TEST(Tree, TimeComesFromTheClock) { EXPECT_TIDY(time_comes_from_the_clock); }
TEST(Tree, OnlyClocksSleep) { EXPECT_TIDY(nobody_sleeps); }
TEST(Tree, CoroutinesKeepToTheirFiles) { EXPECT_TIDY(coroutines_keep_to_their_files); }
TEST(Tree, WhatIsAwaitedHasAName) { EXPECT_TIDY(awaited_things_have_names); }
TEST(Tree, FunctionsAreShort) { EXPECT_TIDY(functions_are_short); }
TEST(Tree, NestingIsShallow) { EXPECT_TIDY(nesting_is_shallow); }
TEST(Tree, FilesAreShort) { EXPECT_TIDY(files_are_short); }
TEST(Tree, LinesAreShort) { EXPECT_TIDY(lines_are_short); }
TEST(Tree, TodosNameAnIssue) { EXPECT_TIDY(todos_name_an_issue); }
TEST(Tree, BannedWordsAreAbsent) { EXPECT_TIDY(banned_words_are_absent); }
TEST(Tree, CommentsHoldNoCodeAndNoBanner) { EXPECT_TIDY(comments_hold_no_code_and_no_banner); }
TEST(Tree, HeadersHaveAGuardAndComeFirst) { EXPECT_TIDY(headers_have_a_guard_and_come_first); }
TEST(Tree, TestNamesAreSentences) { EXPECT_TIDY(test_names_are_sentences); }
TEST(Tree, LinksLeadSomewhere) { EXPECT_TIDY(links_lead_somewhere); }
TEST(Tree, ProjectPagesAreThere) { EXPECT_TIDY(project_pages_are_there); }

}  // namespace
}  // namespace neph::tidy
