#pragma once

#include "network/network.h"

/// What users write about a network: VN_MAD, BRIDGE, PHYDEV, VLAN_ID ... and free attributes.
namespace neph::network {

/// Puts what is written where it belongs; what is not written of VN_MAD, BRIDGE, BRIDGE_TYPE,
/// PHYDEV, VLAN_ID and OUTER_VLAN_ID stays as it is. `network.attributes` become the rest.
/// \returns kInvalid naming attribute and value, kNotFound for an unknown security group
[[nodiscard]] Result<void> apply_written(db::Txn& txn, const text::Template& written,
                                         Network& network);
/// VLAN_ID where AUTOMATIC_VLAN_ID asks for one, the BRIDGE of a network that names none.
/// \returns kExhausted when no VLAN is free
[[nodiscard]] Result<void> complete(db::Txn& txn, Network& network);

}  // namespace neph::network
