#include <array>

#include "compute/internal/factory.h"

namespace neph::compute {
namespace {

/// ETHn_<first> comes from the first of these keys that the NIC or its network has.
struct ContextKey {
  std::string_view suffix;
  std::array<std::string_view, 2> keys;
};
constexpr auto kContextKeys = std::to_array<ContextKey>({
    {"MAC", {"MAC"}},
    {"IP", {"IP"}},
    {"MASK", {"NETWORK_MASK"}},
    {"NETWORK", {"NETWORK_ADDRESS"}},
    {"GATEWAY", {"GATEWAY"}},
    {"DNS", {"DNS"}},
    {"SEARCH_DOMAIN", {"SEARCH_DOMAIN"}},
    {"MTU", {"GUEST_MTU"}},
    {"METRIC", {"METRIC"}},
    {"METHOD", {"METHOD"}},
    {"VLAN_ID", {"VLAN_ID"}},
    {"EXTERNAL", {"EXTERNAL"}},
    {"ROUTES", {"ROUTES"}},
    {"IP6", {"IP6_GLOBAL", "IP6"}},
    {"IP6_ULA", {"IP6_ULA"}},
    {"IP6_GATEWAY", {"GATEWAY6"}},
    {"IP6_METRIC", {"IP6_METRIC"}},
    {"IP6_METHOD", {"IP6_METHOD"}},
    {"IP6_PREFIX_LENGTH", {"PREFIX_LENGTH"}},
});

const std::string* find_first(const text::Vector& nic, const ContextKey& wanted) {
  for (const auto key : wanted.keys) {
    const auto* value = key.empty() ? nullptr : nic.find(key);
    if (value != nullptr && !value->empty()) return value;
  }
  return nullptr;
}

/// "ETH2", or "ETH2_ALIAS0" of an alias.
std::string prefix_of(const VmNic& nic) {
  if (!is_alias(nic)) return fmt::format("ETH{}", nic.id);
  return fmt::format("ETH{}_ALIAS{}", nic.attributes.get("PARENT_ID"),
                     nic.attributes.get("ALIAS_ID"));
}

}  // namespace

void add_network_context(text::Vector& context, const std::vector<VmNic>& nics) {
  for (const auto& nic : nics) {
    for (const auto& wanted : kContextKeys) {
      const auto* value = find_first(nic.attributes, wanted);
      if (value != nullptr)
        context.inherit(fmt::format("{}_{}", prefix_of(nic), wanted.suffix), *value);
    }
  }
}

void complete_network_context(db::Txn& txn, Vm& vm) {
  const auto* written = vm.attributes.find_vector("CONTEXT");
  if (written == nullptr || !written->is_yes("NETWORK")) return;
  text::Vector context = *written;
  add_network_context(context, with_networks(txn, list_nics(txn, vm.id)));
  vm.attributes.set("CONTEXT", std::move(context));
}

void forget_in_context(Vm& vm, const VmNic& nic) {
  const auto* written = vm.attributes.find_vector("CONTEXT");
  if (written == nullptr) return;
  text::Vector context;
  for (const auto& [key, value] : written->items()) {
    if (!key.starts_with(prefix_of(nic) + "_")) context.set(key, value);
  }
  vm.attributes.set("CONTEXT", std::move(context));
}

std::vector<VmNic> with_networks(db::Txn& txn, std::vector<VmNic> nics) {
  for (auto& nic : nics) nic.attributes = network::with_network(txn, nic.attributes);
  return nics;
}

}  // namespace neph::compute
