#include <algorithm>
#include <cctype>

#include "compute/internal/factory.h"

namespace neph::compute {
namespace {

/// Linux takes 15 bytes for the name of an interface.
constexpr std::size_t kInterfaceNameMax = 15;

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

}  // namespace

Result<void> read_one_nic(Reading& reading, VmNic nic) {
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
  for (const auto* asked : reading.ask.vectors("NIC")) {
    VmNic nic;
    nic.id = NicId{static_cast<std::int64_t>(reading.fresh.nics.size())};
    nic.attributes = *asked;
    if (defaults != nullptr) {
      for (const auto& [key, value] : defaults->items()) nic.attributes.inherit(key, value);
    }
    CHECK_OK(read_one_nic(reading, std::move(nic)));
  }
  return {};
}

}  // namespace neph::compute
