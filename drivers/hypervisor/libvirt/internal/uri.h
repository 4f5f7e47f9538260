#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace neph::hypervisor_driver::virt {

/// What a libvirt URI says about how a host is reached.
struct HostUri {
  enum class Kind {
    kEmbedded,  ///< QEMU driver inside this process
    kPretend,   ///< test:///
    kRemote,    ///< a libvirtd, by socket or by network
  };
  Kind kind = Kind::kRemote;
  std::string text;        ///< what libvirt is given
  std::string embed_root;  ///< kEmbedded
  std::string tcp_host;    ///< set when the transport is TCP or TLS
  std::string tcp_port;
};

/// \param embed_root  where qemu:///embed without a root of its own lives
/// \returns kInvalid for a URI that is none, or an embedded host without a directory
[[nodiscard]] Result<HostUri> parse_uri(const std::string& text, const std::string& embed_root);

/// Makes and drops a TCP connection: libvirt's own cannot be given a time-out.
/// \returns kUnavailable when nobody listens or nobody answers within `limit`
[[nodiscard]] Result<void> probe_tcp(const std::string& host, const std::string& port,
                                     Duration limit);

}  // namespace neph::hypervisor_driver::virt
