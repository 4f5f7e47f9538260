#include <algorithm>
#include <array>
#include <cctype>

#include "base/numbers.h"
#include "compute/internal/factory.h"

namespace neph::compute {
namespace {

/// Follows from OS/BOOT.
constexpr std::string_view kOrder = "ORDER";
/// Linux takes 15 bytes for the name of an interface.
constexpr std::size_t kInterfaceNameMax = 15;

/// What the server writes into aliases and their parents.
constexpr auto kOfAliases = std::to_array({"PARENT", "PARENT_ID", "ALIAS_ID", "ALIAS_IDS"});

bool is_mac(std::string_view text) {
  constexpr std::size_t kSize = 17;
  if (text.size() != kSize) return false;
  for (std::size_t at = 0; at < kSize; ++at) {
    const bool is_colon = at % 3 == 2;
    const bool is_right = is_colon ? text[at] == ':'
                                   : std::isxdigit(static_cast<unsigned char>(text[at])) != 0;
    if (!is_right) return false;
  }
  return true;
}

bool is_interface_name(std::string_view text) {
  return text.size() <= kInterfaceNameMax &&
         std::all_of(text.begin(), text.end(), [](unsigned char letter) {
           return std::isalnum(letter) != 0 || letter == '-' || letter == '_' || letter == '.';
         });
}

Result<void> check_nic(NicId id, const text::Vector& nic) {
  if (!is_interface_name(nic.get("BRIDGE"))) {
    return fail(Errc::kInvalid, "NIC {}: BRIDGE = \"{}\" is not the name of a bridge", id,
                nic.get("BRIDGE"));
  }
  const std::string model = nic.get("MODEL");
  const bool is_model = std::all_of(model.begin(), model.end(), [](unsigned char letter) {
    return std::isalnum(letter) != 0 || letter == '-';
  });
  if (!is_model) return fail(Errc::kInvalid, "NIC {}: MODEL = \"{}\" is not a name", id, model);
  const auto* mac = nic.find("MAC");
  if (mac != nullptr && !is_mac(*mac)) {
    return fail(Errc::kInvalid, "NIC {}: MAC = \"{}\" is not six bytes such as 02:00:0a:00:00:01",
                id, *mac);
  }
  return {};
}

/// A NIC without a network has an address of its own.
Result<void> read_network(Reading& reading, VmNic& nic) {
  if (!network::wants_network(nic.attributes)) {
    nic.attributes.inherit("MAC", random_mac());
    return {};
  }
  auto ask = TRY(network::read_nic(reading.txn, reading.actor, nic.id, nic.attributes));
  nic.attributes = ask.attributes;
  reading.homes.push_back({fmt::format("virtual network {}", ask.network), ask.clusters});
  reading.fresh.nic_asks.push_back(std::move(ask));
  return {};
}

/// The first number that no alias of the NIC has.
std::int64_t next_alias(const std::vector<VmNic>& nics, const VmNic& parent) {
  std::int64_t next = 0;
  for (const auto& nic : nics) {
    if (!is_parent(parent, nic)) continue;
    const auto number = integer_from(nic.attributes.get("ALIAS_ID"));
    next = std::max(next, number.value_or(0) + 1);
  }
  return next;
}

Result<const VmNic*> find_parent(const NewVm& fresh, const VmNic& alias) {
  const auto* name = alias.attributes.find("PARENT");
  if (name == nullptr) {
    return fail(Errc::kInvalid, "NIC_ALIAS {}: PARENT is missing, the NAME of a NIC", alias.id);
  }
  for (const auto& nic : fresh.nics) {
    if (!is_alias(nic) && nic.attributes.get("NAME") == *name) return &nic;
  }
  return fail(Errc::kInvalid, "NIC_ALIAS {}: PARENT = \"{}\" is not the NAME of a NIC of the VM",
              alias.id, *name);
}

}  // namespace

std::string nic_target(VmId vm, const VmNic& nic) {
  const std::string own = fmt::format("{}", nic.id);
  return fmt::format("one-{}-{}", vm, nic.attributes.get("PARENT_ID", own));
}

Result<void> read_one_alias(Reading& reading, VmNic alias) {
  auto& nics = reading.fresh.nics;
  if (!network::wants_network(alias.attributes)) {
    return fail(Errc::kInvalid, "NIC_ALIAS {}: NETWORK or NETWORK_ID is missing", alias.id);
  }
  CHECK_OK(check_nic(alias.id, alias.attributes));
  alias.attributes.erase(kOrder);
  const VmNic* parent = TRY(find_parent(reading.fresh, alias));
  const std::int64_t number = next_alias(nics, *parent);
  alias.attributes.set("PARENT_ID", fmt::format("{}", parent->id));
  alias.attributes.set("ALIAS_ID", fmt::format("{}", number));
  CHECK_OK(read_network(reading, alias));
  alias.attributes.set("NIC_ID", fmt::format("{}", alias.id));
  alias.attributes.inherit("NAME", fmt::format("NIC{}_ALIAS{}", parent->id, number));
  nics.push_back(std::move(alias));
  return {};
}

Result<void> read_one_nic(Reading& reading, VmNic nic) {
  for (const auto* key : kOfAliases) nic.attributes.erase(key);
  nic.attributes.erase(kOrder);
  CHECK_OK(check_nic(nic.id, nic.attributes));
  CHECK_OK(read_network(reading, nic));
  nic.attributes.set("NIC_ID", fmt::format("{}", nic.id));
  nic.attributes.inherit("NAME", fmt::format("NIC{}", nic.id));
  nic.attributes.inherit("MODEL", "virtio");
  reading.fresh.nics.push_back(std::move(nic));
  return {};
}

Result<void> read_nics(Reading& reading) {
  const auto* defaults = reading.ask.find_vector("NIC_DEFAULT");
  const auto next = [&](const text::Vector& asked) {
    VmNic nic;
    nic.id = NicId{static_cast<std::int64_t>(reading.fresh.nics.size())};
    nic.attributes = asked;
    if (defaults != nullptr) {
      for (const auto& [key, value] : defaults->items()) nic.attributes.inherit(key, value);
    }
    return nic;
  };
  for (const auto* asked : reading.ask.vectors("NIC")) {
    CHECK_OK(read_one_nic(reading, next(*asked)));
  }
  for (const auto* asked : reading.ask.vectors("NIC_ALIAS")) {
    CHECK_OK(read_one_alias(reading, next(*asked)));
  }
  return {};
}

}  // namespace neph::compute
