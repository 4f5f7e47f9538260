#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "daemon/config.h"

/// The command line of nephd.
namespace neph::daemon {

struct Options {
  enum class Mode { kServe, kCheckConfig, kRestore };

  Mode mode = Mode::kServe;
  std::filesystem::path config_file;  ///< empty: the defaults
  std::filesystem::path demo_image;   ///< empty: no image and template "demo" are made
  std::filesystem::path backup;       ///< of Mode::kRestore
  text::Template overrides;           ///< --set, --state and --listen as keys
};

/// What is to be printed instead of starting: help, the version, or why the line is wrong.
struct OptionsAnswer {
  std::string text;
  int exit_code = 0;
};

/// \param arguments  without the program's name
[[nodiscard]] tl::expected<Options, OptionsAnswer> parse_options(
    std::vector<std::string> arguments);

/// The configuration that the options ask for.
[[nodiscard]] Result<LoadedConfig> config_of(const Options& options);

}  // namespace neph::daemon
