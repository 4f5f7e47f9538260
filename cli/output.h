#pragma once

#include <functional>
#include <string>

#include "cli/desk.h"
#include "cli/objects.h"

/// What `list` and `show` print, in the form that was asked for.
namespace neph::cli {

/// Prints a pool as the server sent it (`xml`). A snapshot set is a pool as well.
/// \returns kInvalid for a column that does not exist
[[nodiscard]] Result<ExitCode> print_list(Desk& desk, const ObjectRow& row,
                                          const std::string& xml);

/// Prints one object as the server sent it (`xml`).
[[nodiscard]] Result<ExitCode> print_object(Desk& desk, const ObjectRow& row,
                                            const std::string& xml);

/// "ID: 5", what every command that makes an object answers.
void print_id(Desk& desk, std::int64_t id);

/// The free attributes of an object in template syntax, one a line.
[[nodiscard]] std::string template_text(const Element& attributes);

}  // namespace neph::cli
