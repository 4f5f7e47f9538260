#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/source.h"

/// The rules of docs/style.md that text alone can judge. Each looks at a whole tree and answers
/// what breaks it; the tree may be the project or a few invented files.
namespace neph::tidy {

struct Finding {
  std::string file;
  int line = 0;
  std::string text;  ///< the rule, and what breaks it
  friend bool operator==(const Finding&, const Finding&) = default;
};
using Findings = std::vector<Finding>;

/// "path:line: text", one a line.
[[nodiscard]] std::string to_text(const Findings& findings);

/// DEPENDS of every neph_room() in the tree.
using Rooms = std::map<std::string, std::set<std::string>>;
[[nodiscard]] Rooms rooms_of(const Tree& tree);

// Rooms and floors.
[[nodiscard]] Findings rooms_stand_on_lower_floors(const Tree& tree);
[[nodiscard]] Findings includes_keep_to_depends(const Tree& tree);
[[nodiscard]] Findings internal_headers_stay_inside(const Tree& tree);
[[nodiscard]] Findings drivers_are_named_by_daemon_and_tests_only(const Tree& tree);

// One home for each fact.
[[nodiscard]] Findings sql_is_in_repositories(const Tree& tree);
[[nodiscard]] Findings xml_tags_are_in_xml_files(const Tree& tree);
[[nodiscard]] Findings libvirt_is_in_its_driver(const Tree& tree);
[[nodiscard]] Findings processes_are_started_by_drivers(const Tree& tree);
[[nodiscard]] Findings threads_are_made_in_lanes(const Tree& tree);
[[nodiscard]] Findings mutexes_are_where_threads_meet(const Tree& tree);
[[nodiscard]] Findings time_comes_from_the_clock(const Tree& tree);
[[nodiscard]] Findings nobody_sleeps(const Tree& tree);
[[nodiscard]] Findings coroutines_keep_to_their_files(const Tree& tree);
[[nodiscard]] Findings awaited_things_have_names(const Tree& tree);

// Size.
[[nodiscard]] Findings functions_are_short(const Tree& tree);
[[nodiscard]] Findings nesting_is_shallow(const Tree& tree);
[[nodiscard]] Findings files_are_short(const Tree& tree);
[[nodiscard]] Findings lines_are_short(const Tree& tree);

// Words.
[[nodiscard]] Findings todos_name_an_issue(const Tree& tree);
[[nodiscard]] Findings banned_words_are_absent(const Tree& tree);
[[nodiscard]] Findings comments_hold_no_code_and_no_banner(const Tree& tree);
[[nodiscard]] Findings headers_have_a_guard_and_come_first(const Tree& tree);
[[nodiscard]] Findings test_names_are_sentences(const Tree& tree);
[[nodiscard]] Findings links_lead_somewhere(const Tree& tree);
[[nodiscard]] Findings project_pages_are_there(const Tree& tree);

}  // namespace neph::tidy
