#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "tests/tidy/rules.h"

namespace neph::tidy {
namespace {

/// What each room stands on at most; a room may only name rooms of lower floors.
const std::map<std::string, int> kFloors = {
    {"base", 0},      {"text", 1},    {"db", 2},      {"scheduler", 2},
    {"drivers", 2},   {"events", 3},  {"jobs", 3},    {"monitoring", 3},
    {"access", 4},
    {"datastore", 5}, {"network", 5}, {"site", 5},    {"compute", 6},
    {"snapshots", 7}, {"check", 8},   {"view", 8},    {"api", 9},
    {"daemon", 10},   {"cli", 10},
};

/// The clients use the API over the wire: of the house they may know the ground floors.
const std::set<std::string> kClientRooms = {"base", "text"};

std::string first_folder(const std::string& path) { return path.substr(0, path.find('/')); }

/// "drivers/hypervisor/sim" for a file or an include of a driver, "drivers/sim_world" for what the
/// simulated drivers share, empty for the interfaces.
std::string driver_folder(const std::string& path) {
  if (!path.starts_with("drivers/")) return {};
  const auto slash = path.rfind('/');
  std::string folder = path.substr(0, slash);
  if (folder.ends_with("/internal")) folder.resize(folder.size() - 9);
  static const std::set<std::string> kInterfaces = {"drivers", "drivers/hypervisor",
                                                    "drivers/datastore", "drivers/network"};
  return kInterfaces.contains(folder) ? std::string() : folder;
}

bool is_simulated(const std::string& folder) {
  return folder == "drivers/sim_world" || folder.ends_with("/sim");
}

/// Drivers need text and base; the rooms that list drivers themselves say so in DEPENDS.
std::set<std::string> allowed_rooms(const File& file, const Rooms& rooms) {
  if (file.room() == "drivers") return {"base", "text", "drivers"};
  const auto found = rooms.find(file.room());
  std::set<std::string> allowed = found == rooms.end() ? std::set<std::string>() : found->second;
  allowed.insert(file.room());
  return allowed;
}

}  // namespace

std::string to_text(const Findings& findings) {
  std::string text;
  for (const auto& finding : findings) {
    text += fmt::format("{}:{}: {}\n", finding.file, finding.line, finding.text);
  }
  return text;
}

Rooms rooms_of(const Tree& tree) {
  Rooms rooms;
  for (const File& file : tree) {
    if (file.name() != "CMakeLists.txt" || file.room().empty() || file.room() == "tests") continue;
    std::string text;
    for (const Line& line : file.lines) text += line.text.substr(0, line.text.find('#')) + ' ';
    const auto open = text.find("neph_room(");
    if (open == std::string::npos) continue;
    std::istringstream words(text.substr(open + 10, text.find(')', open) - open - 10));
    std::string room;
    std::string word;
    words >> room;
    auto& depends = rooms[room];
    for (bool is_dependency = false; words >> word;) {
      if (word == "DEPENDS" || word == "LIBS") {
        is_dependency = word == "DEPENDS";
      } else if (is_dependency) {
        depends.insert(word);
      }
    }
  }
  return rooms;
}

Findings rooms_stand_on_lower_floors(const Tree& tree) {
  Findings findings;
  for (const auto& [room, depends] : rooms_of(tree)) {
    if (room.find('_') != std::string::npos) continue;  // a driver
    const std::string file = room + "/CMakeLists.txt";
    if (!kFloors.contains(room)) {
      findings.push_back({file, 1, fmt::format("room {} is on no floor of the house", room)});
      continue;
    }
    for (const auto& below : depends) {
      if (room == "cli" ? kClientRooms.contains(below)
                        : kFloors.contains(below) && kFloors.at(below) < kFloors.at(room)) {
        continue;
      }
      // Rooms of one floor may stand beside each other, in the order of the list in the style.
      if (room == "daemon" && below.starts_with("hypervisor_")) continue;
      if (room == "daemon" && below.starts_with("datastore_")) continue;
      if (room == "daemon" && below.starts_with("network_")) continue;
      findings.push_back({file, 1, fmt::format("{} may not stand on {}", room, below)});
    }
  }
  return findings;
}

Findings includes_keep_to_depends(const Tree& tree) {
  Findings findings;
  const Rooms rooms = rooms_of(tree);
  for (const File& file : tree) {
    if (!kFloors.contains(file.room())) continue;
    const auto allowed = allowed_rooms(file, rooms);
    for (const Include& include : includes_of(file)) {
      const std::string room = first_folder(include.path);
      if (!include.is_quoted || allowed.contains(room)) continue;
      if (file.room() == "daemon" && room == "drivers") continue;
      findings.push_back({file.path, include.line,
                          fmt::format("includes {}, but {} does not name {} in DEPENDS",
                                      include.path, file.room(), room)});
    }
  }
  return findings;
}

Findings internal_headers_stay_inside(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    for (const Include& include : includes_of(file)) {
      const auto at = include.path.find("/internal/");
      if (at == std::string::npos) continue;
      const std::string owner = include.path.substr(0, at);
      // A room's own unit tests, golden documents, the contract tests of drivers and fuzzers, which
      // go where foreign bytes are read, look inside.
      if (file.is_in(owner) || file.is_in("tests/unit/" + owner)) continue;
      if (file.is_in("tests/golden") && owner == "view") continue;
      const bool is_of_drivers = file.is_in("tests/contract") || file.is_in("tests/fuzz");
      if (is_of_drivers && owner.starts_with("drivers/")) continue;
      findings.push_back({file.path, include.line,
                          fmt::format("{} is for {} alone", include.path, owner)});
    }
  }
  return findings;
}

Findings drivers_are_named_by_daemon_and_tests_only(const Tree& tree) {
  Findings findings;
  for (const File& file : tree) {
    if (file.room() == "daemon" || file.room() == "tests" || file.room() == "bench") continue;
    const std::string own = driver_folder(file.path);
    for (const Include& include : includes_of(file)) {
      const std::string named = driver_folder(include.path);
      if (!include.is_quoted || named.empty() || named == own) continue;
      // The simulated drivers show sides of one simulated world.
      if (is_simulated(named) && is_simulated(own)) continue;
      // What several drivers of one kind share may stand in a folder above them.
      if (own.starts_with(named + "/")) continue;
      findings.push_back({file.path, include.line,
                          fmt::format("only daemon and tests may name the driver {}", named)});
    }
  }
  return findings;
}

}  // namespace neph::tidy
