#include "drivers/hypervisor/libvirt/internal/live_xml.h"

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>

#include "base/words.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"

namespace neph::hypervisor_driver::virt {

namespace {

LiveLayer read_layer(const pugi::xml_node& parent) {
  const auto source = parent.child("source");
  std::string path = source.attribute("file").value();
  if (path.empty()) path = source.attribute("dev").value();
  return {std::move(path), source.attribute("index").value()};
}

LiveDisk read_disk(const pugi::xml_node& node) {
  LiveDisk disk{.target = node.child("target").attribute("dev").value(),
                .job = node.child("mirror").attribute("job").value()};
  for (auto layer = node; layer && layer.child("source"); layer = layer.child("backingStore"))
    disk.layers.push_back(read_layer(layer));
  return disk;
}

std::string mac_of(const pugi::xml_node& nic) {
  return lower(nic.child("mac").attribute("address").value());
}

Result<std::string> device_xml_of(virDomainPtr domain, const char* tag,
                                  const std::function<bool(const pugi::xml_node&)>& is_it) {
  const Text text(virDomainGetXMLDesc(domain, 0));
  if (!text) return Refusal().of("The description of {} cannot be had.", name_of(domain));
  pugi::xml_document document;
  if (!document.load_string(text.get()))
    return fail(Errc::kInternal, "libvirt's description of a domain cannot be read.");
  for (const auto& node : document.child("domain").child("devices").children(tag)) {
    if (!is_it(node)) continue;
    std::ostringstream xml;
    node.print(xml, "", pugi::format_raw);
    return xml.str();
  }
  return std::string{};
}

}  // namespace

bool LiveDomain::has_nic(const std::string& mac) const {
  return std::find(macs.begin(), macs.end(), lower(mac)) != macs.end();
}

Result<std::string> disk_xml_of(virDomainPtr domain, const std::string& target) {
  return device_xml_of(domain, "disk", [&](const pugi::xml_node& node) {
    return target == node.child("target").attribute("dev").value();
  });
}

Result<std::string> nic_xml_of(virDomainPtr domain, const std::string& mac) {
  return device_xml_of(domain, "interface",
                       [&](const pugi::xml_node& node) { return mac_of(node) == lower(mac); });
}

int LiveDisk::find(const std::string& path) const {
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (layers[i].path == path) return static_cast<int>(i);
  return -1;
}

const LiveDisk* LiveDomain::find(const std::string& target) const {
  for (const auto& disk : disks)
    if (disk.target == target) return &disk;
  return nullptr;
}

Result<LiveDomain> parse_live(const std::string& text) {
  pugi::xml_document document;
  if (!document.load_string(text.c_str()))
    return fail(Errc::kInternal, "libvirt's description of a domain cannot be read.");
  const auto devices = document.child("domain").child("devices");
  LiveDomain domain;
  for (const auto& node : devices.children("disk")) domain.disks.push_back(read_disk(node));
  for (const auto& node : devices.children("interface")) domain.macs.push_back(mac_of(node));
  domain.machine = document.child("domain").child("os").child("type").attribute("machine").value();
  for (const auto& channel : devices.children("channel")) {
    const auto target = channel.child("target");
    if (std::string_view(target.attribute("name").value()) == "org.qemu.guest_agent.0")
      domain.is_agent_open = std::string_view(target.attribute("state").value()) == "connected";
  }
  if (const auto graphics = devices.child("graphics")) {
    domain.vnc_port = graphics.attribute("port").as_int(-1);
    if (domain.vnc_port == 0) domain.vnc_port = -1;
  }
  return domain;
}

Result<LiveDomain> read_live(virDomainPtr domain) {
  const Text text(virDomainGetXMLDesc(domain, 0));
  if (!text) return Refusal().of("The description of {} cannot be had.", name_of(domain));
  return parse_live(text.get());
}

}  // namespace neph::hypervisor_driver::virt
