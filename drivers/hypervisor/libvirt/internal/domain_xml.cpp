#include "drivers/hypervisor/libvirt/internal/domain_xml.h"

#include <algorithm>
#include <cmath>
#include <pugixml.hpp>
#include <sstream>

#include "drivers/hypervisor/libvirt/internal/device_xml.h"

namespace neph::hypervisor_driver::virt {

namespace {

/// Tells domains of this controller from others' in virsh; never read back.
constexpr const char* kMetadataNamespace = "urn:nephograph:domain:1";
/// libvirt's pass-through of QEMU arguments, which administrators use in raw_xml.
constexpr const char* kQemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0";

void add_text(pugi::xml_node parent, const char* name, const std::string& text) {
  parent.append_child(name).text().set(text.c_str());
}

bool is_x86(const std::string& architecture) {
  return architecture.empty() || architecture == "x86_64" || architecture == "i686";
}

void add_identity(pugi::xml_node domain, const DomainSpec& spec) {
  add_text(domain, "name", spec.name);
  add_text(domain, "uuid", spec.uuid);
  if (!spec.title.empty()) {
    auto title = spec.title;
    std::replace(title.begin(), title.end(), '\n', ' ');  // libvirt refuses a title of two lines
    add_text(domain, "title", title);
  }
  auto managed = domain.append_child("metadata").append_child("neph:domain");
  set(managed, "xmlns:neph", kMetadataNamespace);
  set(managed, "title", spec.title);
}

void add_resources(pugi::xml_node domain, const DomainSpec& spec, const DomainXmlRules& rules) {
  auto memory = domain.append_child("memory");
  set(memory, "unit", "KiB");
  memory.text().set(std::to_string(spec.memory.value / 1024).c_str());
  add_text(domain, "vcpu", std::to_string(spec.vcpus));
  if (!rules.has_cgroups) return;
  // 1024 is one core's share; the kernel takes 2 to 262144.
  const auto shares = std::clamp(std::lround(spec.cpu_shares * 1024), 2L, 262144L);
  add_text(domain.append_child("cputune"), "shares", std::to_string(shares));
}

void add_firmware(pugi::xml_node os, const std::string& firmware) {
  if (firmware.empty() || firmware == "BIOS" || firmware == "bios") return;
  if (firmware == "UEFI" || firmware == "efi") {
    set(os, "firmware", "efi");
    return;
  }
  auto loader = os.append_child("loader");
  set(loader, "readonly", "yes");
  set(loader, "type", "pflash");
  loader.text().set(firmware.c_str());
}

void add_os(pugi::xml_node domain, const DomainSpec& spec) {
  auto os = domain.append_child("os");
  auto type = os.append_child("type");
  if (!spec.architecture.empty()) set(type, "arch", spec.architecture);
  if (!spec.machine.empty()) set(type, "machine", spec.machine);
  type.text().set("hvm");
  add_firmware(os, spec.firmware);
  if (!spec.kernel.empty()) add_text(os, "kernel", spec.kernel);
  if (!spec.initrd.empty()) add_text(os, "initrd", spec.initrd);
  if (!spec.kernel_cmd.empty()) add_text(os, "cmdline", spec.kernel_cmd);
  const auto has_order = [](const auto& device) { return device.boot_order > 0; };
  // libvirt refuses a general boot order beside one per device.
  if (std::none_of(spec.disks.begin(), spec.disks.end(), has_order) &&
      std::none_of(spec.nics.begin(), spec.nics.end(), has_order))
    set(os.append_child("boot"), "dev", "hd");
}

void add_features(pugi::xml_node domain, const DomainSpec& spec) {
  auto features = domain.append_child("features");
  if (spec.has_acpi) features.append_child("acpi");
  if (!is_x86(spec.architecture)) return;
  if (spec.has_apic) features.append_child("apic");
  if (spec.has_pae) features.append_child("pae");
}

void add_cpu(pugi::xml_node domain, const DomainSpec& spec, const DomainXmlRules& rules) {
  if (spec.cpu_model.empty()) return;
  auto cpu = domain.append_child("cpu");
  if (spec.cpu_model == "host-passthrough") {
    // Emulation has no host processor to pass through: "maximum" is all that it can do.
    set(cpu, "mode", rules.domain_type == "kvm" ? "host-passthrough" : "maximum");
  } else if (spec.cpu_model == "host-model" || spec.cpu_model == "maximum") {
    set(cpu, "mode", spec.cpu_model);
  } else {
    set(cpu, "mode", "custom");
    set(cpu, "match", "exact");
    auto model = cpu.append_child("model");
    set(model, "fallback", "allow");
    model.text().set(spec.cpu_model.c_str());
  }
}

void add_behaviour(pugi::xml_node domain, const DomainSpec& spec) {
  set(domain.append_child("clock"), "offset", spec.has_localtime ? "localtime" : "utc");
  add_text(domain, "on_poweroff", "destroy");
  add_text(domain, "on_reboot", "restart");
  add_text(domain, "on_crash", "destroy");
}

Result<void> add_devices(pugi::xml_node domain, const DomainSpec& spec) {
  auto devices = domain.append_child("devices");
  if (!spec.emulator.empty()) add_text(devices, "emulator", spec.emulator);
  for (const auto& disk : spec.disks) CHECK_OK(add_disk(devices, disk, spec.machine));
  add_controllers(devices, spec);
  for (const auto& nic : spec.nics) add_nic(devices, nic);
  add_serial(devices, spec.serial_log_path);
  if (spec.has_guest_agent) add_guest_agent(devices);
  add_inputs(devices, spec);
  if (spec.graphics) add_graphics(devices, *spec.graphics);
  if (spec.has_panic_device && is_x86(spec.architecture))
    set(devices.append_child("panic"), "model", "isa");
  set(devices.append_child("memballoon"), "model", "none");
  return {};
}

Result<void> add_raw(pugi::xml_node domain, const std::string& raw) {
  if (raw.empty()) return {};
  // A fragment has no single root, so it is read inside one that declares the prefixes it may use.
  pugi::xml_document fragment;
  const auto wrapped = fmt::format("<raw>{}</raw>", raw);
  const auto parsed = fragment.load_string(wrapped.c_str(), pugi::parse_default);
  const auto root = fragment.child("raw");
  if (!parsed || root.next_sibling())
    return fail_because(Errc::kInvalid, parsed ? "text after the end" : parsed.description(),
                        "The raw XML for domain {} is not well-formed.",
                        domain.child_value("name"));
  for (const auto& child : root.children()) domain.append_copy(child);
  return {};
}

std::string text_of(const pugi::xml_document& document) {
  std::ostringstream stream;
  document.save(stream, "  ", pugi::format_indent | pugi::format_no_declaration);
  return stream.str();
}

}  // namespace

Result<std::string> domain_xml(const DomainSpec& spec, const DomainXmlRules& rules) {
  pugi::xml_document document;
  auto domain = document.append_child("domain");
  set(domain, "type", rules.domain_type);
  set(domain, "xmlns:qemu", kQemuNamespace);
  add_identity(domain, spec);
  add_resources(domain, spec, rules);
  add_os(domain, spec);
  add_features(domain, spec);
  add_cpu(domain, spec, rules);
  add_behaviour(domain, spec);
  CHECK_OK(add_devices(domain, spec));
  CHECK_OK(add_raw(domain, spec.raw_xml));
  return text_of(document);
}

Result<std::string> restored_xml(const std::string& saved, const DomainSpec& spec) {
  pugi::xml_document document;
  if (!document.load_string(saved.c_str()))
    return fail(Errc::kInvalid, "The description in the memory file of {} cannot be read.",
                spec.name);
  const auto devices = document.child("domain").child("devices");
  for (const auto& disk : spec.disks)
    for (auto node : devices.children("disk"))
      if (disk.target == node.child("target").attribute("dev").value()) set_layers(node, disk);
  for (const auto& nic : spec.nics)
    for (auto node : devices.children("interface"))
      if (nic.mac == node.child("mac").attribute("address").value()) set_nic_source(node, nic);
  if (!spec.serial_log_path.empty())
    for (const char* name : {"serial", "console"})
      if (auto path = devices.child(name).child("source").attribute("path"))
        path.set_value(spec.serial_log_path.c_str());
  return text_of(document);
}

}  // namespace neph::hypervisor_driver::virt
