#pragma once

#include "compute/vm_factory.h"

/// What the two readers of a plan share.
namespace neph::compute {

/// nullptr when the disk has none, or it is gone.
[[nodiscard]] const datastore::Image* image_of(const VmPlan& plan, const VmDisk& disk);
/// Whether the VM's own layer lies on top of the image's file.
[[nodiscard]] bool is_overlay(const VmDisk& disk);

}  // namespace neph::compute
