#pragma once

#include <filesystem>

#include "compute/settings.h"
#include "datastore/image_service.h"
#include "db/database.h"

namespace neph::daemon {

/// Image and template "demo" of oneadmin, made of a qcow2 file where they are missing: what a first
/// VM can boot from. The file has to be in a directory that images may be made of. Store lane, or
/// before it runs.
/// \returns kNotFound when the file is needed and is not there
[[nodiscard]] Result<void> ensure_demo(db::Txn& txn, datastore::ImageService& images,
                                       const compute::Settings& settings,
                                       const std::filesystem::path& file);

}  // namespace neph::daemon
