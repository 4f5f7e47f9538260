#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/tidy/rules.h"

/// Each rule on a few invented files: what it finds, and what it lets pass.
namespace neph::tidy {
namespace {

/// Lines on which a rule finds something in one file.
template <class Rule>
std::vector<int> lines_found(Rule rule, const std::string& path, const std::string& text) {
  std::vector<int> lines;
  for (const Finding& finding : rule({read_text(path, text)})) lines.push_back(finding.line);
  return lines;
}

using Lines = std::vector<int>;

TEST(TidySource, TellsCodeFromCommentsAndLiterals) {
  const File file = read_text("a/b.cpp",
                              "int a = 1'000;  // fork(\n"
                              "auto s = \"fork( \\\" {\"; auto c = '{';\n"
                              "/* fork(\n fork( */ int b;\n"
                              "auto r = R\"x(fork( \" )y\" {\n{)x\"; int d;\n");
  ASSERT_EQ(file.lines.size(), 6u);
  for (const Line& line : file.lines) {
    EXPECT_EQ(line.code.find("fork("), std::string::npos) << line.text;
    EXPECT_EQ(line.code.find('{'), std::string::npos) << line.text;
  }
  EXPECT_TRUE(has_word(file.lines[0].code, "1'000"));
  EXPECT_EQ(file.lines[0].comment, "// fork(");
  EXPECT_TRUE(has_word(file.lines[3].code, "int b;"));
  EXPECT_TRUE(has_word(file.lines[5].code, "int d;"));
}

TEST(TidySource, FindsFunctionsOfEveryShape) {
  const File file = read_text("a/b.cpp",
                              "namespace a {\n"
                              "struct S {\n"
                              "  S() : a_{1},\n"
                              "        b_(2) {\n"
                              "  }\n"
                              "  int a_ = 1;\n"
                              "};\n"
                              "constexpr auto kTable = make({\n"
                              "    {1, 2},\n"
                              "});\n"
                              "Result<int> f(int a,\n"
                              "              int b) {\n"
                              "  if (a) {\n"
                              "    for (;;) {\n"
                              "      auto x = [] { return 1; };\n"
                              "    }\n"
                              "  } else {\n"
                              "  }\n"
                              "}\n"
                              "}  // namespace a\n");
  const auto functions = functions_of(file);
  ASSERT_GE(functions.size(), 2u);
  EXPECT_EQ(functions.back().first_line, 11);
  EXPECT_EQ(functions.back().last_line, 19);
  EXPECT_EQ(functions.back().deepest_nesting, 2);
  for (const Function& function : functions) EXPECT_NE(function.first_line, 8);
}

TEST(TidyRooms, AreReadWithTheirDepends) {
  const Rooms rooms = rooms_of({read_text("jobs/CMakeLists.txt",
                                          "# neph_room(no DEPENDS no)\n"
                                          "neph_room(jobs DEPENDS base db\n  LIBS fmt::fmt)\n")});
  ASSERT_EQ(rooms.size(), 1u);
  EXPECT_EQ(rooms.at("jobs"), (std::set<std::string>{"base", "db"}));
}

TEST(TidyRooms, MayNotStandOnHigherFloors) {
  const auto judge = [](const std::string& room, const std::string& depends) {
    return rooms_stand_on_lower_floors(
        {read_text(room + "/CMakeLists.txt", "neph_room(" + room + " DEPENDS " + depends + ")")});
  };
  EXPECT_TRUE(judge("jobs", "base db scheduler").empty());
  EXPECT_EQ(judge("jobs", "base compute").size(), 1u);
  EXPECT_EQ(judge("attic", "base").size(), 1u);
  EXPECT_EQ(judge("cli", "base text api").size(), 1u);
}

TEST(TidyRooms, MayIncludeOnlyWhatTheyName) {
  Tree tree = {read_text("jobs/CMakeLists.txt", "neph_room(jobs DEPENDS base db)"),
               read_text("jobs/a.cpp",
                         "#include \"jobs/a.h\"\n#include \"db/txn.h\"\n"
                         "#include \"text/xml.h\"\n#include <text/other.h>\n")};
  const Findings findings = includes_keep_to_depends(tree);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].line, 3);
}

