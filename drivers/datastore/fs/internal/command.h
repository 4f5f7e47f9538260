#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/progress.h"
#include "base/result.h"

/// The only place of the fs driver that starts processes.
namespace neph::datastore_driver::fs {

struct Command {
  std::vector<std::string> arguments;  ///< the program first, looked up in PATH; no shell
  std::string target;  ///< file whose growth proves that the program is alive; may be empty
};

/// How long a program may show no sign of life, and by which clock.
struct Patience {
  Clock& clock;
  Duration stall_limit;
};

using OutputListener = std::function<void(std::string_view)>;

/// Runs a program to its end and answers its standard output (the first MiB of it).
///
/// The program reads /dev/null, inherits no descriptor but its pipes, and speaks English.
/// It is killed, with its children, when `progress` is cancelled (kConflict) and when it shows no
/// sign of life for the stall limit (kStalled): no output, no growth of the target, no bytes read
/// or written. The kernel kills it when the calling thread ends, so that after a kill -9 of the
/// daemon nothing goes on writing into a file that the next daemon begins again.
/// A failure carries exit code and the end of standard error as its cause; the code is kExhausted,
/// kNotFound, kUnavailable or kInvalid where the words tell, else kInternal. Blocks; any thread.
[[nodiscard]] Result<std::string> run_command(const Command& command, const Patience& patience,
                                              Progress& progress,
                                              const OutputListener& listener = {});

/// Absolute path of a program, looked up in PATH; kUnavailable when it is not installed.
[[nodiscard]] Result<std::string> find_program(const std::string& name);

}  // namespace neph::datastore_driver::fs
