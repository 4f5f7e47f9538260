#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace neph::tidy {
namespace {

/// These files name the words that they look for.
bool is_about_words(const File& file) { return file.is_in("tests/tidy"); }

bool is_licence(const File& file) { return file.path == "LICENSE"; }

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

/// TODO(#123) with a number is the only form.
bool names_an_issue(const std::string& text, std::size_t at) {
  const auto rest = text.substr(at + 4);
  if (!rest.starts_with("(#")) return false;
  const auto close = rest.find(')');
  return close != std::string::npos && close > 2 &&
         std::all_of(rest.begin() + 2, rest.begin() + static_cast<long>(close),
                     [](unsigned char letter) { return std::isdigit(letter) != 0; });
}

bool is_banner(const std::string& comment) {
  const auto first = comment.find_first_not_of("/* ");
  if (first == std::string::npos) return comment.size() > 4;
  const std::string_view text = std::string_view(comment).substr(first);
  static constexpr std::string_view kRules = "-=#~*";
  return std::any_of(kRules.begin(), kRules.end(), [&](char letter) {
    const std::string rule(4, letter);
    return text.starts_with(rule) || text.ends_with(rule);
  });
}

/// A statement that was switched off: it ends like one and calls or assigns something.
bool is_switched_off_code(const std::string& comment) {
  if (!comment.starts_with("// ") || !comment.ends_with(";")) return false;
  return comment.find("(") != std::string::npos || comment.find(" = ") != std::string::npos;
}

/// TEST(Suite, Name) whose name has only one capital letter.
bool is_named_by_one_word(const std::string& code) {
  const bool is_test =
      code.starts_with("TEST(") || code.starts_with("TEST_F(") || code.starts_with("TEST_P(");
  const auto comma = code.find(", ");
  if (!is_test || comma == std::string::npos) return false;
  return std::count_if(code.begin() + static_cast<long>(comma), code.end(),
                       [](unsigned char letter) { return std::isupper(letter) != 0; }) < 2;
}

struct Link {
  int line = 0;
  std::string target;
};

/// [text](target), outside of fenced code.
std::vector<Link> links_of(const File& file) {
  std::vector<Link> links;
  bool is_fenced = false;
  for (int number = 1; const Line& line : file.lines) {
    if (line.text.starts_with("```")) is_fenced = !is_fenced;
    for (auto at = line.text.find("](");
         !is_fenced && at != std::string::npos; at = line.text.find("](", at + 2)) {
      const auto close = line.text.find(')', at);
      if (close != std::string::npos) {
        links.push_back({number, line.text.substr(at + 2, close - at - 2)});
      }
    }
    ++number;
  }
  return links;
}

bool leads_outside(const std::string& target) {
  return target.find("://") != std::string::npos || target.starts_with("mailto:") ||
         target.starts_with("#") || target.empty();
}

bool exists_in(const Tree& tree, const std::string& path) {
  return std::any_of(tree.begin(), tree.end(), [&](const File& file) {
    return file.path == path || file.is_in(path);
  });
}

}  // namespace

Findings todos_name_an_issue(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (is_about_words(file) || file.path == "docs/style.md" || is_licence(file)) continue;
    for (int number = 1; const Line& line : file.lines) {
      const auto at = line.text.find("TODO");
      if (at != std::string::npos && !names_an_issue(line.text, at)) {
        findings.push_back({file.path, number, "TODO without an issue: TODO(#123)"});
      }
      for (const auto* word : {"FIXME", "XXX"}) {
        if (!has_word(line.text, word)) continue;
        findings.push_back({file.path, number, fmt::format("{}: write TODO(#123)", word)});
      }
      ++number;
    }
  }
  return findings;
}

Findings banned_words_are_absent(const Tree& tree) {
  // Words for things that are not there, and places on somebody's machine.
  static constexpr std::array kWords = {"stub",       "stubs",       "stubbed", "hack",
                                        "hacky",      "kludge",      "foobar",  "lorem",
                                        "not implemented", "unimplemented", "temporary fix",
                                        "/work/main", "/work/shared", "/home/"};
  Findings findings;
  for (const File& file : tree) {
    if (is_about_words(file) || is_licence(file)) continue;
    for (int number = 1; const Line& line : file.lines) {
      const std::string text = lowered(line.text);
      for (const std::string_view word : kWords) {
        if (!has_word(text, word)) continue;
        findings.push_back({file.path, number, fmt::format("banned: \"{}\"", word)});
      }
      ++number;
    }
  }
  return findings;
}

Findings comments_hold_no_code_and_no_banner(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (!file.is_code()) continue;
    for (int number = 1; const Line& line : file.lines) {
      if (!line.comment.empty() && is_banner(line.comment)) {
        findings.push_back({file.path, number, "a banner; comments are sentences"});
      }
      const bool stands_alone = line.code.find_first_not_of(' ') == std::string::npos;
      if (stands_alone && is_switched_off_code(line.comment)) {
        findings.push_back({file.path, number, "code that was commented out"});
      }
      ++number;
    }
  }
  return findings;
}

Findings headers_have_a_guard_and_come_first(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (file.is_header()) {
      const bool has_guard = std::any_of(
          file.lines.begin(), file.lines.end(),
          [](const Line& line) { return line.text.starts_with("#pragma once"); });
      if (!has_guard) findings.push_back({file.path, 1, "#pragma once is missing"});
    }
    if (!file.is_cpp()) continue;
    const std::string own = file.path.substr(0, file.path.size() - 4) + ".h";
    const auto includes = includes_of(file);
    if (exists_in(tree, own) && (includes.empty() || includes.front().path != own)) {
      findings.push_back({file.path, 1, fmt::format("{} has to be the first include", own)});
    }
  }
  return findings;
}

Findings test_names_are_sentences(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (file.room() != "tests" || !file.is_cpp()) continue;
    for (int number = 1; const Line& line : file.lines) {
      if (is_named_by_one_word(line.code)) {
        findings.push_back({file.path, number, "a test's name is a sentence about behaviour"});
      }
      ++number;
    }
  }
  return findings;
}

Findings links_lead_somewhere(const Tree& tree) {
  namespace fs = std::filesystem;
  Findings findings;
  for (const File& file : tree) {
    if (!file.path.ends_with(".md")) continue;
    for (const Link& link : links_of(file)) {
      if (leads_outside(link.target)) continue;
      const fs::path from = fs::path(file.path).parent_path();
      auto path = (from / link.target.substr(0, link.target.find('#'))).lexically_normal();
      std::string target = path.generic_string();
      if (target.ends_with('/')) target.pop_back();
      if (!exists_in(tree, target)) {
        findings.push_back({file.path, link.line, fmt::format("no such file: {}", link.target)});
      }
    }
  }
  return findings;
}

Findings project_pages_are_there(const Tree& tree) {
  Findings findings;
  for (const auto* page : {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md",
                           "LICENSE", "docs/style.md", "docs/glossary.md"}) {
    if (!exists_in(tree, page)) findings.push_back({page, 1, "is missing"});
  }
  return findings;
}

}  // namespace neph::tidy
