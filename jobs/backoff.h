#pragma once

#include "base/clock.h"

namespace neph::jobs {

/// How long to wait before another attempt: `first` after attempt 0, then twice as long each time,
/// never longer than `longest`. The one back-off of all jobs.
[[nodiscard]] Duration pause_after(int attempt, Duration first = Duration{1'000},
                                   Duration longest = Duration{30'000});

}  // namespace neph::jobs
