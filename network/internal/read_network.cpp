#include "network/internal/read_network.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "access/directory.h"
#include "base/numbers.h"
#include "network/internal/network_rows.h"
#include "network/internal/read_range.h"
#include "network/internal/security_group_list.h"
#include "network/security_group.h"

namespace neph::network {
namespace {

struct Driver {
  std::string_view name;
  std::string_view bridge_type;
  bool has_vlans = false;
  std::int64_t vlan_max = 0;
};
constexpr std::int64_t kVlanMax = 4094;
constexpr std::int64_t kVxlanMax = 0xFF'FFFF;
constexpr std::int64_t kVlanFirst = 2;
/// VN_MAD_CONF as OpenNebula ships it.
constexpr auto kDrivers = std::to_array<Driver>({
    {"dummy", "linux", false, 0},
    {"bridge", "linux", false, 0},
    {"fw", "linux", false, 0},
    {"802.1Q", "linux", true, kVlanMax},
    {"vxlan", "linux", true, kVxlanMax},
    {"ovswitch", "openvswitch", true, kVlanMax},
    {"ovswitch_vxlan", "openvswitch", true, kVxlanMax},
    {"elastic", "linux", false, 0},
    {"nodeport", "linux", false, 0},
});

/// What a network's document shows beside its attributes, or the server alone writes.
constexpr auto kServerAttributes = std::to_array<std::string_view>(
    {"NAME", "AR", "VN_MAD", "BRIDGE", "BRIDGE_TYPE", "PHYDEV", "VLAN_ID", "OUTER_VLAN_ID",
     "AUTOMATIC_VLAN_ID", "AUTOMATIC_OUTER_VLAN_ID", "ERROR"});

Result<const Driver*> driver_from(std::string_view name) {
  const auto* found = std::ranges::find(kDrivers, name, &Driver::name);
  if (found != kDrivers.end()) return found;
  if (name.empty()) return fail(Errc::kInvalid, "No VN_MAD in template");
  return fail(Errc::kInvalid,
              "VN_MAD = \"{}\" is none of dummy, bridge, fw, 802.1Q, vxlan, ovswitch, "
              "ovswitch_vxlan, elastic and nodeport",
              name);
}

/// Linux takes 15 bytes for the name of an interface.
Result<void> check_interface(std::string_view key, std::string_view name) {
  constexpr std::size_t kSizeMax = 15;
  const bool is_name = name.size() <= kSizeMax && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (is_name) return {};
  return fail(Errc::kInvalid, "{} = \"{}\" is not the name of an interface", key, name);
}

Result<void> check_vlan(std::string_view key, const std::string& vlan) {
  const auto number = natural_from(vlan);
  if (vlan.empty() || (number && *number <= kVxlanMax)) return {};
  return fail(Errc::kInvalid, "{} = \"{}\" is not a number from 0 to {}", key, vlan, kVxlanMax);
}

Result<void> check_security_groups(db::Txn& txn, const text::Template& attributes) {
  for (const auto id : TRY(parse_security_groups(attributes.get("SECURITY_GROUPS"))))
    CHECK_OK(find_security_group(txn, id));
  return {};
}

/// The lowest that no network of the driver has, inside or outside, and this one has not either.
Result<std::string> free_vlan(db::Txn& txn, const Driver& driver,
                              std::optional<std::int64_t> own) {
  if (!driver.has_vlans) {
    return fail(Errc::kInvalid, "AUTOMATIC_VLAN_ID: networks of VN_MAD {} have no VLANs",
                driver.name);
  }
  const auto taken = list_vlans(txn, driver.name);
  std::int64_t free = kVlanFirst;
  while (free == own || std::ranges::binary_search(taken, free)) ++free;
  if (free <= driver.vlan_max) return fmt::format("{}", free);
  return fail(Errc::kExhausted, "no VLAN of driver {} is free", driver.name);
}

}  // namespace

Result<void> apply_written(db::Txn& txn, const text::Template& written, Network& network) {
  if (written.has("CLUSTER_IDS")) {
    return fail(Errc::kInvalid, "CLUSTER_IDS is not provided: put the network into its clusters "
                "with one.cluster.addvnet");
  }
  const auto take = [&](std::string_view key, std::string& column) {
    if (const auto* value = written.find(key)) column = *value;
  };
  const std::string old_driver = network.vn_mad;
  if (!written.get("VN_MAD").empty()) network.vn_mad = written.get("VN_MAD");
  const auto* driver = TRY(driver_from(network.vn_mad));
  if (network.vn_mad != old_driver) network.bridge_type = driver->bridge_type;
  if (!written.get("BRIDGE").empty()) network.bridge = written.get("BRIDGE");
  if (!written.get("BRIDGE_TYPE").empty()) network.bridge_type = written.get("BRIDGE_TYPE");
  take("PHYDEV", network.phydev);
  take("VLAN_ID", network.vlan_id);
  take("OUTER_VLAN_ID", network.outer_vlan_id);
  CHECK_OK(check_interface("BRIDGE", network.bridge));
  CHECK_OK(check_interface("PHYDEV", network.phydev));
  CHECK_OK(check_vlan("VLAN_ID", network.vlan_id));
  CHECK_OK(check_vlan("OUTER_VLAN_ID", network.outer_vlan_id));
  CHECK_OK(check_security_groups(txn, written));
  network.is_vlan_automatic |= written.is_yes("AUTOMATIC_VLAN_ID") && network.vlan_id.empty();
  network.is_outer_vlan_automatic |=
      written.is_yes("AUTOMATIC_OUTER_VLAN_ID") && network.outer_vlan_id.empty();
  text::Template attributes = written;
  for (const auto name : kServerAttributes) attributes.erase(name);
  network.attributes = std::move(attributes);
  return {};
}

Result<void> complete(db::Txn& txn, Network& network) {
  const auto* driver = TRY(driver_from(network.vn_mad));
  if (network.is_vlan_automatic && network.vlan_id.empty())
    network.vlan_id = TRY(free_vlan(txn, *driver, {}));
  if (network.is_outer_vlan_automatic && network.outer_vlan_id.empty())
    network.outer_vlan_id = TRY(free_vlan(txn, *driver, natural_from(network.vlan_id)));
  if (!network.bridge.empty()) return {};
  network.bridge = network.vlan_id.empty() ? fmt::format("onebr{}", network.id)
                                           : fmt::format("onebr.{}", network.vlan_id);
  return {};
}

}  // namespace neph::network
