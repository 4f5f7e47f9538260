#pragma once

#include <string>

/// Tells the service manager how far nephd is (sd_notify). Without a service manager these do
/// nothing; a notice that cannot be sent is logged, for it must not end a daemon that works.
/// Any thread may call them.
namespace neph::daemon {

/// The API answers, hosts are connected or being retried.
void notify_ready();

/// A stop has been asked for; running steps are being drained.
void notify_stopping();


}  // namespace neph::daemon
