#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/units.h"

/// What the controller asks of storage.
///
/// Every verb is called on a driver lane, from any thread, and blocks. Verbs named ensure_*
/// inspect first and may be repeated: twice is as good as once. A path is a path on the host
/// that is named, or on the controller's own machine where none is named. Formats are always
/// said by the caller and never probed (a guest can write any header into a raw disk).
/// Errors: kExhausted no space, kUnavailable try again, kStalled no byte moved, kInvalid the
/// content is refused, kNotFound the source is missing, kConflict cancelled.
namespace neph::datastore_driver {

enum class Format { kRaw = 1, kQcow2 = 2 };
[[nodiscard]] constexpr std::string_view name_of(Format format) {
  return format == Format::kRaw ? "raw" : "qcow2";
}
[[nodiscard]] Result<Format> format_from(std::string_view name);

struct Usage {
  Bytes total;
  Bytes free;
  Bytes used;
};

struct FileFacts {
  Bytes virtual_size;  ///< what a guest sees
  Bytes stored_size;   ///< blocks really allocated
  std::string backing_path;  ///< as written in a qcow2 header, empty for none
};

/// One disk layer: a file with everything below it.
struct Layer {
  std::string path;
  Format format = Format::kQcow2;
};

struct CopyProof {
  Bytes virtual_size;
  Bytes stored_size;
  std::string sha256;        ///< lower case hex of the target file; empty where bytes were shared
  bool is_shared = false;    ///< blocks were shared with the source (reflink), not copied
};

enum class CloneMode {
  kOverlay,  ///< a qcow2 file with the source as its backing file; instant
  kCopy,     ///< a file of its own: reflinked where the file system can, else copied sparsely
};

struct ContextFile {
  std::string name;
  std::string content;
};

/// A file below a datastore's or VM's directory that nobody has a row for.
struct FoundFile {
  std::string path;
  Bytes stored_size;
  Instant modified;
};

class Driver {
 public:
  virtual ~Driver() = default;

  [[nodiscard]] virtual Result<Usage> inspect_usage(const std::string& directory) = 0;

  /// Facts of a file whose format the caller states. For qcow2 our own reader reads the header
  /// before any tool does; kInvalid when it is no such file, kNotFound when missing or empty.
  [[nodiscard]] virtual Result<FileFacts> inspect_file(const Layer& file) = 0;

  /// Refuses (kInvalid, naming the reason) what must not be taken in from a stranger: a qcow2
  /// that names a backing file or a data file, has unknown incompatible features, or whose
  /// format is not the one stated; an empty or unreadable file.
  [[nodiscard]] virtual Result<FileFacts> check_untrusted(const Layer& file) = 0;

  /// An empty disk of that size. An existing file of the same format and size is left alone.
  [[nodiscard]] virtual Result<void> ensure_created(const Layer& target, Bytes virtual_size) = 0;

  /// The writable disk of a VM made from an image. `size` larger than the source grows it.
  [[nodiscard]] virtual Result<void> ensure_cloned(const Layer& source, const Layer& target,
                                                   CloneMode mode, std::optional<Bytes> size,
                                                   Progress& progress) = 0;

  /// ISO 9660 (Joliet, Rock Ridge) with this volume label; replaces an older one atomically.
  [[nodiscard]] virtual Result<void> ensure_iso(const std::string& path, const std::string& label,
                                                const std::vector<ContextFile>& files) = 0;

  /// Pins the content of a disk whose guest is off as a file of its own, at once, by sharing
  /// blocks. kInvalid where the file system cannot: nothing was made then.
  [[nodiscard]] virtual Result<void> ensure_pinned_at_rest(const Layer& disk,
                                                           const std::string& pin_path) = 0;

  /// Copies a layer, with everything below it, into one standalone file of `target.format`.
  /// Holes stay holes. An earlier unfinished `target` is begun again. On return the bytes are
  /// fsynced, the header is checked, and there is no backing file. A cancelled or failed copy
  /// leaves no file. `rate_max` in bytes per second.
  [[nodiscard]] virtual Result<CopyProof> ensure_copied(const Layer& source, const Layer& target,
                                                        std::optional<Bytes> rate_max,
                                                        Progress& progress) = 0;

  /// Gives a finished file its final name, durably (rename, then fsync of the directory).
  /// True again when only the final name is there.
  [[nodiscard]] virtual Result<void> ensure_published(const std::string& temporary,
                                                      const std::string& final_path) = 0;

  /// Folds an overlay into the layer below it and removes the overlay; the guest is off.
  [[nodiscard]] virtual Result<void> ensure_merged_at_rest(const Layer& overlay,
                                                           const Layer& base,
                                                           Progress& progress) = 0;

  /// Grows a disk whose guest is off. As large already, or larger: fine.
  [[nodiscard]] virtual Result<void> ensure_resized(const Layer& disk, Bytes virtual_size) = 0;

  /// Lets a qcow2 layer lie directly on another layer of its own chain, or, without one, on
  /// nothing, and copies into it what lay between: what is seen through it stays the same. The
  /// guest is off. `new_base` must be below it; lies on it already: fine. A failed or cancelled
  /// one may be repeated.
  [[nodiscard]] virtual Result<void> ensure_rebased(const Layer& layer,
                                                    const std::optional<Layer>& new_base,
                                                    Progress& progress) = 0;

  /// Removes a file; a missing one is fine.
  [[nodiscard]] virtual Result<void> ensure_deleted(const std::string& path) = 0;
  /// Removes a directory if it is empty or missing; kWrongState when something is still in it.
  [[nodiscard]] virtual Result<void> ensure_directory_deleted(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> ensure_directory(const std::string& path) = 0;

  /// SHA-256 of a file's bytes, lower case hex.
  [[nodiscard]] virtual Result<std::string> checksum(const std::string& path,
                                                     Progress& progress) = 0;

  /// Everything below a directory, for sweepers and for `neph check`.
  [[nodiscard]] virtual Result<std::vector<FoundFile>> list_files(const std::string& directory) = 0;
};

}  // namespace neph::datastore_driver
