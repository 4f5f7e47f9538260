#include <algorithm>

#include "base/numbers.h"
#include "base/words.h"
#include "compute/internal/factory.h"
#include "compute/internal/plan.h"

namespace neph::compute {
namespace {

using datastore_driver::Format;
using hypervisor_driver::DiskDevice;
using hypervisor_driver::DiskSpec;
using hypervisor_driver::DomainSpec;

/// KEY of a vector attribute of the VM, else of the defaults.
std::string setting(const VmPlan& plan, const Settings& settings, std::string_view name,
                    std::string_view key) {
  for (const auto* source : {&plan.vm.attributes, &settings.vm_defaults}) {
    const auto* vector = source->find_vector(name);
    if (vector != nullptr && vector->has(key)) return vector->get(key);
  }
  return {};
}

enum class Default { kNo, kYes };

bool has_feature(const VmPlan& plan, const Settings& settings, std::string_view key,
                 Default otherwise) {
  const text::Vector answer{{"IS", setting(plan, settings, "FEATURES", key)}};
  if (answer.get("IS").empty()) return otherwise == Default::kYes;
  return answer.is_yes("IS");
}

/// Layers below the one the guest writes to, top to bottom.
Result<void> add_backing(const VmPlan& plan, const VmDisk& disk, DiskSpec& spec) {
  if (!disk.overlay_path.empty()) {
    spec.backing.emplace_back(disk.path, std::string(name_of(disk.format)));
  }
  if (const auto frozen = plan.frozen.find(disk.id); frozen != plan.frozen.end()) {
    for (const auto& layer : frozen->second) {
      spec.backing.emplace_back(layer.path, std::string(name_of(layer.format)));
    }
  }
  if (!is_overlay(disk)) return {};
  const auto* image = image_of(plan, disk);
  if (image == nullptr) {
    return fail(Errc::kNotFound, "image {} of disk {} of VM {} is gone", disk.image, disk.id,
                plan.vm.id);
  }
  spec.backing.emplace_back(image->source, std::string(name_of(image->format)));
  return {};
}

Result<DiskSpec> disk_spec(const VmPlan& plan, const Settings& settings, const VmDisk& disk) {
  DiskSpec spec;
  spec.path = live_path(disk);
  // A layer that a snapshot put on top is always qcow2.
  const auto format = disk.overlay_path.empty() ? disk.format : Format::kQcow2;
  spec.format = std::string(name_of(format));
  spec.target = disk.target;
  const bool is_cdrom = disk.kind == DiskKind::kCdrom || disk.kind == DiskKind::kContext;
  spec.device = is_cdrom ? DiskDevice::kCdrom : DiskDevice::kDisk;
  spec.is_readonly = is_cdrom || disk.attributes.is_yes("READONLY");
  const auto of_disk = [&](std::string_view key) {
    const auto* value = disk.attributes.find(key);
    return value != nullptr ? *value : setting(plan, settings, "DISK", key);
  };
  if (!is_cdrom) {
    spec.cache = of_disk("CACHE");
    spec.io = of_disk("IO");
    spec.discard = of_disk("DISCARD");
  }
  spec.serial = disk.attributes.get("SERIAL");
  spec.boot_order =
      static_cast<int>(integer_from(disk.attributes.get("ORDER")).value_or(0));
  CHECK_OK(add_backing(plan, disk, spec));
  return spec;
}

Result<hypervisor_driver::NicSpec> nic_spec(const VmNic& nic) {
  const std::string bridge_type = nic.attributes.get("BRIDGE_TYPE");
  if (bridge_type.starts_with("openvswitch")) {
    return fail(Errc::kInvalid, "NIC {}: bridges of Open vSwitch are not provided (BRIDGE {})",
                nic.id, nic.attributes.get("BRIDGE"));
  }
  hypervisor_driver::NicSpec spec;
  spec.source = nic.attributes.get("BRIDGE");
  spec.kind = spec.source.empty() ? hypervisor_driver::NicKind::kUser
                                  : hypervisor_driver::NicKind::kBridge;
  spec.mac = nic.attributes.get("MAC");
  spec.model = nic.attributes.get("MODEL", "virtio");
  spec.target = nic.attributes.get("TARGET");
  spec.boot_order = static_cast<int>(integer_from(nic.attributes.get("ORDER")).value_or(0));
  return spec;
}

/// Without OS/BOOT: the first disk that has something on it, then the first CD-ROM.
void add_default_boot(const VmPlan& plan, DomainSpec& spec) {
  const auto is_chosen = [](const auto& device) { return device.boot_order > 0; };
  if (std::any_of(spec.disks.begin(), spec.disks.end(), is_chosen) ||
      std::any_of(spec.nics.begin(), spec.nics.end(), is_chosen)) {
    return;
  }
  int order = 0;
  for (const auto kind : {DiskKind::kImage, DiskKind::kCdrom, DiskKind::kVolatile}) {
    for (std::size_t at = 0; at < plan.disks.size(); ++at) {
      if (plan.disks[at].kind != kind) continue;
      spec.disks[at].boot_order = ++order;
      break;
    }
  }
}

void add_graphics(const VmPlan& plan, const Settings& settings, DomainSpec& spec) {
  const auto* graphics = plan.vm.attributes.find_vector("GRAPHICS");
  if (graphics == nullptr) graphics = settings.vm_defaults.find_vector("GRAPHICS");
  if (graphics == nullptr) return;
  hypervisor_driver::GraphicsSpec wanted;
  wanted.type = upper(graphics->get("TYPE")) == "SPICE" ? "spice" : "vnc";
  wanted.listen = graphics->get("LISTEN", settings.vnc_listen);
  wanted.port = static_cast<int>(integer_from(graphics->get("PORT")).value_or(-1));
  wanted.password = graphics->get("PASSWD");
  wanted.keymap = graphics->get("KEYMAP");
  spec.graphics = std::move(wanted);
}

void add_os(const VmPlan& plan, const Settings& settings, DomainSpec& spec) {
  const auto os = [&](std::string_view key) { return setting(plan, settings, "OS", key); };
  spec.architecture = os("ARCH").empty() ? "x86_64" : os("ARCH");
  spec.machine = os("MACHINE").empty() ? settings.default_machine : os("MACHINE");
  spec.kernel = os("KERNEL");
  spec.initrd = os("INITRD");
  spec.kernel_cmd = os("KERNEL_CMD");
  if (!os("ROOT").empty()) {
    spec.kernel_cmd = fmt::format("root=/dev/{}{}{}", os("ROOT"),
                                  spec.kernel_cmd.empty() ? "" : " ", spec.kernel_cmd);
  }
  // Both are words of the kernel's loader, and libvirt refuses the one without the other.
  if (spec.kernel.empty()) spec.kernel_cmd.clear();
  const std::string firmware = os("FIRMWARE");
  const std::string known = upper(firmware);
  spec.firmware = known == "BIOS" ? "" : known == "UEFI" || known == "EFI" ? "UEFI" : firmware;
  spec.cpu_model = setting(plan, settings, "CPU_MODEL", "MODEL");
  spec.emulator = plan.vm.attributes.get("EMULATOR", settings.vm_defaults.get("EMULATOR"));
  spec.has_acpi = has_feature(plan, settings, "ACPI", Default::kYes);
  spec.has_apic = has_feature(plan, settings, "APIC", Default::kYes);
  spec.has_pae = has_feature(plan, settings, "PAE", Default::kNo);
  spec.has_localtime = has_feature(plan, settings, "LOCALTIME", Default::kNo);
  spec.has_guest_agent = has_feature(plan, settings, "GUEST_AGENT", Default::kYes);
}

/// RAW counts for the hypervisor that it names; ours are all libvirt's QEMU.
std::string raw_xml(const VmPlan& plan) {
  std::string all;
  for (const auto* raw : plan.vm.attributes.vectors("RAW")) {
    const std::string type = upper(raw->get("TYPE", "KVM"));
    if (type == "KVM" || type == "QEMU") all += raw->get("DATA");
  }
  return all;
}

}  // namespace

Result<DomainSpec> domain_spec(const VmPlan& plan, const Settings& settings) {
  DomainSpec spec;
  spec.name = domain_name(plan.vm.id);
  spec.uuid = plan.vm.uuid;
  spec.title = plan.vm.name;
  spec.vcpus = plan.vm.vcpus;
  spec.cpu_shares = plan.vm.cpu;
  spec.memory = Bytes::megabytes(plan.vm.memory_mb);
  add_os(plan, settings, spec);
  for (const auto& disk : plan.disks) spec.disks.push_back(TRY(disk_spec(plan, settings, disk)));
  for (const auto& nic : plan.nics) {
    if (!is_alias(nic)) spec.nics.push_back(TRY(nic_spec(nic)));
  }
  add_default_boot(plan, spec);
  add_graphics(plan, settings, spec);
  for (const auto* input : plan.vm.attributes.vectors("INPUT")) {
    spec.inputs.emplace_back(input->get("TYPE"), input->get("BUS"));
  }
  spec.serial_log_path = serial_log_path(plan);
  spec.raw_xml = raw_xml(plan);
  return spec;
}

Result<DiskSpec> disk_spec_of(const VmPlan& plan, const Settings& settings, DiskId id) {
  const auto disk = std::find_if(plan.disks.begin(), plan.disks.end(),
                                 [id](const VmDisk& each) { return each.id == id; });
  if (disk == plan.disks.end())
    return fail(Errc::kNotFound, "VM {} has no disk {}", plan.vm.id, id);
  DiskSpec spec = TRY(disk_spec(plan, settings, *disk));
  // The order of a running domain's boot devices is settled.
  spec.boot_order = 0;
  return spec;
}

Result<hypervisor_driver::NicSpec> nic_spec_of(const VmNic& nic) {
  auto spec = TRY(nic_spec(nic));
  spec.boot_order = 0;
  return spec;
}

}  // namespace neph::compute
