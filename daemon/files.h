#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

/// Small files that others read while we write them. Any thread.
namespace neph::daemon {

/// The state store in a state directory.
[[nodiscard]] inline std::filesystem::path store_file(const std::filesystem::path& state) {
  return state / "nephd.db";
}

/// What errno says of `what` ("open", "sync") done to a file.
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string_view what,
                                               const std::filesystem::path& file);

/// What was renamed or removed in it stays so after a power cut.
[[nodiscard]] Result<void> sync_directory(const std::filesystem::path& directory);

enum class Readers { kOwner, kAll };  ///< mode 0600, mode 0644

/// Replaces a file as a whole and durably: who reads it sees the old text or the new one, also
/// after a power cut. The mode holds from the first byte on.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& file, const std::string& text,
                                        Readers readers);

/// A file for the owner alone (0600), made empty if it is missing; one that is there is left alone.
[[nodiscard]] Result<void> ensure_private_file(const std::filesystem::path& file);

/// A directory for the owner alone (0700) or for owner and group (0750), made if it is missing
/// together with those above it. One that is there keeps its mode.
enum class Privacy { kOwner, kGroup };
[[nodiscard]] Result<void> ensure_directory(const std::filesystem::path& directory,
                                            Privacy privacy);

/// A directory in a place where anybody may write, such as /var/tmp. \returns kDenied unless it is
/// a directory, no link, of this user and closed to others
[[nodiscard]] Result<void> ensure_own_directory(const std::filesystem::path& directory);

}  // namespace neph::daemon
