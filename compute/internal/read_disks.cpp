#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "access/directory.h"
#include "base/numbers.h"
#include "base/words.h"
#include "compute/internal/factory.h"
#include "compute/internal/image_disk.h"

namespace neph::compute {
namespace {

using datastore_driver::Format;

constexpr std::int64_t kSizeMbMax = 1LL << 32;

/// Ranks of target assignment: OS disks first, then what is read only, then the rest.
constexpr int kRankOs = 0;
constexpr int kRankCdrom = 1;
constexpr int kRankData = 2;

/// What only the server writes into a DISK. A copy of another VM's disk may bring them along.
constexpr auto kServerKeys = std::to_array<std::string_view>(
    {"DISK_ID", "IMAGE_STATE", "SOURCE", "DATASTORE", "DATASTORE_ID", "TM_MAD", "CLUSTER_ID",
     "ORIGINAL_SIZE", "DRIVER", "CLONE", "SAVE", "PERSISTENT", "LN_TARGET", "CLONE_TARGET",
     "ALLOW_ORPHANS", "DISK_TYPE", "DISK_SNAPSHOT_TOTAL_SIZE", "ORDER", "OPENNEBULA_MANAGED"});

/// Keys of a VM in the middle of something: a template with them is a mistake.
bool is_refused(std::string_view key) {
  return key.starts_with("SAVE_AS") || key.starts_with("SAVED_") ||
         key.starts_with("HOTPLUG_SAVE_AS") || key == "SNAPSHOT";
}

struct Choice {
  std::string_view key;
  std::vector<std::string_view> values;
};

Result<void> check_choices(DiskId id, const text::Vector& disk) {
  static const std::vector<Choice> kChoices = {
      {"CACHE", {"default", "none", "writethrough", "writeback", "directsync", "unsafe"}},
      {"IO", {"threads", "native", "io_uring"}},
      {"DISCARD", {"ignore", "unmap"}},
  };
  for (const auto& [key, values] : kChoices) {
    const auto* value = disk.find(key);
    if (value == nullptr || std::find(values.begin(), values.end(), *value) != values.end()) {
      continue;
    }
    return fail(Errc::kInvalid, "DISK {}: {} = \"{}\" is none of {}", id, key, *value,
                fmt::join(values, ", "));
  }
  return {};
}

Result<std::int64_t> size_of(DiskId id, const text::Vector& disk) {
  const std::string value = disk.get("SIZE");
  const auto size = integer_from(value);
  if (size && *size > 0 && *size <= kSizeMbMax) return *size;
  return fail(Errc::kInvalid, "DISK {}: SIZE = \"{}\" is not a positive number of MB", id, value);
}

/// The target or prefix that the template asks for, else the inherited one.
Result<TargetAsk> target_of(const Reading& reading, const VmDisk& disk, std::string inherited,
                            int rank) {
  const text::Vector& written = disk.attributes;
  TargetAsk ask{disk.id, std::move(inherited), written.get("TARGET"), rank};
  if (ask.prefix.empty()) ask.prefix = reading.settings.default_image_prefix;
  const bool is_cdrom = disk.kind == DiskKind::kCdrom;
  // There is no CD-ROM drive on virtio; an image that says so only says what disks get.
  if (is_cdrom && ask.prefix == "vd") ask.prefix = "hd";
  if (written.has("DEV_PREFIX")) ask.prefix = written.get("DEV_PREFIX");
  if (!ask.target.empty()) ask.prefix = ask.target.substr(0, 2);
  const auto what = ask.target.empty() ? "DEV_PREFIX" : "TARGET";
  (void)TRY(prefix_from(fmt::format("DISK {}: {}", disk.id, what), ask.prefix));
  if (is_cdrom && ask.prefix == "vd") {
    return fail(Errc::kInvalid, "DISK {}: {} = \"vd\" is not for a CD-ROM; say hd or sd", disk.id,
                what);
  }
  return ask;
}

Result<void> add_image_disk(Reading& reading, VmDisk disk, std::vector<TargetAsk>& targets) {
  const auto image = TRY(find_asked_image(reading.txn, reading.actor.user, disk));
  CHECK_OK(check_usable(reading, disk, image));
  const auto store = TRY(datastore::find_datastore(reading.txn, image.datastore));
  const bool is_cdrom = image.type == datastore::ImageType::kCdrom;
  disk.kind = is_cdrom ? DiskKind::kCdrom : DiskKind::kImage;
  disk.image = image.id;
  disk.image_datastore = image.datastore;
  disk.is_persistent = image.is_persistent && !is_cdrom;
  disk.size_mb = image.size_mb;
  const bool is_cloned = !is_cdrom && !disk.is_persistent;
  if (is_cloned && disk.attributes.has("SIZE")) {
    disk.size_mb = TRY(size_of(disk.id, disk.attributes));
    if (disk.size_mb < image.size_mb) {
      return fail(Errc::kInvalid, "DISK {}: SIZE = \"{}\" is less than the {} MB of image {}",
                  disk.id, disk.size_mb, image.size_mb, image.id);
    }
  }
  disk.format = is_cloned ? Format::kQcow2 : image.format;
  inherit_image(disk, image, store);
  const bool is_os = image.type == datastore::ImageType::kOs;
  targets.push_back(TRY(target_of(reading, disk, image.attributes.get("DEV_PREFIX"),
                                  is_os ? kRankOs : is_cdrom ? kRankCdrom : kRankData)));
  reading.homes.push_back({fmt::format("image datastore {}", store.id), store.clusters});
  if (is_cloned) reading.fresh.vm.disk_mb += disk.size_mb;
  reading.fresh.disks.push_back(std::move(disk));
  return {};
}

Result<void> add_volatile_disk(Reading& reading, VmDisk disk, std::vector<TargetAsk>& targets) {
  const std::string type = upper(disk.attributes.get("TYPE"));
  if (type != "FS" && type != "SWAP") {
    return fail(Errc::kInvalid, "DISK {}: there is no IMAGE and no IMAGE_ID, and TYPE = \"{}\" is"
                " neither fs nor swap", disk.id, disk.attributes.get("TYPE"));
  }
  if (disk.attributes.has("FS")) {
    return fail(Errc::kInvalid, "DISK {}: FS = \"{}\" is refused: a volatile disk comes empty",
                disk.id, disk.attributes.get("FS"));
  }
  const std::string format = disk.attributes.get("FORMAT", type == "SWAP" ? "raw" : "qcow2");
  const auto known = datastore_driver::format_from(format);
  if (!known) {
    return fail(Errc::kInvalid, "DISK {}: FORMAT = \"{}\" is neither raw nor qcow2", disk.id,
                format);
  }
  disk.kind = DiskKind::kVolatile;
  disk.format = *known;
  disk.size_mb = TRY(size_of(disk.id, disk.attributes));
  disk.attributes.set("SIZE", std::to_string(disk.size_mb));
  disk.attributes.set("FORMAT", format);
  disk.attributes.set("DRIVER", format);
  disk.attributes.set("TYPE", type == "SWAP" ? "swap" : "fs");
  disk.attributes.set("DISK_TYPE", "FILE");
  targets.push_back(TRY(target_of(reading, disk, {}, kRankData)));
  reading.fresh.vm.disk_mb += disk.size_mb;
  reading.fresh.disks.push_back(std::move(disk));
  return {};
}

Result<void> add_disk(Reading& reading, VmDisk disk, std::vector<TargetAsk>& targets) {
  for (const auto& [key, value] : disk.attributes.items()) {
    if (!is_refused(key)) continue;
    return fail(Errc::kInvalid, "DISK {}: {} is refused: only the server writes it", disk.id, key);
  }
  const bool has_image = disk.attributes.has("IMAGE") || disk.attributes.has("IMAGE_ID");
  if (!has_image && disk.attributes.has("SOURCE")) {
    return fail(Errc::kInvalid, "DISK {}: SOURCE is refused: register the file as an IMAGE",
                disk.id);
  }
  for (const auto key : kServerKeys) disk.attributes.erase(key);
  CHECK_OK(check_choices(disk.id, disk.attributes));
  disk.attributes.set("DISK_ID", fmt::format("{}", disk.id));
  return has_image ? add_image_disk(reading, std::move(disk), targets)
                   : add_volatile_disk(reading, std::move(disk), targets);
}

Result<void> add_context_disk(Reading& reading, DiskId id, std::vector<TargetAsk>& targets) {
  const auto* asked = reading.ask.find_vector("CONTEXT");
  if (asked == nullptr) return {};
  for (const auto* key : {"FILES", "FILES_DS"}) {
    if (!asked->get(key).empty()) {
      return fail(Errc::kInvalid, "CONTEXT/{} is refused: there are no datastores of files yet",
                  key);
    }
  }
  VmDisk disk;
  disk.id = id;
  disk.kind = DiskKind::kContext;
  disk.format = Format::kRaw;
  const auto* os = reading.ask.find_vector("OS");
  std::string machine = os == nullptr ? "" : os->get("MACHINE");
  if (machine.empty()) machine = reading.settings.default_machine;
  TargetAsk target{id, machine.find("q35") == std::string::npos ? "hd" : "sd",
                   asked->get("TARGET"), kRankCdrom};
  if (!target.target.empty()) target.prefix = target.target.substr(0, 2);
  (void)TRY(prefix_from("CONTEXT/TARGET", target.prefix));
  if (target.prefix == "vd") {
    return fail(Errc::kInvalid, "CONTEXT/TARGET = \"{}\" is not for a CD-ROM; say hd or sd",
                target.target);
  }
  targets.push_back(std::move(target));
  reading.fresh.disks.push_back(std::move(disk));
  text::Vector context = *asked;
  context.set("DISK_ID", fmt::format("{}", id));
  reading.fresh.vm.attributes.set("CONTEXT", std::move(context));
  return {};
}

/// Shows the target where clients look for it.
void show_target(Reading& reading, VmDisk& disk, const TargetAsk& ask) {
  disk.target = ask.target;
  if (disk.kind == DiskKind::kContext) {
    text::Vector context = *reading.fresh.vm.attributes.find_vector("CONTEXT");
    context.set("TARGET", ask.target);
    reading.fresh.vm.attributes.set("CONTEXT", std::move(context));
    return;
  }
  disk.attributes.set("TARGET", ask.target);
  disk.attributes.set("DEV_PREFIX", ask.prefix);
}

}  // namespace

Result<void> read_disks(Reading& reading) {
  std::vector<TargetAsk> targets;
  std::int64_t next_id = 0;
  for (const auto* asked : reading.ask.vectors("DISK")) {
    VmDisk disk;
    disk.id = DiskId{next_id++};
    disk.attributes = *asked;
    CHECK_OK(add_disk(reading, std::move(disk), targets));
  }
  CHECK_OK(add_context_disk(reading, DiskId{next_id}, targets));
  CHECK_OK(assign_targets(targets));
  auto& disks = reading.fresh.disks;
  for (std::size_t at = 0; at < disks.size(); ++at) show_target(reading, disks[at], targets[at]);
  std::stable_sort(disks.begin(), disks.end(), [](const VmDisk& left, const VmDisk& right) {
    const auto rank = [](const VmDisk& disk) {
      return disk.kind == DiskKind::kContext ? 2 : disk.kind == DiskKind::kCdrom ? 1 : 0;
    };
    return rank(left) < rank(right);
  });
  return {};
}

Result<void> read_one_disk(Reading& reading, VmDisk disk) {
  std::vector<TargetAsk> targets;
  for (const VmDisk& other : reading.fresh.disks) {
    targets.push_back({other.id, other.target.substr(0, 2), other.target, kRankOs});
  }
  CHECK_OK(add_disk(reading, std::move(disk), targets));
  CHECK_OK(assign_targets(targets));
  show_target(reading, reading.fresh.disks.back(), targets.back());
  return {};
}

}  // namespace neph::compute
