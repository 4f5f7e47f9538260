#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/desk.h"
#include "cli/objects.h"

/// How objects are named on the command line: 5, web, 1..5, 1,2,web.
namespace neph::cli {

/// Splits at commas and expands ranges; other parts are names and stay as they are.
/// \returns kInvalid for an empty part, a range that runs backwards or one of more than 10000
[[nodiscard]] Result<std::vector<std::string>> split_targets(std::string_view text);

/// A number in decimal digits alone; kInvalid otherwise.
[[nodiscard]] Result<std::int64_t> parse_number(std::string_view text);

/// The id of one object. Digits are an id, anything else is looked up as a name.
/// \returns kNotFound when no object, kConflict when several objects have that name
[[nodiscard]] Result<std::int64_t> resolve(RpcClient& rpc, Kind kind, const std::string& target);

/// As resolve(), `absent` for an empty text: optional arguments.
[[nodiscard]] Result<std::int64_t> resolve_or(RpcClient& rpc, Kind kind,
                                              const std::string& target, std::int64_t absent);

/// Does `action` for each object that `targets` name. A refusal is printed and the next one is
/// tried; a server that cannot be reached ends it.
/// \returns the first exit code that is not kOk
[[nodiscard]] Result<ExitCode> for_each_target(
    Desk& desk, Kind kind, const std::vector<std::string>& targets,
    const std::function<Result<ExitCode>(std::int64_t id)>& action);

}  // namespace neph::cli
