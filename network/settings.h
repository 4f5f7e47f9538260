#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace neph::network {

/// What the configuration says about networks.
struct Settings {
  std::uint16_t mac_prefix = 0x0200;  ///< MAC_PREFIX, the two upper bytes of MACs that are made
  /// VN_RESTRICTED_ATTR: "VN_MAD", "AR/BRIDGE" ...
  std::vector<std::string> restricted_attributes;
};

}  // namespace neph::network
