#include "network/network.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/words.h"

namespace neph::network {
namespace {

constexpr auto kTypes = std::to_array<std::pair<RangeType, std::string_view>>({
    {RangeType::kEther, "ETHER"},
    {RangeType::kIp4, "IP4"},
    {RangeType::kIp6, "IP6"},
    {RangeType::kIp4And6, "IP4_6"},
    {RangeType::kIp6Static, "IP6_STATIC"},
    {RangeType::kIp4And6Static, "IP4_6_STATIC"},
});

/// Where a number that counts up from `first` is among `size` of them.
std::optional<std::int64_t> place_of(std::uint64_t first, std::uint64_t wanted,
                                     std::int64_t size) {
  if (wanted < first || wanted - first >= static_cast<std::uint64_t>(size)) return std::nullopt;
  return static_cast<std::int64_t>(wanted - first);
}

}  // namespace

std::string_view name_of(RangeType type) {
  const auto* found = std::ranges::find(kTypes, type, &decltype(kTypes)::value_type::first);
  return found == kTypes.end() ? std::string_view{} : found->second;
}

std::optional<RangeType> range_type_from(std::string_view name) {
  const auto* found = std::ranges::find(kTypes, upper(name), &decltype(kTypes)::value_type::second);
  if (found == kTypes.end()) return std::nullopt;
  return found->first;
}

Address AddressRange::at(std::int64_t position) const {
  const auto offset = static_cast<std::uint64_t>(position);
  Address address;
  address.mac = mac.plus(offset);
  if (ip) address.ip = ip->plus(offset);
  if (ip6) address.ip6 = ip6->plus(offset);
  if (global_prefix) address.ip6_global = Ip6::of(global_prefix->high, address.mac);
  if (ula_prefix) address.ip6_ula = Ip6::of(ula_prefix->high, address.mac);
  if (type != RangeType::kEther && type != RangeType::kIp4)
    address.ip6_link = Ip6::of(kLinkLocalPrefix, address.mac);
  return address;
}

std::optional<std::int64_t> AddressRange::find(Mac wanted) const {
  return place_of(mac.bits, wanted.bits, size);
}

std::optional<std::int64_t> AddressRange::find(Ip4 wanted) const {
  if (!ip) return std::nullopt;
  return place_of(ip->bits, wanted.bits, size);
}

std::optional<std::int64_t> AddressRange::find(Ip6 wanted) const {
  if (ip6 && wanted.high == ip6->high) return place_of(ip6->low, wanted.low, size);
  for (const auto& prefix : {global_prefix, ula_prefix}) {
    if (!prefix || prefix->high != wanted.high) continue;
    const auto place = place_of(mac.bits, Ip6::mac_in(wanted).bits, size);
    if (place && Ip6::of(prefix->high, mac.plus(static_cast<std::uint64_t>(*place))) == wanted)
      return place;
  }
  return std::nullopt;
}

text::Template shown_template(const Network& network) {
  text::Template whole = network.attributes;
  whole.set("VN_MAD", network.vn_mad);
  whole.set("BRIDGE", network.bridge);
  whole.set("BRIDGE_TYPE", network.bridge_type);
  whole.set("PHYDEV", network.phydev);
  whole.set("VLAN_ID", network.vlan_id);
  whole.set("OUTER_VLAN_ID", network.outer_vlan_id);
  return whole;
}

access::Subject subject_of(const Network& network) {
  return {.kind = access::Resource::kNet,
          .id = network.id.value,
          .name = network.name,
          .owner = network.owner,
          .group = network.group,
          .permissions = network.permissions,
          .clusters = network.clusters};
}

}  // namespace neph::network
