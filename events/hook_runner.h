#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/progress.h"
#include "base/result.h"

namespace neph::events {

struct HookCommand {
  std::filesystem::path program;
  std::vector<std::string> arguments;  ///< without the program; no shell reads them
  std::string input;                   ///< what it reads on standard input
};

struct HookLimits {
  Duration time{60'000};
  std::size_t output_max = 8192;  ///< bytes kept of each stream: the first ones
};

struct HookOutcome {
  int code = 0;        ///< exit code; 128 + n when signal n ended it, 255 when we did
  std::string output;
  std::string errors;  ///< with a last line of ours when the time was over
};

/// Runs a program to its end, or to the end of its time: then it is killed with all it started
/// (its process group). It inherits no descriptor but its three streams. Blocks: driver lane, any
/// thread. After a kill -9 of the daemon it goes on by itself.
/// \returns kUnavailable when it cannot be started, kConflict when `progress` was cancelled
[[nodiscard]] Result<HookOutcome> run_hook(const HookCommand& command, const HookLimits& limits,
                                           Clock& clock, Progress& progress);

/// The program that a hook names, where hooks may lie: a path relative to the directory, or an
/// absolute one within it. Links are followed first. \returns kInvalid for one outside of it, or
/// that is no program
[[nodiscard]] Result<std::filesystem::path> program_in(const std::filesystem::path& directory,
                                                       const std::string& command);

}  // namespace neph::events
