#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace neph::tidy {
namespace {

/// Product code: the rooms, the drivers and the clients. Tests may look behind every curtain.
bool is_product(const File& file) {
  return file.is_code() && !file.room().empty() && file.room() != "tests" && file.room() != "bench";
}

bool is_code_of_tests(const File& file) { return file.is_code() && file.room() == "tests"; }

using IsPlace = std::function<bool(const File&)>;

/// Adds a finding for each of `words` in the code of `file`.
template <class Words>
void find_words(const File& file, const Words& words, std::string_view rule, Findings& findings) {
  for (int number = 1; const Line& line : file.lines) {
    for (const std::string_view word : words) {
      if (!has_word(line.code, word)) continue;
      findings.push_back({file.path, number, fmt::format("{}: {}", word, rule)});
    }
    ++number;
  }
}

/// Every product line outside of `is_allowed` whose code holds one of `words`.
template <class Words>
Findings words_outside(const Tree& tree, const Words& words, const IsPlace& is_allowed,
                       std::string_view rule) {
  Findings findings;
  for (const File& file : tree) {
    if (is_product(file) && !is_allowed(file)) find_words(file, words, rule, findings);
  }
  return findings;
}

/// The insides of the literals of a line: what the code column has blanked and no comment holds.
std::string literals_of(const Line& line) {
  std::string literals = line.text;
  const auto comment = line.comment.empty() ? std::string::npos : line.text.rfind(line.comment);
  if (comment != std::string::npos) literals.resize(comment);
  for (std::size_t at = 0; at < literals.size(); ++at) {
    if (line.code[at] != ' ' && line.code[at] != '"') literals[at] = ' ';
  }
  return literals;
}

bool looks_like_sql(const std::string& literals) {
  static constexpr std::array kBeginnings = {
      "\"SELECT ",      "\"INSERT INTO ", "\"INSERT OR ", "\"UPDATE ", "\"DELETE FROM ",
      "\"CREATE TABLE", "\"CREATE INDEX", "\"DROP TABLE", "\"PRAGMA ", "\"ALTER TABLE ",
      "\"REPLACE INTO "};
  return std::any_of(kBeginnings.begin(), kBeginnings.end(), [&](const char* beginning) {
    return literals.find(beginning) != std::string::npos;
  });
}

/// <VM>, </IMAGE_POOL>: an OpenNebula document; libvirt's tags are in small letters.
bool has_document_tag(const std::string& literals) {
  for (auto at = literals.find('<'); at != std::string::npos; at = literals.find('<', at + 1)) {
    auto end = at + 1;
    if (end < literals.size() && literals[end] == '/') ++end;
    const auto begin = end;
    while (end < literals.size() && (std::isupper(static_cast<unsigned char>(literals[end])) != 0 ||
                                     literals[end] == '_')) {
      ++end;
    }
    if (end > begin + 1 && end < literals.size() && literals[end] == '>') return true;
  }
  return false;
}

}  // namespace

Findings sql_is_in_repositories(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (!is_product(file) || file.room() == "db") continue;
    if (file.path.ends_with("_repository.cpp")) continue;
    for (int number = 1; const Line& line : file.lines) {
      if (looks_like_sql(literals_of(line))) {
        findings.push_back({file.path, number, "SQL stands in *_repository.cpp and db/ only"});
      }
      ++number;
    }
  }
  return findings;
}

Findings xml_tags_are_in_xml_files(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (!is_product(file) || file.path.ends_with("_xml.cpp") || file.room() == "text") continue;
    for (int number = 1; const Line& line : file.lines) {
      if (has_document_tag(literals_of(line))) {
        findings.push_back({file.path, number, "XML tags stand in *_xml.cpp only"});
      }
      ++number;
    }
  }
  return findings;
}

Findings libvirt_is_in_its_driver(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (file.is_in("drivers/hypervisor/libvirt") || file.is_in("tests/contract")) continue;
    for (const Include& include : includes_of(file)) {
      if (include.path.starts_with("libvirt/")) {
        findings.push_back(
            {file.path, include.line, "<libvirt/> is for drivers/hypervisor/libvirt alone"});
      }
    }
  }
  return findings;
}

Findings processes_are_started_by_drivers(const Tree& tree) {
  static constexpr std::array kWords = {"fork(",   "vfork(",  "execl(",        "execv(",
                                        "execve(", "execvp(", "execlp(",       "posix_spawn(",
                                        "popen(",  "system(", "posix_spawnp(", "boost::process"};
  const auto is_allowed = [](const File& file) {
    return file.room() == "drivers" || file.path == "events/hook_runner.cpp" ||
           file.path == "daemon/launcher.cpp" ||
           file.path == "cli/main.cpp";  // neph restore becomes nephd
  };
  return words_outside(tree, kWords, is_allowed,
                       "processes are started under drivers/ and in events/hook_runner.cpp only");
}

