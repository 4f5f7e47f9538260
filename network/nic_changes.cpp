#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "base/numbers.h"
#include "network/internal/inherited.h"
#include "network/internal/lease_rows.h"
#include "network/internal/security_group_list.h"
#include "network/leases.h"

/// NICs that have a lease and are changed where they are.
namespace neph::network {
namespace {

/// What a NIC is, as long as it is there.
constexpr auto kKept = std::to_array<std::string_view>(
    {"NIC_ID", "NAME", "TARGET", "MODEL", "NETWORK", "NETWORK_ID", "NETWORK_UID", "NETWORK_UNAME",
     "PARENT_NETWORK_ID", "AR_ID", "MAC", "IP", "IP6", "IP6_GLOBAL", "IP6_ULA", "IP6_LINK",
     "BRIDGE", "BRIDGE_TYPE", "VN_MAD", "PHYDEV", "VLAN_ID", "OUTER_VLAN_ID", "CLUSTER_ID",
     "SECURITY_GROUPS", "ALIAS_IDS", "PARENT", "PARENT_ID", "ALIAS_ID", "ORDER"});

bool is_kept(std::string_view key) { return std::ranges::find(kKept, key) != kKept.end(); }

Result<std::vector<SecurityGroupId>> groups_in(NicId id, const text::Vector& nic) {
  if (wants_network(nic)) return parse_security_groups(nic.get("SECURITY_GROUPS"));
  return fail(Errc::kWrongState,
              "NIC {} is not one of a virtual network, so it has no security groups", id);
}

void put_groups(const std::vector<SecurityGroupId>& groups, text::Vector& nic) {
  nic.set("SECURITY_GROUPS", fmt::format("{}", fmt::join(groups, ",")));
}

}  // namespace

Result<text::Vector> join_group(db::Txn& txn, VmId vm, NicId id, text::Vector nic,
                                SecurityGroupId group) {
  auto groups = TRY(groups_in(id, nic));
  TRY(find_security_group(txn, group));
  const auto at = std::ranges::lower_bound(groups, group);
  if (at != groups.end() && *at == group) {
    return fail(Errc::kWrongState, "NIC {} of virtual machine [{}] is in security group {} already",
                id, vm, group);
  }
  groups.insert(at, group);
  join_security_group(txn, group, vm, id);
  put_groups(groups, nic);
  return nic;
}

Result<text::Vector> leave_group(db::Txn& txn, VmId vm, NicId id, text::Vector nic,
                                 SecurityGroupId group) {
  auto groups = TRY(groups_in(id, nic));
  if (std::erase(groups, group) == 0) {
    return fail(Errc::kWrongState, "NIC {} of virtual machine [{}] is not in security group {}", id,
                vm, group);
  }
  leave_security_group(txn, group, vm, id);
  put_groups(groups, nic);
  return nic;
}

Result<text::Vector> change_nic(db::Txn& txn, const text::Vector& before,
                                const text::Vector& written, NicChange how) {
  text::Vector nic;
  for (const auto& [key, value] : before.items()) {
    if (how == NicChange::kMerge || is_kept(key)) nic.set(key, value);
  }
  for (const auto& [key, value] : written.items()) {
    if (!is_kept(key)) nic.set(key, value);
    else if (before.get(key) != value) {
      return fail(Errc::kWrongState,
                  "NIC {}: {} stays \"{}\" while it is there: detach it and attach another",
                  before.get("NIC_ID"), key, before.get(key));
    }
  }
  const auto network = integer_from(before.get("NETWORK_ID"));
  if (!network) return nic;
  if (const auto number = integer_from(before.get("AR_ID"))) {
    const auto range = find_range(txn, NetworkId{*network}, AddressRangeId{*number});
    if (range) inherit(nic, range->attributes);
  }
  inherit(nic, TRY(find_network(txn, NetworkId{*network})).attributes);
  return nic;
}

}  // namespace neph::network
