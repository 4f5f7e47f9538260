#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datastore/holds.h"
#include "datastore/image.h"

/// Images of type BACKUP: the disks of a VM at one instant, each in a qcow2 file of its own.
/// `snapshots` makes them, `compute` restores VMs from them. Store lane, inside the caller's
/// transaction.
namespace neph::datastore {

struct BackupDisk {
  DiskId id;            ///< its number in the VM
  std::string path;
  std::int64_t size_mb = 0;
  std::string sha256;   ///< of the file; empty: not known
};
struct Backup {
  ImageId image;
  VmId vm;
  Grade grade = Grade::kNone;  ///< of the worst of its disks
  std::vector<BackupDisk> disks;
};

/// Where the file of a disk goes: the image's source is what all of them begin with.
[[nodiscard]] std::string backup_path_of(const Image& image, DiskId disk);
/// The resource that a job claims while it reads a backup: nobody deletes that meanwhile.
[[nodiscard]] std::string backup_resource(ImageId image);

/// \returns kWrongState for an image that is no backup
[[nodiscard]] Result<Backup> find_backup(db::Txn& txn, ImageId image);
/// Those of a VM that are whole, oldest first.
[[nodiscard]] std::vector<ImageId> list_backups_of(db::Txn& txn, VmId vm);
/// Inserts or updates; touches the image and the VM.
void save_backup(db::Txn& txn, const Backup& backup);
void save_backup_disk(db::Txn& txn, ImageId image, const BackupDisk& disk);

/// Queues "image.delete", which removes files and row.
void start_deleting_backup(db::Txn& txn, ImageId image);

}  // namespace neph::datastore
