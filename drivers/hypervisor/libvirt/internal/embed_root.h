#pragma once

#include <string>

#include "base/result.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"

namespace neph::hypervisor_driver::virt {

/// Makes the directory of an embedded host ready before the first open: libvirt reads
/// ROOT/etc/qemu.conf once, and with its defaults the first start of a guest hangs while it looks
/// for virtlogd. A qemu.conf that somebody else wrote is left alone.
/// \returns kInvalid when `root` is too long for the UNIX sockets below it, or cannot be written
[[nodiscard]] Result<void> ensure_embed_root(const std::string& root);

/// A reference to the process's one connection to the embedded QEMU driver, which stays open, with
/// a share in the event loop, until the process ends: libvirt registers the driver once more at
/// every open and has room for a dozen registrations only. Calls within a process need no second
/// connection: nothing queues. First it mends what a libvirt that was killed left there.
/// \returns kInvalid for a second directory in the same process
[[nodiscard]] Result<Connect> open_embedded(const std::string& uri, const std::string& root);

}  // namespace neph::hypervisor_driver::virt
