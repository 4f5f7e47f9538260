#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/hypervisor/libvirt/internal/handles.h"

/// What a running domain's own description tells: libvirt keeps it up to date.
namespace neph::hypervisor_driver::virt {

struct LiveLayer {
  std::string path;
  std::string index;  ///< libvirt's number of the layer, for "vda[2]"; may be empty
};

struct LiveDisk {
  std::string target;
  std::vector<LiveLayer> layers;  ///< top first
  std::string job;                ///< type of the block job that mirrors it, empty for none

  /// Position of a layer, or -1.
  [[nodiscard]] int find(const std::string& path) const;
};

struct LiveDomain {
  std::vector<LiveDisk> disks;
  std::vector<std::string> macs;  ///< of the NICs, lower case
  std::string machine;            ///< "pc-i440fx-7.2"
  int vnc_port = -1;  ///< VNC or SPICE, -1 for none (yet)
  bool is_agent_open = false;  ///< a program in the guest holds the agent's channel open

  [[nodiscard]] const LiveDisk* find(const std::string& target) const;
  [[nodiscard]] bool has_nic(const std::string& mac) const;
};

[[nodiscard]] Result<LiveDomain> read_live(virDomainPtr domain);
/// The device of that description with that target or MAC address, as XML; empty for none.
[[nodiscard]] Result<std::string> disk_xml_of(virDomainPtr domain, const std::string& target);
[[nodiscard]] Result<std::string> nic_xml_of(virDomainPtr domain, const std::string& mac);
/// The same from text, for tests.
[[nodiscard]] Result<LiveDomain> parse_live(const std::string& text);

}  // namespace neph::hypervisor_driver::virt
