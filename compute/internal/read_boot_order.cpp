#include <algorithm>

#include <fmt/ranges.h>

#include "base/numbers.h"
#include "compute/internal/factory.h"

namespace neph::compute {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  std::string word;
  for (const char letter : list + ",") {
    if (letter == ',') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else if (letter != ' ') {
      word += letter;
    }
  }
  return words;
}

/// OS/BOOT of OpenNebula 4 named kinds of devices.
template <class Device, class Fits>
Device* first_of(std::vector<Device>& devices, Fits&& fits) {
  Device* first = nullptr;
  for (auto& device : devices) {
    if (fits(device) && (first == nullptr || device.id < first->id)) first = &device;
  }
  return first;
}

/// The attributes of the device that a word of OS/BOOT means.
text::Vector* find_device(NewVm& fresh, const std::string& word) {
  const auto of_kind = [&fresh](DiskKind kind) -> text::Vector* {
    auto* disk = first_of(fresh.disks, [kind](const VmDisk& each) { return each.kind == kind; });
    return disk == nullptr ? nullptr : &disk->attributes;
  };
  if (word == "hd") return of_kind(DiskKind::kImage);
  if (word == "cdrom") return of_kind(DiskKind::kCdrom);
  const auto numbered = [&word](std::string_view kind) -> std::optional<std::int64_t> {
    if (!word.starts_with(kind)) return std::nullopt;
    return integer_from(std::string_view(word).substr(kind.size()));
  };
  const auto nic_number = word == "network" ? std::optional<std::int64_t>(0) : numbered("nic");
  if (nic_number) {
    auto* nic = first_of(fresh.nics, [&](const VmNic& each) {
      return each.id.value == *nic_number && !is_alias(each);
    });
    return nic == nullptr ? nullptr : &nic->attributes;
  }
  const auto disk_number = numbered("disk");
  if (!disk_number) return nullptr;
  auto* disk = first_of(fresh.disks, [&](const VmDisk& each) {
    return each.id.value == *disk_number && each.kind != DiskKind::kContext;
  });
  return disk == nullptr ? nullptr : &disk->attributes;
}

/// "image datastore 1 (in clusters 0, 100), virtual network 3 (in no cluster)".
std::string homes_text(const std::vector<Reading::Home>& homes) {
  std::string text;
  for (const auto& [what, clusters] : homes) {
    const std::string where = clusters.empty()
                                  ? "no cluster"
                                  : fmt::format("clusters {}", fmt::join(clusters, ", "));
    text += fmt::format("{}{} (in {})", text.empty() ? "" : ", ", what, where);
  }
  return text;
}

}  // namespace

Result<void> read_boot_order(Reading& reading) {
  const auto* os = reading.fresh.vm.attributes.find_vector("OS");
  const std::string boot = os == nullptr ? "" : os->get("BOOT");
  int order = 0;
  for (const auto& word : split(boot)) {
    auto* device = find_device(reading.fresh, word);
    if (device == nullptr) {
      return fail(Errc::kInvalid, "OS/BOOT = \"{}\": the VM has no {}", boot, word);
    }
    device->set("ORDER", std::to_string(++order));
  }
  return {};
}

Result<void> read_requirements(Reading& reading) {
  std::vector<ClusterId> common;
  for (std::size_t at = 0; at < reading.homes.size(); ++at) {
    auto& clusters = reading.homes[at].clusters;
    std::sort(clusters.begin(), clusters.end());
    if (at == 0) common = clusters;
    std::vector<ClusterId> both;
    std::set_intersection(common.begin(), common.end(), clusters.begin(), clusters.end(),
                          std::back_inserter(both));
    common = std::move(both);
  }
  if (common.empty() && !reading.homes.empty()) {
    return fail(Errc::kInvalid,
                "Incompatible cluster IDs: no cluster has all that the VM needs: {}",
                homes_text(reading.homes));
  }
  std::string hosts;
  std::string datastores;
  for (const auto cluster : common) {
    hosts += fmt::format("{}CLUSTER_ID = {}", hosts.empty() ? "" : " | ", cluster);
    datastores += fmt::format("{}\"CLUSTERS/ID\" @> {}", datastores.empty() ? "" : " | ", cluster);
  }
  auto& shown = reading.fresh.vm.attributes;
  constexpr std::string_view kNotPinned = "!(PIN_POLICY = PINNED)";
  shown.set("AUTOMATIC_REQUIREMENTS", hosts.empty()
                                          ? std::string(kNotPinned)
                                          : fmt::format("({}) & {}", hosts, kNotPinned));
  if (datastores.empty()) return {};
  shown.set("AUTOMATIC_DS_REQUIREMENTS", fmt::format("({})", datastores));
  if (!reading.fresh.nic_asks.empty())
    shown.set("AUTOMATIC_NIC_REQUIREMENTS", fmt::format("({})", datastores));
  return {};
}

}  // namespace neph::compute
