#pragma once

#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace neph::daemon {

struct RestoreReport {
  std::filesystem::path kept;  ///< the store that was replaced, empty if there was none
  std::int64_t next_vm = 0;    ///< the id that the next VM gets
  bool knows_successor = false; ///< ids go on from the replaced store; else by a margin
};

/// Puts a backup in the place of the store of a state directory, which this process has locked.
/// The backup is verified first; the store that was there is kept aside, and until the last moment
/// it is the store. No id is given twice: docs/decisions/0006-restored-ids.md.
/// \returns kInvalid when the file is no whole backup of ours, or of a newer nephd
[[nodiscard]] Result<RestoreReport> restore_store(const std::filesystem::path& state,
                                                  const std::filesystem::path& backup, Instant now);

}  // namespace neph::daemon
