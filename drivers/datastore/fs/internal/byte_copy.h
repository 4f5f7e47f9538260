#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/units.h"
#include "drivers/datastore/fs/internal/file.h"

/// Bytes of one file into another, and through a hash. Holes stay holes.
namespace neph::datastore_driver::fs {

/// Makes `target` share all blocks of `source` (FICLONE, XFS and Btrfs among others).
/// \returns false where the file system cannot; the target is empty then
[[nodiscard]] Result<bool> share_all_blocks(const Fd& source, const Fd& target,
                                            const std::string& target_path);

/// Whether the file shares any block with another (FIEMAP); false where nobody can tell.
[[nodiscard]] bool has_shared_blocks(const Fd& file);

enum class Hashing { kNone, kSha256 };

struct CopyPlan {
  const Fd& source;
  std::string source_path;
  const Fd& target;  ///< empty
  std::string target_path;
  Hashing hashing = Hashing::kNone;
  std::optional<Bytes> rate_max;  ///< bytes per second
};

/// Copies a file sparsely and fsyncs it. Blocks of zeros become holes as well when hashing.
/// \returns the SHA-256 of the whole target in hex, empty for kNone; kConflict when cancelled
[[nodiscard]] Result<std::string> copy_bytes(const CopyPlan& plan, Clock& clock,
                                             Progress& progress);

/// SHA-256 of a file in hex. Holes are not read but count as zeros.
[[nodiscard]] Result<std::string> hash_bytes(const Fd& file, const std::string& path,
                                             Progress& progress);

}  // namespace neph::datastore_driver::fs
