#include "drivers/hypervisor/libvirt/internal/device_xml.h"

#include <algorithm>
#include <string_view>

namespace neph::hypervisor_driver::virt {

namespace {

void set_if(pugi::xml_node node, const char* name, const std::string& value) {
  if (!value.empty()) set(node, name, value);
}

bool is_block_device(const std::string& path) { return path.starts_with("/dev/"); }

bool is_q35(const std::string& machine) { return machine.find("q35") != std::string::npos; }

/// The bus that a target's prefix stands for; empty for none. q35 has no IDE, and its cdroms are
/// SATA. Disks named sd are virtio-scsi everywhere: stock cloud kernels have a driver for it and
/// often none for AHCI.
std::string_view bus_of(const DiskSpec& disk, const std::string& machine) {
  const std::string_view prefix = std::string_view(disk.target).substr(0, 2);
  if (prefix == "vd") return "virtio";
  if (prefix == "hd") return is_q35(machine) ? "sata" : "ide";
  if (prefix == "sd") {
    const bool is_cdrom = disk.device == DiskDevice::kCdrom;
    return is_cdrom && is_q35(machine) ? "sata" : "scsi";
  }
  return {};
}

/// A description that somebody else wrote may have several, and the first is not the last word.
void remove_all(pugi::xml_node parent, const char* name) {
  while (parent.remove_child(name)) {
  }
}

void add_source(pugi::xml_node parent, const std::string& path) {
  set(parent, "type", is_block_device(path) ? "block" : "file");
  set(parent.append_child("source"), is_block_device(path) ? "dev" : "file", path);
}

}  // namespace

void set(pugi::xml_node node, const char* name, const std::string& value) {
  auto attribute = node.attribute(name);
  if (!attribute) attribute = node.append_attribute(name);
  attribute.set_value(value.c_str());
}

Result<void> add_disk(pugi::xml_node devices, const DiskSpec& disk, const std::string& machine) {
  const auto bus = bus_of(disk, machine);
  if (bus.empty())
    return fail(Errc::kInvalid, "No bus belongs to the disk target \"{}\".", disk.target);
  auto node = devices.append_child("disk");
  set(node, "type", "file");
  set(node, "device", disk.device == DiskDevice::kCdrom ? "cdrom" : "disk");
  auto driver = node.append_child("driver");
  set(driver, "name", "qemu");
  set_if(driver, "cache", disk.cache);
  set_if(driver, "io", disk.io);
  set_if(driver, "discard", disk.discard);
  // Zeroes that a guest writes come back as holes, so that a copied disk does not grow to its
  // virtual size.
  if (disk.discard == "unmap") set(driver, "detect_zeroes", "unmap");
  set_layers(node, disk);
  auto target = node.append_child("target");
  set(target, "dev", disk.target);
  set(target, "bus", std::string(bus));
  if (disk.is_readonly || disk.device == DiskDevice::kCdrom) node.append_child("readonly");
  if (!disk.serial.empty()) node.append_child("serial").text().set(disk.serial.c_str());
  if (disk.boot_order > 0) set(node.append_child("boot"), "order", std::to_string(disk.boot_order));
  return {};
}

void set_layers(pugi::xml_node disk_node, const DiskSpec& disk) {
  set(disk_node.child("driver"), "type", disk.format.empty() ? "raw" : disk.format);
  remove_all(disk_node, "source");
  remove_all(disk_node, "backingStore");
  if (disk.path.empty()) return;  // a cdrom drive with nothing in it
  add_source(disk_node, disk.path);
  auto below = disk_node.append_child("backingStore");
  for (const auto& [path, format] : disk.backing) {
    set(below, "type", is_block_device(path) ? "block" : "file");
    set(below.append_child("format"), "type", format);
    add_source(below, path);
    below = below.append_child("backingStore");
  }
  // The last one stays empty: "here the chain ends, do not look".
}

void add_nic(pugi::xml_node devices, const NicSpec& nic) {
  auto node = devices.append_child("interface");
  switch (nic.kind) {
    case NicKind::kUser:
      set(node, "type", "user");
      break;
    case NicKind::kBridge:
      set(node, "type", "bridge");
      break;
    case NicKind::kNetwork:
      set(node, "type", "network");
      break;
  }
  if (!nic.mac.empty()) set(node.append_child("mac"), "address", nic.mac);
  set_nic_source(node, nic);
  set(node.append_child("model"), "type", nic.model.empty() ? "virtio" : nic.model);
  if (nic.boot_order > 0) set(node.append_child("boot"), "order", std::to_string(nic.boot_order));
}

void set_nic_source(pugi::xml_node interface_node, const NicSpec& nic) {
  if (nic.kind == NicKind::kUser) return;
  remove_all(interface_node, "source");
  remove_all(interface_node, "target");
  const char* kind = nic.kind == NicKind::kBridge ? "bridge" : "network";
  set(interface_node.append_child("source"), kind, nic.source);
  if (!nic.target.empty()) set(interface_node.append_child("target"), "dev", nic.target);
}

void add_graphics(pugi::xml_node devices, const GraphicsSpec& graphics) {
  auto node = devices.append_child("graphics");
  set(node, "type", graphics.type.empty() ? "vnc" : graphics.type);
  if (graphics.port > 0) {
    set(node, "port", std::to_string(graphics.port));
    set(node, "autoport", "no");
  } else {
    set(node, "autoport", "yes");
  }
  set_if(node, "listen", graphics.listen);
  set_if(node, "passwd", graphics.password);
  set_if(node, "keymap", graphics.keymap);
  set(devices.append_child("video").append_child("model"), "type", "vga");
}

void add_controllers(pugi::xml_node devices, const DomainSpec& spec) {
  const bool has_scsi = std::any_of(spec.disks.begin(), spec.disks.end(), [&](const auto& disk) {
    return bus_of(disk, spec.machine) == "scsi";
  });
  if (has_scsi) {
    auto node = devices.append_child("controller");
    set(node, "type", "scsi");
    set(node, "index", "0");
    set(node, "model", "virtio-scsi");
  }
  const bool has_usb = std::any_of(spec.inputs.begin(), spec.inputs.end(),
                                   [](const auto& input) { return input.second == "usb"; });
  // An idle USB controller costs every guest a timer; what an administrator adds may need one.
  if (has_usb || !spec.raw_xml.empty()) return;
  auto node = devices.append_child("controller");
  set(node, "type", "usb");
  set(node, "model", "none");
}

void add_serial(pugi::xml_node devices, const std::string& log_path) {
  auto node = devices.append_child("serial");
  set(node, "type", log_path.empty() ? "pty" : "file");
  if (!log_path.empty()) {
    auto source = node.append_child("source");
    set(source, "path", log_path);
    // A restart or a restore goes on with the log instead of emptying it.
    set(source, "append", "on");
  }
  set(node.append_child("target"), "port", "0");
}

void add_guest_agent(pugi::xml_node devices) {
  auto node = devices.append_child("channel");
  set(node, "type", "unix");
  auto target = node.append_child("target");
  set(target, "type", "virtio");
  set(target, "name", "org.qemu.guest_agent.0");
}

void add_inputs(pugi::xml_node devices, const DomainSpec& spec) {
  for (const auto& [type, bus] : spec.inputs) {
    auto node = devices.append_child("input");
    set(node, "type", type);
    set_if(node, "bus", bus);
  }
}

}  // namespace neph::hypervisor_driver::virt