TEST(TidyRooms, KeepTheirInternalHeaders) {
  const std::string text = "#include \"jobs/internal/a.h\"\n";
  EXPECT_EQ(lines_found(internal_headers_stay_inside, "compute/a.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(internal_headers_stay_inside, "jobs/a.cpp", text), Lines{});
  EXPECT_EQ(lines_found(internal_headers_stay_inside, "tests/unit/jobs/a.cpp", text), Lines{});
}

TEST(TidyRooms, ReachDriversThroughTheirInterface) {
  const auto judge = [](const std::string& path, const std::string& include) {
    return lines_found(drivers_are_named_by_daemon_and_tests_only, path,
                       "#include \"" + include + "\"\n");
  };
  EXPECT_EQ(judge("compute/a.cpp", "drivers/hypervisor/libvirt/driver.h"), Lines{1});
  EXPECT_EQ(judge("compute/a.cpp", "drivers/hypervisor/driver.h"), Lines{});
  EXPECT_EQ(judge("daemon/a.cpp", "drivers/hypervisor/libvirt/driver.h"), Lines{});
  EXPECT_EQ(judge("drivers/datastore/fs/a.cpp", "drivers/hypervisor/libvirt/a.h"), Lines{1});
  EXPECT_EQ(judge("drivers/datastore/sim/a.cpp", "drivers/hypervisor/sim/a.h"), Lines{});
}

TEST(TidyPlaces, KeepSqlInRepositories) {
  const std::string text = "auto q = \"SELECT id FROM vms\";\n// \"SELECT\" in a comment\n";
  EXPECT_EQ(lines_found(sql_is_in_repositories, "compute/vms.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(sql_is_in_repositories, "compute/vm_repository.cpp", text), Lines{});
  EXPECT_EQ(lines_found(sql_is_in_repositories, "db/migrate.cpp", text), Lines{});
}

TEST(TidyPlaces, KeepXmlTagsInXmlFiles) {
  const std::string text = "auto a = \"<VM_POOL>\";\nauto b = \"<disk>\";\nMap<VM> c; // <VM>\n";
  EXPECT_EQ(lines_found(xml_tags_are_in_xml_files, "api/vms.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(xml_tags_are_in_xml_files, "view/vm_xml.cpp", text), Lines{});
}

TEST(TidyPlaces, KeepLibvirtInItsDriver) {
  const std::string text = "#include <libvirt/libvirt.h>\n";
  EXPECT_EQ(lines_found(libvirt_is_in_its_driver, "compute/a.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(libvirt_is_in_its_driver, "drivers/hypervisor/libvirt/a.cpp", text),
            Lines{});
}

TEST(TidyPlaces, LetDriversAloneStartProcesses) {
  const std::string text = "int a = fork();\nint b = my_fork();\nforked();\n";
  EXPECT_EQ(lines_found(processes_are_started_by_drivers, "compute/a.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(processes_are_started_by_drivers, "drivers/datastore/fs/a.cpp", text),
            Lines{});
  EXPECT_EQ(lines_found(processes_are_started_by_drivers, "daemon/launcher.cpp", text), Lines{});
}

TEST(TidyPlaces, LetLanesAloneMakeThreads) {
  const std::string text = "std::thread a;\nstd::this_thread::yield();\n";
  EXPECT_EQ(lines_found(threads_are_made_in_lanes, "compute/a.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(threads_are_made_in_lanes, "base/lanes.h", text), Lines{});
}

TEST(TidyPlaces, KeepMutexesWhereThreadsMeet) {
  const std::string text = "std::mutex a;\n";
  EXPECT_EQ(lines_found(mutexes_are_where_threads_meet, "compute/a.h", text), Lines{1});
  EXPECT_EQ(lines_found(mutexes_are_where_threads_meet, "base/a.h", text), Lines{});
  EXPECT_EQ(lines_found(mutexes_are_where_threads_meet, "access/users.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(mutexes_are_where_threads_meet, "access/authenticator.cpp", text), Lines{});
}

TEST(TidyPlaces, TakeTheTimeFromTheClock) {
  const std::string text = "auto a = clock.now();\nauto b = std::chrono::system_clock::now();\n";
  EXPECT_EQ(lines_found(time_comes_from_the_clock, "compute/a.cpp", text), Lines{2});
  EXPECT_EQ(lines_found(time_comes_from_the_clock, "base/clock.cpp", text), Lines{});
}

TEST(TidyPlaces, LetOnlyClocksSleep) {
  const std::string text = "std::this_thread::sleep_for(1s);\nclock.sleep_for(1s);\n";
  EXPECT_EQ(lines_found(nobody_sleeps, "compute/a.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(nobody_sleeps, "tests/unit/base/a.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(nobody_sleeps, "tests/e2e/a.cpp", text), Lines{});
}

TEST(TidyPlaces, KeepCoroutinesInTheirFiles) {
  const std::string text = "co_await a;\n";
  EXPECT_EQ(lines_found(coroutines_keep_to_their_files, "compute/a.cpp", text), Lines{1});
  EXPECT_EQ(lines_found(coroutines_keep_to_their_files, "api/http_server.cpp", text), Lines{});
}

TEST(TidyPlaces, WantANameBeforeAnAwait) {
  const auto judge = [](const std::string& text) {
    return lines_found(awaited_things_have_names, "api/http_server.cpp", text);
  };
  EXPECT_EQ(judge("co_await run([a](int b) { return a; });\n"), Lines{1});
  EXPECT_EQ(judge("co_await make({1, 2});\n"), Lines{1});
  EXPECT_EQ(judge("co_await run(\n    [&] { return 1; });\n"), Lines{2});
  EXPECT_EQ(judge("auto b = co_await std::move(a[0]);\nauto c = [a](int) { return a; };\n"),
            Lines{});
  EXPECT_EQ(judge("while (co_await next(a)) {\n  f({1});\n}\n"), Lines{});
}

TEST(TidySize, LimitsFunctions) {
  std::string body;
  for (int line = 0; line < 68; ++line) body += "  f();\n";
  EXPECT_EQ(lines_found(functions_are_short, "a/b.cpp", "void g() {\n" + body + "}\n"), Lines{});
  EXPECT_EQ(lines_found(functions_are_short, "a/b.cpp", "\nvoid g() {\n" + body + "f();\n}\n"),
            Lines{2});
}

TEST(TidySize, LimitsNesting) {
  EXPECT_EQ(lines_found(nesting_is_shallow, "a/b.cpp",
                        "void g() {\nif (a) {\nfor (;;) {\nwhile (b) {\n}\n}\n}\n}\n"),
            Lines{});
  EXPECT_EQ(lines_found(nesting_is_shallow, "a/b.cpp",
                        "void g() {\nif (a) {\nfor (;;) {\nwhile (b) {\nif (c) {\n}\n}\n}\n}\n}\n"),
            Lines{5});
}

TEST(TidySize, LimitsFilesAndLines) {
  std::string lines;
  for (int line = 0; line < 600; ++line) lines += "\n";
  EXPECT_EQ(lines_found(files_are_short, "a/b.cpp", lines), Lines{});
  EXPECT_EQ(lines_found(files_are_short, "a/b.cpp", lines + "\n"), Lines{1});
  EXPECT_EQ(lines_found(lines_are_short, "a/b.cpp", std::string(100, 'a') + "\n"), Lines{});
  EXPECT_EQ(lines_found(lines_are_short, "a/b.cpp", std::string(101, 'a') + "\n"), Lines{1});
  EXPECT_EQ(lines_found(lines_are_short, "a/b.cpp", std::string(99, 'a') + "\u00e9\n"), Lines{});
}

TEST(TidyWords, WantAnIssueForATodo) {
  EXPECT_EQ(lines_found(todos_name_an_issue, "a/b.cpp", "// TODO: more\n// TODO(#12): more\n"),
            Lines{1});
  EXPECT_EQ(lines_found(todos_name_an_issue, "a/b.cpp", "// TODO(me): more\n// FIXME\n"),
            (Lines{1, 2}));
}

TEST(TidyWords, AreBannedAsWholeWords) {
  EXPECT_EQ(lines_found(banned_words_are_absent, "a/b.cpp", "// a Stub\n// a stubborn one\n"),
            Lines{1});
}

TEST(TidyWords, FindBannersAndSwitchedOffCode) {
  const auto judge = [](const std::string& text) {
    return lines_found(comments_hold_no_code_and_no_banner, "a/b.cpp", text);
  };
  EXPECT_EQ(judge("// -------- part two\n"), Lines{1});
  EXPECT_EQ(judge("// run(a);\n"), Lines{1});
  EXPECT_EQ(judge("// Runs a (see b), which is why; it ends later.\nint a;  // of f(x);\n"),
            Lines{});
}

TEST(TidyWords, WantGuardsAndTheOwnHeaderFirst) {
  EXPECT_EQ(lines_found(headers_have_a_guard_and_come_first, "a/b.h", "int a;\n"), Lines{1});
  const File header = read_text("a/b.h", "#pragma once\n");
  EXPECT_TRUE(headers_have_a_guard_and_come_first(
                  {header, read_text("a/b.cpp", "#include \"a/b.h\"\n#include <map>\n")})
                  .empty());
  EXPECT_EQ(headers_have_a_guard_and_come_first(
                {header, read_text("a/b.cpp", "#include <map>\n#include \"a/b.h\"\n")})
                .size(),
            1u);
}

TEST(TidyWords, WantSentencesAsNamesOfTests) {
  const std::string text = "TEST(Room, RefusesAnEmptyName) {}\nTEST(Room, Empty) {}\n";
  EXPECT_EQ(lines_found(test_names_are_sentences, "tests/unit/a/b.cpp", text), Lines{2});
}

TEST(TidyWords, FollowLinksOfPages) {
  const File page = read_text("docs/a.md",
                              "[b](b.md) [c](../c.md#part) [web](https://example.org)\n"
                              "[gone](gone.md)\n```\n[code](gone.md)\n```\n[part](#part)\n");
  const Findings findings =
      links_lead_somewhere({page, read_text("docs/b.md", "b\n"), read_text("c.md", "c\n")});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].line, 2);
}

TEST(TidyWords, MissThePagesEveryProjectHas) {
  EXPECT_EQ(project_pages_are_there({read_text("README.md", "a\n")}).size(), 6u);
}

}  // namespace
}  // namespace neph::tidy
