#pragma once

#include "compute/internal/factory.h"

/// What a DISK takes from its image.
namespace neph::compute {

/// The image of DISK [IMAGE_ID] or [IMAGE, with IMAGE_UID or IMAGE_UNAME when it is another's].
/// Without either of these a name is one of `by`'s. \returns kNotFound naming it
[[nodiscard]] Result<datastore::Image> find_asked_image(db::Txn& txn, UserId by,
                                                        const VmDisk& disk);
/// USE of the image, a type that can be a disk, and a state that allows it. An image that is being
/// copied is noted in waits_for; one whose snapshot is only armed is refused, unless the DISK says
/// WAIT_FOR_SNAPSHOT = YES. \returns kDenied, kInvalid, kWrongState naming who has it
[[nodiscard]] Result<void> check_usable(Reading& reading, const VmDisk& disk,
                                        const datastore::Image& image);
/// Fills in the attributes that clients read; the disk's kind, size and format are set.
void inherit_image(VmDisk& disk, const datastore::Image& image,
                   const datastore::Datastore& datastore);

}  // namespace neph::compute
