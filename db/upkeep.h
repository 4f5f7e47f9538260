#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"

/// A store file looked at, copied and put back through a connection of its own. All functions
/// block, and may be called from any thread; none disturbs the daemon that uses the store.
namespace neph::db {

/// What SQLite finds wrong in a store (integrity_check, foreign_key_check): empty when it is whole.
/// Reads all of it. \returns kUnavailable, kInvalid when the file cannot be read as a database
[[nodiscard]] Result<std::vector<std::string>> find_faults(const std::filesystem::path& store);

struct StoreFacts {
  std::int64_t schema = 0;                      ///< number of its last migration
  std::string identity;                         ///< the same in a store and in its backups
  std::map<std::string, std::int64_t> counters; ///< the next id of each kind of object
};
/// \returns kNotFound without such a file, kInvalid when it is no store of ours or of a newer nephd
[[nodiscard]] Result<StoreFacts> inspect_store(const std::filesystem::path& store);

/// Copies a store as it is at one instant into one file, while it is in use: writers go on, for
/// they append to the WAL that this reader has behind it. The copy is checked, on disk, readable
/// by its owner alone, and appears under its name when it is whole.
/// \param part  where it is made, beside `target`; one that is there is replaced
/// \returns kConflict when `target` exists, or the copy was cancelled
[[nodiscard]] Result<void> copy_store(const std::filesystem::path& store,
                                      const std::filesystem::path& part,
                                      const std::filesystem::path& target, Progress& progress);

/// Counters never go back: each becomes at least what `counters` says. Nobody else uses the store.
[[nodiscard]] Result<void> raise_counters(const std::filesystem::path& store,
                                          const std::map<std::string, std::int64_t>& counters);

/// Folds what the WAL holds into the file itself, so that the file alone is the store. Nobody else
/// uses it.
[[nodiscard]] Result<void> settle_store(const std::filesystem::path& store);

}  // namespace neph::db
