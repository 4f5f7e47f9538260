#pragma once

#include <string>
#include <vector>

#include "access/permissions.h"
#include "compute/settings.h"
#include "db/database.h"
#include "drivers/catalogue.h"
#include "text/template.h"

/// A backup becomes something new: images of its disks, and a template of a VM that stands on them.
namespace neph::compute {

struct NewFromBackup {
  ImageId backup;
  DatastoreId datastore;  ///< of the images
  /// NAME of the template, images are called <name>-disk-<n>; without it <VM's name>-<backup>.
  /// NO_NIC=YES: without NICs; NO_IP=YES: they take new addresses; DISK_ID: one image alone.
  text::Template options;
};
struct MadeFromBackup {
  TemplateId vm_template;        ///< unset with DISK_ID
  std::vector<ImageId> images;   ///< in the order of disks; LOCKED until they are copied
};
/// The template says what the VM of the backup says now, or said when it ended, but nothing of its
/// addresses in CONTEXT and of its last backup. Disks that the backup does not have are as there:
/// volatile ones empty, others on the image that they name. Numbers of disks and NICs close up.
/// What only administrators may set in templates is left out for others.
/// Store lane; USE of the backup is the caller's business.
/// \returns as datastore::make_image_of_backup() and create_template()
[[nodiscard]] Result<MadeFromBackup> make_from_backup(db::Txn& txn, const access::Actor& actor,
                                                      const Settings& settings,
                                                      const DriverCatalogue& drivers,
                                                      const NewFromBackup& ask);

}  // namespace neph::compute
