#pragma once

#include <functional>

namespace neph::daemon {

/// Runs `daemon` in a child process, under a parent that does nothing but reap and pass on signals.
///
/// The embedded QEMU driver leaves orphans behind (its capability probe, a guest that ended) and
/// asks the kernel whether they are gone. Where process 1 does not reap, as in most containers, it
/// would wait half a minute for a zombie. The parent is the subreaper of everything below it, so
/// orphans come to it and go at once.
///
/// The parent passes SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 on. The child is in a process
/// group of its own, so that a signal to the group of the parent (Ctrl-C) reaches it once, not
/// twice. When the parent dies the child is killed with it; guests are not, they only get another
/// parent. Under systemd (NOTIFY_SOCKET is set), which reaps and must see the daemon as the main
/// process, `daemon` runs in the calling process.
///
/// Call it once, from main, before any thread exists.
/// \returns what `daemon` returned, or 128 + n when signal n ended it, or 1 when it could not start
int run_under_launcher(const std::function<int()>& daemon);

}  // namespace neph::daemon
