#include "daemon/notify.h"

#include <cstring>

#include <systemd/sd-daemon.h>

#include "base/log.h"

namespace neph::daemon {
namespace {

// The environment is left as it is: the launcher looks at NOTIFY_SOCKET too.
constexpr int kKeepEnvironment = 0;

void notify(const std::string& state) {
  const int sent = sd_notify(kKeepEnvironment, state.c_str());
  if (sent < 0) log::warn("notify.failed", {{"state", state}, {"cause", std::strerror(-sent)}});
}

}  // namespace

void notify_ready() { notify("READY=1"); }
void notify_stopping() { notify("STOPPING=1"); }

}  // namespace neph::daemon
