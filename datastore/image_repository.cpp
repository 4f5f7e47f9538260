#include "datastore/image.h"
#include "datastore/internal/rows.h"
#include "db/counters.h"
#include "db/stored_template.h"

namespace neph::datastore {

namespace {

constexpr std::string_view kImageById =
    "SELECT id, name, user_id, group_id, permissions, type, disk_type, is_persistent, state,"
    " datastore_id, size_mb, source, format, original_path, cloning_id, sha256, modified_by_vm,"
    " registered_at, job_id, template FROM images WHERE id = ?";

Image image_from(const db::Cursor& row) {
  Image image;
  image.id = row.get<ImageId>(0);
  image.name = row.text(1);
  image.owner = row.get<UserId>(2);
  image.group = row.get<GroupId>(3);
  image.permissions = {row.get<int>(4)};
  image.type = row.get<ImageType>(5);
  image.disk_type = row.get<int>(6);
  image.is_persistent = row.get<bool>(7);
  image.state = row.get<ImageState>(8);
  image.datastore = row.get<DatastoreId>(9);
  image.size_mb = row.integer(10);
  image.source = row.text(11);
  image.format = row.text(12) == name_of(datastore_driver::Format::kRaw)
                     ? datastore_driver::Format::kRaw
                     : datastore_driver::Format::kQcow2;
  image.original_path = row.text(13);
  image.cloning = row.get<ImageId>(14);
  image.sha256 = row.text(15);
  image.modified_by = row.get<VmId>(16);
  image.registered = {row.integer(17) * 1000};
  image.job = row.get<JobId>(18);
  image.attributes = db::stored_template(row.text(19));
  return image;
}

/// Everything whose document shows something of the image.
void touch(db::Txn& txn, const Image& image) {
  txn.touch(ObjectKind::kImage, image.id);
  txn.touch(ObjectKind::kDatastore, image.datastore);
  txn.touch(ObjectKind::kUser, image.owner);
  txn.touch(ObjectKind::kGroup, image.group);
  if (image.cloning.is_set()) txn.touch(ObjectKind::kImage, image.cloning);
  if (image.type != ImageType::kBackup) return;
  const auto vm = txn.value<VmId>("SELECT vm_id FROM backups WHERE image_id = ?", image.id);
  if (vm) txn.touch(ObjectKind::kVm, *vm);
}

template <class T, class... Args>
std::vector<T> read_ids(db::Txn& txn, std::string_view sql, const Args&... args) {
  std::vector<T> ids;
  db::Cursor rows = txn.query(sql, args...);
  while (rows.next()) ids.push_back(rows.get<T>(0));
  return ids;
}

}  // namespace

Result<Image> find_image(db::Txn& txn, ImageId id) {
  auto row = txn.query(kImageById, id);
  if (!row.next()) return fail(Errc::kNotFound, "Error getting image [{}].", id);
  return image_from(row);
}

std::optional<Image> find_image_by_name(db::Txn& txn, UserId owner, std::string_view name) {
  const auto id =
      txn.value<ImageId>("SELECT id FROM images WHERE user_id = ? AND name = ?", owner, name);
  if (!id) return std::nullopt;
  auto image = find_image(txn, *id);
  if (!image) return std::nullopt;
  return std::move(*image);
}

std::vector<ImageId> list_images(db::Txn& txn) {
  return read_ids<ImageId>(txn, "SELECT id FROM images ORDER BY id");
}

ImageUse image_use(db::Txn& txn, ImageId id) {
  ImageUse use;
  // 6 is DONE: a VM that has ended lets go of its images, unless a snapshot still reads the disk.
  use.vms = read_ids<VmId>(
      txn,
      "SELECT DISTINCT d.vm_id FROM vm_disks d JOIN vms v ON v.id = d.vm_id"
      " WHERE d.image_id = ? AND (v.state <> 6 OR d.is_retained = 1) ORDER BY d.vm_id",
      id);
  use.clones =
      read_ids<ImageId>(txn, "SELECT id FROM images WHERE cloning_id = ? ORDER BY id", id);
  // 5, 8 and 9 are the phases after which a snapshot reads nothing any more: ready, cancelled,
  // discarded. A failed one keeps its disk, and so what the disk stands on.
  use.pinned_by = read_ids<SnapshotId>(
      txn,
      "SELECT s.id FROM snapshots s"
      " JOIN vm_disks d ON d.vm_id = s.vm_id AND d.disk_id = s.disk_id"
      " WHERE d.image_id = ? AND s.phase NOT IN (5, 8, 9) ORDER BY s.id",
      id);
  return use;
}

ImageId insert_image(db::Txn& txn, Image image) {
  image.id = db::take_id<ImageId>(txn, "image");
  txn.exec(
      "INSERT INTO images(id, name, user_id, group_id, permissions, type, disk_type,"
      " is_persistent, state, datastore_id, size_mb, source, format, original_path, cloning_id,"
      " sha256, modified_by_vm, registered_at, job_id, template)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      image.id, image.name, image.owner, image.group, image.permissions.bits, image.type,
      image.disk_type, image.is_persistent, image.state, image.datastore, image.size_mb,
      image.source, name_of(image.format), image.original_path, image.cloning, image.sha256,
      image.modified_by, image.registered.seconds(), image.job, image.attributes.to_text());
  touch(txn, image);
  return image.id;
}

void save_image(db::Txn& txn, const Image& image) {
  // Who had it before shows its use, too: owners after chown, the source after a clone ended.
  const auto before = find_image(txn, image.id);
  if (before) touch(txn, *before);
  txn.exec(
      "UPDATE images SET name = ?, user_id = ?, group_id = ?, permissions = ?, type = ?,"
      " disk_type = ?, is_persistent = ?, state = ?, datastore_id = ?, size_mb = ?, source = ?,"
      " format = ?, original_path = ?, cloning_id = ?, sha256 = ?, modified_by_vm = ?,"
      " registered_at = ?, job_id = ?, template = ? WHERE id = ?",
      image.name, image.owner, image.group, image.permissions.bits, image.type, image.disk_type,
      image.is_persistent, image.state, image.datastore, image.size_mb, image.source,
      name_of(image.format), image.original_path, image.cloning, image.sha256, image.modified_by,
      image.registered.seconds(), image.job, image.attributes.to_text(), image.id);
  touch(txn, image);
}

void delete_image_row(db::Txn& txn, ImageId id) {
  const auto image = find_image(txn, id);
  if (!image) return;
  touch(txn, *image);
  txn.exec("DELETE FROM images WHERE id = ?", id);
}

void disown(db::Txn& txn, ImageId id) {
  const auto image = find_image(txn, id);
  if (!image) return;
  touch(txn, *image);
  txn.exec("UPDATE images SET user_id = -1, group_id = -1 WHERE id = ?", id);
}

std::optional<ImageId> find_image_by_source(db::Txn& txn, std::string_view source) {
  return txn.value<ImageId>("SELECT id FROM images WHERE source = ?", source);
}

access::Subject subject_of(const Image& image) {
  return {.kind = access::Resource::kImage,
          .id = image.id.value,
          .name = image.name,
          .owner = image.owner,
          .group = image.group,
          .permissions = image.permissions,
          .clusters = {}};
}

}  // namespace neph::datastore
