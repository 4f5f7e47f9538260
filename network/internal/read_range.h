#pragma once

#include <string_view>

#include "network/network.h"

/// Address ranges as users write them: AR = [ TYPE = "IP4", IP = "10.0.0.10", SIZE = "50" ].
namespace neph::network {

/// MACs are the one that is given, else the prefix with the IPv4 address below it, else the prefix
/// with something random.
/// \returns kInvalid naming attribute and value
[[nodiscard]] Result<AddressRange> read_range(const text::Vector& written,
                                              std::uint16_t mac_prefix);
/// Whether SIZE is a number, yet none that a range can have: "-1".
[[nodiscard]] bool has_impossible_size(const text::Vector& written);
/// SIZE, prefixes and further attributes, as they are written; the addresses stay.
/// \returns kInvalid for a SIZE that is none, or with another TYPE, IP or MAC
[[nodiscard]] Result<AddressRange> changed_range(const AddressRange& old,
                                                 const text::Vector& written);
/// \returns kConflict when two ranges of a network have an address in common
[[nodiscard]] Result<void> check_overlap(const AddressRange& fresh,
                                         const std::vector<AddressRange>& others);

}  // namespace neph::network
