#pragma once

#include "text/template.h"

namespace neph::network {

/// What NICs inherit of a network or an address range: INHERIT_VNET_ATTR as OpenNebula ships it.
/// What the NIC has already stays.
void inherit(text::Vector& nic, const text::Template& source);

}  // namespace neph::network
