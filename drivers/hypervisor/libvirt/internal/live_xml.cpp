#include "drivers/hypervisor/libvirt/internal/live_xml.h"

#include <pugixml.hpp>
#include <string_view>

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

}  // namespace

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
