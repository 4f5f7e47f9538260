#pragma once

#include <filesystem>

#include "base/progress.h"
#include "check/facts.h"
#include "drivers/catalogue.h"

namespace neph::check {

/// Asks every host for its domains and every datastore for its files, and looks at the files that
/// rows name. Blocks; on a driver lane. What does not answer is told in `unseen`.
/// \param store  file of the state store, empty for one in memory: SQLite checks it too
[[nodiscard]] Seen look(const DriverCatalogue& drivers, const Catalogue& rows,
                        const std::filesystem::path& store, Progress& progress);

}  // namespace neph::check
