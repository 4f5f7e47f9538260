#include "base/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <thread>

namespace neph {

std::string to_text(Instant at) {
  const std::time_t seconds = at.ms / 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), at.ms % 1000);
}

Instant SystemClock::now() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<Duration>(since_epoch).count()};
}

Duration SystemClock::monotonic() const {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

void SystemClock::sleep_for(Duration length) { std::this_thread::sleep_for(length); }

}  // namespace neph
