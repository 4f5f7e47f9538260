#include "drivers/hypervisor/libvirt/internal/changing.h"

#include <libvirt/virterror.h>

#include <pugixml.hpp>
#include <sstream>

#include "drivers/hypervisor/libvirt/internal/device_xml.h"
#include "drivers/hypervisor/libvirt/internal/errors.h"
#include "drivers/hypervisor/libvirt/internal/live_xml.h"

namespace neph::hypervisor_driver::virt {
namespace {

constexpr unsigned kLiveAndDefinition = VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG;
/// How long a guest has to let go of a device, and how often it is asked again: one that is still
/// booting does not hear the first time.
constexpr Duration kUnplugLimit{20'000};
constexpr Duration kUnplugPause{250};
constexpr int kAskEvery = 20;

std::string xml_text_of(const pugi::xml_document& document) {
  std::ostringstream xml;
  document.first_child().print(xml, "", pugi::format_raw);
  return xml.str();
}

std::string nic_xml(const NicSpec& nic) {
  pugi::xml_document document;
  add_nic(document, nic);
  return xml_text_of(document);
}

using DeviceXml = std::function<Result<std::string>()>;

/// Asks the guest to give a device back until it is gone.
Result<void> detach(HostLink& link, virDomainPtr domain, const DeviceXml& find,
                    const std::string& what) {
  const Duration started = link.clock().monotonic();
  std::string device;
  std::string refusal = "the guest keeps it";
  for (int look = 0;; ++look) {
    const std::string live = TRY(find());
    if (live.empty()) break;
    device = live;
    const bool asks = look % kAskEvery == 0;
    if (asks && virDomainDetachDeviceFlags(domain, live.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0) {
      const auto refused = Refusal().error("{} of {} cannot be detached.", what, name_of(domain));
      if (refused.code == Errc::kInvalid) return tl::unexpected(refused);
      refusal = refused.cause;
    }
    if (link.clock().monotonic() - started >= kUnplugLimit)
      return fail_because(Errc::kStalled, refusal, "{} of {} was not let go within {} s.", what,
                          name_of(domain), kUnplugLimit.count() / 1000);
    link.clock().sleep_for(kUnplugPause);
  }
  // The definition is made anew at each start, so one that keeps the device until then is fine.
  if (!device.empty())
    (void)virDomainDetachDeviceFlags(domain, device.c_str(), VIR_DOMAIN_AFFECT_CONFIG);
  virResetLastError();
  return {};
}

}  // namespace

Result<void> attach_disk(virDomainPtr domain, const DiskSpec& disk) {
  const auto live = TRY(read_live(domain));
  if (const auto* there = live.find(disk.target)) {
    if (there->find(disk.path) == 0) return {};
    return fail(Errc::kConflict, "Domain {} has another disk {}.", name_of(domain), disk.target);
  }
  pugi::xml_document document;
  CHECK_OK(add_disk(document, disk, live.machine));
  const std::string xml = xml_text_of(document);
  if (virDomainAttachDeviceFlags(domain, xml.c_str(), kLiveAndDefinition) == 0) return {};
  return Refusal().of("Disk {} cannot be attached to {}.", disk.target, name_of(domain));
}

Result<void> detach_disk(HostLink& link, virDomainPtr domain, const std::string& target) {
  return detach(link, domain, [&] { return disk_xml_of(domain, target); }, "Disk " + target);
}

Result<void> resize_disk(virDomainPtr domain, const std::string& target, Bytes size) {
  virDomainBlockInfo info{};
  if (virDomainGetBlockInfo(domain, target.c_str(), &info, 0) < 0)
    return Refusal().of("Disk {} of {} cannot be looked at.", target, name_of(domain));
  const auto wanted = static_cast<unsigned long long>(size.value);
  if (info.capacity >= wanted) return {};
  if (virDomainBlockResize(domain, target.c_str(), wanted, VIR_DOMAIN_BLOCK_RESIZE_BYTES) == 0)
    return {};
  return Refusal().of("Disk {} of {} cannot be resized.", target, name_of(domain));
}

Result<void> attach_nic(virDomainPtr domain, const NicSpec& nic) {
  if (TRY(read_live(domain)).has_nic(nic.mac)) return {};
  if (virDomainAttachDeviceFlags(domain, nic_xml(nic).c_str(), kLiveAndDefinition) == 0) return {};
  return Refusal().of("NIC {} cannot be attached to {}.", nic.mac, name_of(domain));
}

Result<void> detach_nic(HostLink& link, virDomainPtr domain, const std::string& mac) {
  return detach(link, domain, [&] { return nic_xml_of(domain, mac); }, "NIC " + mac);
}

Result<void> update_nic(virDomainPtr domain, const NicSpec& nic) {
  // What libvirt has chosen for the device must be said again, so its own words are taken.
  pugi::xml_document document;
  const std::string live = TRY(nic_xml_of(domain, nic.mac));
  if (live.empty())
    return fail(Errc::kNotFound, "Domain {} has no NIC {}.", name_of(domain), nic.mac);
  if (!document.load_string(live.c_str()))
    return fail(Errc::kInternal, "libvirt's description of a NIC cannot be read.");
  set_nic_source(document.first_child(), nic);
  const std::string xml = xml_text_of(document);
  if (virDomainUpdateDeviceFlags(domain, xml.c_str(), kLiveAndDefinition) == 0) return {};
  return Refusal().of("NIC {} of {} cannot be changed.", nic.mac, name_of(domain));
}

}  // namespace neph::hypervisor_driver::virt
