#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace neph {

/// A disk in memory below SQLite that forgets on a power cut what nobody has synced.
///
/// It is a VFS of SQLite ("lossy", the default one once a disk has been made) that takes care of
/// its own paths and leaves all others to the system's. Files are what was synced and a list of
/// writes and truncations since. Of that list a power cut keeps and drops at will, sector by
/// sector, in any order, so pages are torn; a file that only grew may hold zeros or noise. Files
/// made or removed since the directory was last synced come and go as in a journaled file system:
/// the first so many of the changes have survived. The index of the log (shared memory) is gone.
///
/// One connection at a time: nobody is ever locked out. Not thread safe.
class LossyDisk {
 public:
  enum class Effect { kWrite = 1, kTruncate = 2, kSync = 3, kCreate = 4, kRemove = 5 };
  /// Told before each effect; may cut the power, and the effect does not happen then.
  using Watcher = std::function<void(Effect, std::string_view file)>;

  LossyDisk();
  ~LossyDisk();
  LossyDisk(const LossyDisk&) = delete;
  LossyDisk& operator=(const LossyDisk&) = delete;

  /// Where a file of this disk is, for db::Database::open().
  [[nodiscard]] std::filesystem::path path(std::string_view name) const;
  /// A file that was there before, synced.
  void put(std::string_view name, const std::vector<unsigned char>& content);
  void watch(Watcher watcher);
  /// What was not synced is lost or not, as the seed says. Whatever is open can do nothing any
  /// more but be closed, and nothing can be opened until power_on().
  void power_cut(std::uint64_t seed);
  void power_on();
  [[nodiscard]] bool is_on() const;

  struct Disk;  ///< for the VFS

 private:
  std::unique_ptr<Disk> disk_;
};

}  // namespace neph
