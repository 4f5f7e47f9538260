#pragma once

#include <filesystem>
#include <string>

/// Looks into disks of the demo guest from outside, without mounting them.
namespace neph::e2e {

/// What the file system says about itself.
enum class Shutdown {
  kClean,  ///< nothing to replay: it was unmounted or frozen
  kAny,    ///< its journal may have to be replayed, as after a power cut
};

/// The ext4 file system of a qcow2 disk, copied out of it. Throws when a tool fails.
class FileSystemCopy {
 public:
  FileSystemCopy(const std::filesystem::path& disk, const std::filesystem::path& folder);
  ~FileSystemCopy();
  FileSystemCopy(const FileSystemCopy&) = delete;
  FileSystemCopy& operator=(const FileSystemCopy&) = delete;

  /// Replays the journal if that is allowed, then checks everything.
  /// \returns what e2fsck found, empty when nothing is wrong
  [[nodiscard]] std::string faults(Shutdown shutdown);
  /// Content of a file, for example "/marker".
  [[nodiscard]] std::string read(const std::string& path) const;
  /// Takes a file out. \returns where it is
  [[nodiscard]] std::filesystem::path extract(const std::string& path) const;

 private:
  std::filesystem::path folder_;
  std::filesystem::path raw_;
};

/// What iowriter says about a first and a second file.
struct Order {
  bool is_kept = false;
  std::string words;
};
[[nodiscard]] Order judge_order(const std::filesystem::path& first,
                                const std::filesystem::path& second);

/// Name of the file that qcow2 `disk` stands on, empty for none.
[[nodiscard]] std::string backing_of(const std::filesystem::path& disk);

}  // namespace neph::e2e
