#pragma once

#include <functional>
#include <string>

#include "cli/desk.h"
#include "cli/progress_text.h"

namespace neph::cli {

struct WaitAsk {
  std::string subject;    ///< "snapshot 7"
  std::string look_later; ///< command that shows the operation when nobody waits any more
  Duration time_limit{0}; ///< 0: as long as it takes
  std::function<Result<Report>()> look;
};

/// Looks again and again until the operation ended, and draws how far it is: a bar on a terminal,
/// else a line per phase and per tenth. A server that cannot be reached is forgiven for 30
/// seconds, since operations survive its restart.
/// \returns kOk, kWaitedFailed (ended badly, or past the time limit) or kInterrupted; the errors
///   of `look`
[[nodiscard]] Result<ExitCode> wait_until_done(Surroundings& around, const WaitAsk& ask);

}  // namespace neph::cli
