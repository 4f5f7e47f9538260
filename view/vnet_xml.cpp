#include <algorithm>

#include "view/internal/blocks.h"
#include "view/internal/documents.h"

namespace neph::view {
namespace {

using network::Address;
using network::AddressRange;
using network::Lease;
using network::LeaseKind;
using network::Network;

constexpr std::string_view kReady = "1";
constexpr std::string_view kError = "5";

void write_id(text::XmlWriter& xml, std::string_view tag, NetworkId id) {
  if (id.is_set()) xml.element(tag, id.value);
  else xml.empty(tag);
}

/// VMs with addresses of the network, by whether their NICs are as the network is now.
void write_vms(text::XmlWriter& xml, const std::vector<Lease>& leases) {
  std::vector<std::int64_t> updated;
  std::vector<std::int64_t> outdated;
  for (const auto& lease : leases) {
    if (lease.kind != LeaseKind::kVm) continue;
    (lease.is_outdated ? outdated : updated).push_back(lease.vm.value);
  }
  for (auto* vms : {&updated, &outdated}) {
    std::ranges::sort(*vms);
    vms->erase(std::unique(vms->begin(), vms->end()), vms->end());
  }
  std::erase_if(updated, [&](std::int64_t vm) {
    return std::ranges::binary_search(outdated, vm);
  });
  xml.ids("UPDATED_VMS", updated);
  xml.ids("OUTDATED_VMS", outdated);
  xml.ids("UPDATING_VMS", {});
  xml.ids("ERROR_VMS", {});
}

void write_head(text::XmlWriter& xml, const NetworkFacts& facts) {
  const Network& network = facts.network;
  xml.element("ID", network.id.value);
  write_owner(xml, {network.owner, network.group, facts.names, network.name});
  write_lock(xml, facts.lock);
  write_permissions(xml, network.permissions);
  xml.ids("CLUSTERS", numbers_of(network.clusters));
  xml.cdata("BRIDGE", network.bridge);
  xml.cdata("BRIDGE_TYPE", network.bridge_type);
  const std::string_view state = network.error.empty() ? kReady : kError;
  xml.cdata("STATE", state);
  xml.cdata("PREV_STATE", state);
  write_id(xml, "PARENT_NETWORK_ID", network.parent);
  xml.empty("TEMPLATE_ID");
  xml.cdata("VN_MAD", network.vn_mad);
  xml.cdata("PHYDEV", network.phydev);
  xml.cdata("VLAN_ID", network.vlan_id);
  xml.cdata("OUTER_VLAN_ID", network.outer_vlan_id);
  xml.element("VLAN_ID_AUTOMATIC", std::int64_t{network.is_vlan_automatic});
  xml.element("OUTER_VLAN_ID_AUTOMATIC", std::int64_t{network.is_outer_vlan_automatic});
  xml.element("USED_LEASES", static_cast<std::int64_t>(facts.leases.size()));
  xml.empty("VROUTERS");
  write_vms(xml, facts.leases);
  text::Template shown = network::shown_template(network);
  if (!network.error.empty()) shown.set("ERROR", network.error);
  xml.attributes("TEMPLATE", shown);
}

/// What is stored of a range, in the order of names.
void write_stored(text::XmlWriter& xml, const AddressRange& range, bool is_brief) {
  text::Vector shown;
  for (const auto& attribute : range.attributes.attributes()) {
    if (const auto* value = std::get_if<std::string>(&attribute.value))
      shown.set(attribute.name, *value);
  }
  shown.set("AR_ID", std::to_string(range.id.value));
  if (is_brief) shown.set("ALLOCATED", "");
  if (range.global_prefix) shown.set("GLOBAL_PREFIX", range.global_prefix->text());
  if (range.ula_prefix) shown.set("ULA_PREFIX", range.ula_prefix->text());
  if (range.prefix_length > 0) shown.set("PREFIX_LENGTH", std::to_string(range.prefix_length));
  if (range.ip) shown.set("IP", range.ip->text());
  shown.set("MAC", range.mac.text());
  shown.set("NEXT_INDEX", std::to_string(range.next_free));
  if (range.parent_range.is_set())
    shown.set("PARENT_NETWORK_AR_ID", std::to_string(range.parent_range.value));
  shown.set("SHARED", "NO");
  shown.set("SIZE", std::to_string(range.size));
  shown.set("TYPE", std::string(name_of(range.type)));
  auto items = shown.items();
  std::ranges::sort(items);
  for (const auto& [key, value] : items) xml.cdata(key, value);
}

void write_ends(text::XmlWriter& xml, const AddressRange& range) {
  const Address first = range.at(0);
  const Address last = range.at(range.size - 1);
  const auto write = [&](std::string_view tag, const auto& address) {
    if (address) xml.cdata(tag, address->text());
  };
  xml.cdata("MAC_END", last.mac.text());
  write("IP_END", last.ip);
  write("IP6_ULA", first.ip6_ula);
  write("IP6_ULA_END", last.ip6_ula);
  write("IP6_GLOBAL", first.ip6_global);
  write("IP6_GLOBAL_END", last.ip6_global);
  write("IP6", first.ip6);
  write("IP6_END", last.ip6);
}

void write_lease(text::XmlWriter& xml, const AddressRange& range, const Lease& lease) {
  const Address address = range.at(lease.position);
  const auto write = [&](std::string_view tag, const auto& value) {
    if (value) xml.cdata(tag, value->text());
  };
  xml.open("LEASE");
  write("IP", address.ip);
  write("IP6", address.ip6);
  write("IP6_GLOBAL", address.ip6_global);
  write("IP6_LINK", address.ip6_link);
  write("IP6_ULA", address.ip6_ula);
  xml.cdata("MAC", address.mac.text());
  if (lease.kind == LeaseKind::kReserved) xml.element("VNET", lease.reservation.value);
  else xml.element("VM", lease.vm.value);
  xml.close();
}

/// Leases of one range; `document` notes whose they are.
void write_leases(text::XmlWriter& xml, const NetworkFacts& facts, const AddressRange& range,
                  GuardedDocument& document) {
  std::vector<const Lease*> leases;
  for (const auto& lease : facts.leases) {
    if (lease.range == range.id) leases.push_back(&lease);
  }
  xml.element("USED_LEASES", static_cast<std::int64_t>(leases.size()));
  if (leases.empty()) return xml.empty("LEASES");
  xml.open("LEASES");
  for (const auto* lease : leases) {
    const std::size_t begin = xml.text().size();
    write_lease(xml, range, *lease);
    const Span part{begin, xml.text().size() - begin};
    if (lease->kind == LeaseKind::kVm)
      document.guarded.push_back({part, ObjectKind::kVm, lease->vm.value});
    if (lease->kind == LeaseKind::kReserved)
      document.guarded.push_back({part, ObjectKind::kNetwork, lease->reservation.value});
  }
  xml.close();
}

}  // namespace

GuardedDocument vnet_xml(const NetworkFacts& facts) {
  GuardedDocument document;
  text::XmlWriter xml;
  xml.open("VNET");
  write_head(xml, facts);
  xml.open("AR_POOL");
  for (const auto& range : facts.ranges) {
    xml.open("AR");
    write_stored(xml, range, false);
    write_ends(xml, range);
    write_leases(xml, facts, range, document);
    xml.close();
  }
  xml.close();
  xml.close();
  document.text = xml.take();
  return document;
}

std::string vnet_brief_xml(const NetworkFacts& facts) {
  text::XmlWriter xml;
  xml.open("VNET");
  write_head(xml, facts);
  xml.open("AR_POOL");
  for (const auto& range : facts.ranges) {
    xml.open("AR");
    write_stored(xml, range, true);
    if (range.ip6) xml.cdata("IP6", range.ip6->text());
    xml.close();
  }
  xml.close();
  xml.close();
  return xml.take();
}

}  // namespace neph::view
