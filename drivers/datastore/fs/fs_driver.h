#pragma once

#include <map>
#include <mutex>
#include <string>

#include "drivers/datastore/driver.h"

namespace neph::datastore_driver {

/// Disks and images as files below directories of the controller's machine, or of a file system
/// that it mounts. qcow2 is made, copied and merged by qemu-img; raw bytes move in this process.
///
/// Any thread may call; calls for the same file at the same time are the caller's to prevent.
/// Paths are absolute and without ".."; anything else is kInvalid.
/// A file under construction is called `<final name>.part` until it is whole, except for the
/// target of ensure_copied, whose temporary name the caller chooses. After a power cut the same
/// call replaces the leftover. Files get mode 0660.
class FsDriver final : public Driver {
 public:
  struct Config {
    std::string qemu_img = "qemu-img";  ///< a path, or a name looked up in PATH
    std::string iso_tool;               ///< empty: genisoimage, xorrisofs or mkisofs from PATH
    Duration stall_limit{30'000};       ///< without a byte moved, a tool is killed
  };
  FsDriver(Config config, Clock& clock);

  [[nodiscard]] Result<Usage> inspect_usage(const std::string& directory) override;
  [[nodiscard]] Result<FileFacts> inspect_file(const Layer& file) override;
  /// Refuses also what is encrypted or marked dirty or corrupt, and a symbolic link.
  [[nodiscard]] Result<FileFacts> check_untrusted(const Layer& file) override;
  /// kInvalid when a file of another format or size has the name.
  [[nodiscard]] Result<void> ensure_created(const Layer& target, Bytes virtual_size) override;
  /// A target that is there is left alone if it is an overlay of that source, or a file of its
  /// own, and large enough; else kInvalid.
  [[nodiscard]] Result<void> ensure_cloned(const Layer& source, const Layer& target,
                                           CloneMode mode, std::optional<Bytes> size,
                                           Progress& progress) override;
  /// File names keep letters, digits, ".", "_" and "-"; other bytes become "_". The label has at
  /// most 32 characters.
  [[nodiscard]] Result<void> ensure_iso(const std::string& path, const std::string& label,
                                        const std::vector<ContextFile>& files) override;
  /// A pin that is there is left alone: a retry shows the same instant.
  [[nodiscard]] Result<void> ensure_pinned_at_rest(const Layer& disk,
                                                   const std::string& pin_path) override;
  /// Shares blocks where the file system can. A raw source that becomes raw is hashed in the
  /// pass that copies it. qemu-img writes a qcow2 header last, at the front, so a file it made
  /// is hashed right after, and progress gives half of its way to that.
  /// A running QEMU may have the source open as a backing layer; one that has it open for
  /// writing makes this kUnavailable.
  [[nodiscard]] Result<CopyProof> ensure_copied(const Layer& source, const Layer& target,
                                                std::optional<Bytes> rate_max,
                                                Progress& progress) override;
  [[nodiscard]] Result<void> ensure_published(const std::string& temporary,
                                              const std::string& final_path) override;
  /// kInvalid unless `base` is what the overlay's header names. A merge that was cancelled or
  /// failed keeps both files, shows the same content through the overlay, and may be repeated.
  [[nodiscard]] Result<void> ensure_merged_at_rest(const Layer& overlay, const Layer& base,
                                                   Progress& progress) override;
  [[nodiscard]] Result<void> ensure_resized(const Layer& disk, Bytes virtual_size) override;
  [[nodiscard]] Result<void> ensure_rebased(const Layer& layer,
                                            const std::optional<Layer>& new_base,
                                            Progress& progress) override;
  [[nodiscard]] Result<void> ensure_deleted(const std::string& path) override;
  [[nodiscard]] Result<void> ensure_directory_deleted(const std::string& path) override;
  [[nodiscard]] Result<void> ensure_directory(const std::string& path) override;
  [[nodiscard]] Result<std::string> checksum(const std::string& path, Progress& progress) override;
  /// Regular files and symbolic links; no link is followed.
  [[nodiscard]] Result<std::vector<FoundFile>> list_files(const std::string& directory) override;

 private:
  /// What the file system of a directory can do.
  struct Talents {
    bool can_share_blocks = false;
    bool can_write_directly = false;  ///< O_DIRECT
  };
  /// One conversion by qemu-img.
  struct Conversion {
    Layer source;
    Layer target;
    std::optional<Bytes> rate_max;
  };

  /// Found by trying, once per file system.
  [[nodiscard]] Talents talents_of(const std::string& directory);
  /// Runs qemu-img to its end. `target` is the file that it writes.
  [[nodiscard]] Result<void> run_qemu_img(std::vector<std::string> arguments,
                                          const std::string& target, Progress& progress);
  [[nodiscard]] Result<void> convert(const Conversion& ask, Progress& progress);
  [[nodiscard]] Result<void> check_finished(const Layer& target, Bytes virtual_size);
  [[nodiscard]] Result<CopyProof> copy_raw(const Conversion& ask, Progress& progress);
  [[nodiscard]] Result<CopyProof> copy_converted(const Conversion& ask, Bytes stored_size,
                                                 Progress& progress);
  [[nodiscard]] Result<void> make_overlay(const Layer& source, const Layer& part,
                                          Bytes virtual_size);
  [[nodiscard]] Result<void> make_copy(const Layer& source, const Layer& part,
                                       Progress& progress);
  [[nodiscard]] Result<void> grow(const Layer& file, Bytes virtual_size);
  [[nodiscard]] Result<std::string> find_iso_tool() const;

  const Config config_;
  Clock& clock_;
  std::mutex talents_mutex_;
  std::map<std::uint64_t, Talents> talents_;  ///< by device number
};

}  // namespace neph::datastore_driver
