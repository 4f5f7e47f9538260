#pragma once

#include <string>
#include <vector>

#include "compute/vm_template.h"
#include "datastore/image_service.h"

/// What is done to a template together with the images of its disks.
namespace neph::compute {

/// The images that the disks name, each once. Disks without an image are passed over; an image by
/// name is one of the caller's, unless the DISK names another owner.
/// \returns kNotFound, kInvalid naming the DISK
[[nodiscard]] Result<std::vector<ImageId>> list_template_images(db::Txn& txn,
                                                                const access::Actor& actor,
                                                                TemplateId id);

struct CloneWithImages {
  TemplateId source;
  std::string name;                 ///< images are called <name>-disk-<n>
  bool makes_persistent = false;    ///< the images
  text::Template extra;             ///< replaces attributes of the same name in the copy
};
/// A template of the caller's, whose disks stand on copies of the images; these are LOCKED until
/// they are there. \returns kDenied (USE of an image, what the copies take), kWrongState
///   (an image is not READY), kConflict (a name)
[[nodiscard]] Result<TemplateId> clone_with_images(db::Txn& txn, const access::Actor& actor,
                                                   datastore::ImageService& images,
                                                   const CloneWithImages& ask);

}  // namespace neph::compute
