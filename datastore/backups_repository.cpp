#include "datastore/backups.h"

#include "datastore/internal/image_jobs.h"

namespace neph::datastore {

std::string backup_path_of(const Image& image, DiskId disk) {
  return fmt::format("{}.disk-{}", image.source, disk);
}

std::string backup_resource(ImageId image) { return fmt::format("backup/{}", image); }

Result<Backup> find_backup(db::Txn& txn, ImageId image) {
  auto row = txn.query("SELECT vm_id, grade FROM backups WHERE image_id = ?", image);
  if (!row.next()) return fail(Errc::kWrongState, "image {} is no backup of a VM", image);
  Backup backup{image, row.get<VmId>(0), row.get<Grade>(1), {}};
  auto disk = txn.query(
      "SELECT disk_id, path, size_mb, sha256 FROM backup_disks WHERE image_id = ?"
      " ORDER BY disk_id",
      image);
  while (disk.next())
    backup.disks.push_back({disk.get<DiskId>(0), disk.text(1), disk.integer(2), disk.text(3)});
  return backup;
}

std::vector<ImageId> list_backups_of(db::Txn& txn, VmId vm) {
  std::vector<ImageId> found;
  auto row = txn.query(
      "SELECT i.id FROM backups b JOIN images i ON i.id = b.image_id"
      " WHERE b.vm_id = ? AND i.state IN (?, ?) ORDER BY i.id",
      vm, ImageState::kReady, ImageState::kDisabled);
  while (row.next()) found.push_back(row.get<ImageId>(0));
  return found;
}

void save_backup(db::Txn& txn, const Backup& backup) {
  txn.exec(
      "INSERT INTO backups(image_id, vm_id, grade) VALUES (?, ?, ?)"
      " ON CONFLICT DO UPDATE SET grade = excluded.grade",
      backup.image, backup.vm, backup.grade);
  txn.touch(ObjectKind::kImage, backup.image);
  txn.touch(ObjectKind::kVm, backup.vm);
  for (const BackupDisk& disk : backup.disks) save_backup_disk(txn, backup.image, disk);
}

void save_backup_disk(db::Txn& txn, ImageId image, const BackupDisk& disk) {
  txn.exec(
      "INSERT INTO backup_disks(image_id, disk_id, path, size_mb, sha256) VALUES (?, ?, ?, ?, ?)"
      " ON CONFLICT DO UPDATE SET size_mb = excluded.size_mb, sha256 = excluded.sha256",
      image, disk.id, disk.path, disk.size_mb, disk.sha256);
  txn.touch(ObjectKind::kImage, image);
}

void start_deleting_backup(db::Txn& txn, ImageId id) {
  if (auto image = find_image(txn, id)) start_deleting(txn, std::move(*image));
}

}  // namespace neph::datastore
