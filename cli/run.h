#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/desk.h"

namespace neph::cli {

/// The whole program: reads the command line, finds server and credentials, does what was asked.
/// \param program  argv[0]; onevm, oneimage ... stand for `neph vm`, `neph image` ...
/// \param arguments  argv without argv[0]
[[nodiscard]] ExitCode run(std::string_view program, const std::vector<std::string>& arguments,
                           Surroundings& around);

}  // namespace neph::cli
