#include "compute/internal/image_disk.h"

#include <algorithm>
#include <array>

#include "access/directory.h"
#include "base/numbers.h"
#include "compute/internal/vm_rows.h"

namespace neph::compute {
namespace {

using datastore::Image;
using datastore::ImageState;
using datastore::ImageType;

/// OpenNebula's INHERIT_IMAGE_ATTR and INHERIT_DATASTORE_ATTR, as far as files go.
constexpr auto kFromImage = std::to_array<std::string_view>({"DISK_TYPE", "SERIAL"});
constexpr auto kFromDatastore = std::to_array<std::string_view>(
    {"DISK_TYPE", "QCOW2_STANDALONE", "SPARSE", "PERSISTENT_SNAPSHOTS"});

/// "3,7", or what an image of several clusters shows.
std::string id_list(const std::vector<ClusterId>& clusters) {
  std::string list;
  for (const auto cluster : clusters) list += fmt::format("{}{}", list.empty() ? "" : ",", cluster);
  return list;
}

/// A LOCKED image with a snapshot attribute may have nothing in it for a long time.
Result<void> check_arriving(const VmDisk& disk, const Image& image) {
  const auto* snapshot = image.attributes.find_vector("SNAPSHOT");
  if (snapshot == nullptr) return {};
  const std::string phase = snapshot->get("PHASE");
  if (phase == "armed" && !disk.attributes.is_yes("WAIT_FOR_SNAPSHOT")) {
    return fail(Errc::kWrongState,
                "DISK {}: image {} is not there yet: VM {} must stop first. To wait for it, say"
                " WAIT_FOR_SNAPSHOT = YES in the DISK",
                disk.id, image.id, snapshot->get("VM_ID"));
  }
  if (phase == "failed") {
    return fail(Errc::kWrongState,
                "DISK {}: image {} is not there: its snapshot of VM {} has failed", disk.id,
                image.id, snapshot->get("VM_ID"));
  }
  return {};
}

/// A persistent image is written in place, so it has one user at a time, and nobody reads it.
Result<void> check_exclusive(Reading& reading, DiskId disk, const Image& image) {
  // Before the users: an ended VM that keeps it is one of them, but has a better reason.
  if (const auto vm = find_retaining_vm(reading.txn, image.id)) {
    return fail(Errc::kWrongState,
                "DISK {}: image {} is persistent and kept for a snapshot of VM {}", disk, image.id,
                *vm);
  }
  const auto use = datastore::image_use(reading.txn, image.id);
  if (!use.vms.empty()) {
    return fail(Errc::kWrongState, "DISK {}: image {} is persistent and VM {} uses it", disk,
                image.id, use.vms.front());
  }
  if (!use.clones.empty()) {
    return fail(Errc::kWrongState,
                "DISK {}: image {} is persistent and image {} is being copied from it", disk,
                image.id, use.clones.front());
  }
  if (!use.pinned_by.empty()) {
    return fail(Errc::kWrongState, "DISK {}: image {} is persistent and snapshot {} still reads it",
                disk, image.id, use.pinned_by.front());
  }
  for (const auto& other : reading.fresh.disks) {
    if (other.image != image.id) continue;
    return fail(Errc::kInvalid, "DISK {}: image {} is persistent and disk {} already", disk,
                image.id, other.id);
  }
  return {};
}

Result<UserId> owner_of_asked(db::Txn& txn, UserId by, const VmDisk& disk) {
  if (const auto* uid = disk.attributes.find("IMAGE_UID")) {
    const auto number = integer_from(*uid);
    if (number) return UserId{*number};
    return fail(Errc::kInvalid, "DISK {}: IMAGE_UID = \"{}\" is not a number", disk.id, *uid);
  }
  if (const auto* name = disk.attributes.find("IMAGE_UNAME")) {
    const auto user = access::find_user_by_name(txn, *name);
    if (user) return user->id;
    return fail(Errc::kNotFound, "DISK {}: there is no user \"{}\" (IMAGE_UNAME)", disk.id, *name);
  }
  return by;
}

}  // namespace

Result<Image> find_asked_image(db::Txn& txn, UserId by, const VmDisk& disk) {
  if (const auto* id = disk.attributes.find("IMAGE_ID")) {
    const auto number = integer_from(*id);
    if (number && *number >= 0) return datastore::find_image(txn, ImageId{*number});
    return fail(Errc::kInvalid, "DISK {}: IMAGE_ID = \"{}\" is not the id of an image", disk.id,
                *id);
  }
  const auto owner = TRY(owner_of_asked(txn, by, disk));
  const std::string name = disk.attributes.get("IMAGE");
  auto image = datastore::find_image_by_name(txn, owner, name);
  if (image) return std::move(*image);
  return fail(Errc::kNotFound, "DISK {}: user {} does not own an image with name: {}. Set"
              " IMAGE_UNAME or IMAGE_UID of owner in DISK.", disk.id, owner, name);
}

Result<void> check_usable(Reading& reading, const VmDisk& asked, const Image& image) {
  const DiskId disk = asked.id;
  CHECK_OK(access::authorize(reading.txn, reading.actor, access::Op::kUse,
                             datastore::subject_of(image)));
  if (image.type != ImageType::kOs && image.type != ImageType::kDatablock &&
      image.type != ImageType::kCdrom) {
    return fail(Errc::kInvalid, "DISK {}: image {} is of type {} and cannot be a disk", disk,
                image.id, name_of(image.type));
  }
  if (image.is_persistent && image.type != ImageType::kCdrom) {
    CHECK_OK(check_exclusive(reading, disk, image));
  }
  if (image.state == ImageState::kReady) return {};
  if (image.state != ImageState::kLocked) {
    return fail(Errc::kWrongState, "DISK {}: image {} cannot be used, its state is {}", disk,
                image.id, name_of(image.state));
  }
  CHECK_OK(check_arriving(asked, image));
  auto& waits = reading.fresh.waits_for;
  if (std::find(waits.begin(), waits.end(), image.id) == waits.end()) waits.push_back(image.id);
  return {};
}

void inherit_image(VmDisk& disk, const Image& image, const datastore::Datastore& datastore) {
  auto& shown = disk.attributes;
  const bool is_cdrom = disk.kind == DiskKind::kCdrom;
  const bool is_cloned = !is_cdrom && !disk.is_persistent;
  for (const auto key : kFromImage) {
    if (const auto* value = image.attributes.find(key)) shown.inherit(key, *value);
  }
  for (const auto key : kFromDatastore) {
    if (const auto* value = datastore.attributes.find(key)) shown.inherit(key, *value);
  }
  shown.inherit("DISK_TYPE", "FILE");
  shown.inherit("READONLY", is_cdrom ? "YES" : "NO");
  if (is_cdrom) shown.set("READONLY", "YES");
  shown.set("IMAGE", image.name);
  shown.set("IMAGE_ID", fmt::format("{}", image.id));
  shown.set("SOURCE", image.source);
  shown.set("DATASTORE", datastore.name);
  shown.set("DATASTORE_ID", fmt::format("{}", datastore.id));
  shown.set("TM_MAD", datastore.tm_mad);
  shown.set("CLUSTER_ID", id_list(datastore.clusters));
  shown.set("TYPE", is_cdrom ? "CDROM" : "FILE");
  shown.set("SIZE", std::to_string(disk.size_mb));
  shown.set("ORIGINAL_SIZE", std::to_string(image.size_mb));
  shown.set("FORMAT", std::string(name_of(image.format)));
  // The layer that QEMU opens: an overlay of qcow2, whatever the image below is.
  shown.set("DRIVER", std::string(name_of(disk.format)));
  shown.set("CLONE", is_cloned ? "YES" : "NO");
  shown.set("SAVE", disk.is_persistent ? "YES" : "NO");
  if (disk.is_persistent) shown.set("PERSISTENT", "YES");
  shown.set("LN_TARGET", datastore.attributes.get("LN_TARGET", "NONE"));
  shown.set("CLONE_TARGET", datastore.attributes.get("CLONE_TARGET", "SYSTEM"));
  shown.set("ALLOW_ORPHANS", datastore.attributes.get("ALLOW_ORPHANS", "NO"));
  shown.set("DISK_SNAPSHOT_TOTAL_SIZE", "0");
}

}  // namespace neph::compute
