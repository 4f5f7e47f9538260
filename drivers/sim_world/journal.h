#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "drivers/sim_world/state.h"

namespace neph::sim {

/// Keeps hosts, domains and finished files in a text file, so that simulated guests are found
/// running again by the next daemon, as QEMU processes would be.
///
/// One JSON object a line, appended in one write; a later line about the same thing wins, a torn
/// last line is ignored. The file is written anew and renamed into place when it is opened and
/// when most of its lines are outdated. Not thread safe. There is no fsync: after a power cut
/// real guests would be gone too.
class Journal {
 public:
  /// Reads what is there into `state`. kInvalid when the file is no journal, kUnavailable when
  /// it cannot be read or written.
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(std::string path, State& state);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Writes down what was touched since the last call and empties the lists of the touched.
  [[nodiscard]] Result<void> save(State& state);

 private:
  explicit Journal(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] Result<void> rewrite(State& state);
  [[nodiscard]] Result<void> append(const std::string& lines);

  std::string path_;
  int descriptor_ = -1;
  std::size_t lines_ = 0;
};

}  // namespace neph::sim
