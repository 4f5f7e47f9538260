#pragma once

#include "cli/desk.h"

namespace neph::cli {

struct DemoAsk {
  std::string image = "demo";
  bool is_clean = false;  ///< delete the two new images at the end as well
  bool is_kept = false;   ///< leave VMs where they are when a step is not as it says
};

/// Plays the story of Nephograph against a running daemon and prints what each step proves: a
/// guest writes a marker, its disk becomes two images, hot and deferred, and guests that boot
/// from these show the marker.
/// \returns kOk; kWaitedFailed when a step is not as it says
[[nodiscard]] Result<ExitCode> play_demo(Desk& desk, const DemoAsk& ask);

/// Marker in the last "NEPH READY marker=..." line of a demo guest's serial log, empty when the
/// guest has none.
/// \returns kNotFound while there is no such line
[[nodiscard]] Result<std::string> ready_marker(std::string_view serial_log);

}  // namespace neph::cli