Findings threads_are_made_in_lanes(const Tree& tree) {
  static constexpr std::array kWords = {"std::thread", "std::jthread", "std::async",
                                        "pthread_create", "boost::thread"};
  const auto is_allowed = [](const File& file) {
    return file.path.starts_with("base/lanes") || file.is_in("drivers/hypervisor/libvirt") ||
           file.path.starts_with("api/http_server");
  };
  return words_outside(tree, kWords, is_allowed, "threads are made in base/lanes only");
}

Findings mutexes_are_where_threads_meet(const Tree& tree) {
  static constexpr std::array kWords = {"std::mutex", "std::shared_mutex", "std::recursive_mutex",
                                        "std::condition_variable", "std::counting_semaphore"};
  const auto is_allowed = [](const File& file) {
    return file.room() == "base" || file.room() == "drivers" || file.room() == "view" ||
           file.path.starts_with("jobs/progress_board") || file.path.starts_with("db/store") ||
           file.path.starts_with("access/authenticator") ||
           file.path.starts_with("monitoring/board");
  };
  return words_outside(tree, kWords, is_allowed,
                       "mutexes are for base, drivers, view, the store, the boards and "
                       "the authenticator");
}

Findings time_comes_from_the_clock(const Tree& tree) {
  static constexpr std::array kWords = {"system_clock::now", "steady_clock::now",
                                        "high_resolution_clock::now", "gettimeofday",
                                        "clock_gettime",     "std::time(nullptr)",
                                        "time(nullptr)",     "time(NULL)"};
  // The lanes wait on condition variables, which take a time of the library's own clock.
  const auto is_allowed = [](const File& file) {
    return file.path.starts_with("base/clock") || file.path.starts_with("base/lanes");
  };
  return words_outside(tree, kWords, is_allowed, "the time comes from base/clock only");
}

Findings nobody_sleeps(const Tree& tree) {
  static constexpr std::array kWords = {"this_thread::sleep_for", "this_thread::sleep_until",
                                        "usleep(", "nanosleep("};
  Findings findings;
  for (const File& file : tree) {
    const bool is_judged = is_product(file) || (is_code_of_tests(file) && !file.is_in("tests/e2e"));
    if (!is_judged || file.path.starts_with("base/clock") || file.is_in("tests/support")) continue;
    find_words(file, kWords, "only a clock sleeps", findings);
  }
  return findings;
}

Findings coroutines_keep_to_their_files(const Tree& tree) {
  static constexpr std::array kWords = {"co_await", "co_return", "co_yield"};
  const auto is_allowed = [](const File& file) {
    return file.path.starts_with("api/http_") || file.path == "jobs/runner.cpp" ||
           file.room() == "daemon";
  };
  return words_outside(tree, kWords, is_allowed,
                       "coroutines are for api/http_*, jobs/runner.cpp and daemon/");
}

Findings awaited_things_have_names(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (!file.is_code()) continue;
    std::string awaited;
    bool is_awaiting = false;
    for (int number = 1; const Line& line : file.lines) {
      const auto at = line.code.find("co_await");
      if (!is_awaiting && at == std::string::npos) {
        ++number;
        continue;
      }
      awaited += is_awaiting ? line.code : line.code.substr(at);
      const auto end = awaited.find(';');
      is_awaiting = end == std::string::npos;
      const std::string expression = awaited.substr(0, end);
      const bool has_lambda = expression.find("](") != std::string::npos ||
                              expression.find("] {") != std::string::npos ||
                              expression.find("[&") != std::string::npos ||
                              expression.find("[=") != std::string::npos ||
                              expression.find("[this") != std::string::npos;
      // A brace after the closing parenthesis of the expression opens a block, not a temporary.
      const auto brace = expression.find('{');
      const bool has_brace = brace != std::string::npos &&
                             std::count(expression.begin(), expression.begin() + brace, '(') >
                                 std::count(expression.begin(), expression.begin() + brace, ')');
      if (has_lambda || has_brace) {
        findings.push_back({file.path, number, "name it first, then co_await it (g++ 12)"});
        is_awaiting = false;
      }
      if (brace != std::string::npos && !has_brace) is_awaiting = false;
      if (!is_awaiting) awaited.clear();
      ++number;
    }
  }
  return findings;
}

}  // namespace neph::tidy
