#pragma once

#include <string>

#include "access/permissions.h"
#include "datastore/backups.h"
#include "drivers/catalogue.h"

namespace neph::datastore {

struct ImageOfBackup {
  ImageId backup;
  DiskId disk;            ///< which of its disks
  std::string name;       ///< of the new image
  ImageType type = ImageType::kOs;
  std::string device_prefix;  ///< DEV_PREFIX; empty: none
  DatastoreId datastore;      ///< an image datastore with the driver of the backup's
};
/// A disk of a backup becomes an image of the caller's own. The image is LOCKED until a job
/// "image.clone" has copied the file; the backup cannot be deleted meanwhile. Store lane; USE of
/// the backup is the caller's business, CREATE IMAGE, USE DATASTORE and quota are checked here.
/// \returns kDenied, kNotFound, kConflict (name), kExhausted, kWrongState (no READY backup, another
///   driver), kInvalid (a datastore for something else)
[[nodiscard]] Result<ImageId> make_image_of_backup(db::Txn& txn, const DriverCatalogue& drivers,
                                                   const access::Actor& actor,
                                                   const ImageOfBackup& ask);

}  // namespace neph::datastore
