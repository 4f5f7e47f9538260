#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/units.h"

/// Files and errno for the fs driver. Everything here may be called from any thread.
namespace neph::datastore_driver::fs {

/// Removes a file on the way out unless keep() was called: a copy that failed or was cancelled
/// leaves nothing.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished();
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

/// The Error for an errno value: kNotFound, kExhausted, kInvalid, kUnavailable or kInternal.
[[nodiscard]] tl::unexpected<Error> fail_errno(int error, std::string_view verb,
                                               const std::string& path);

/// kInvalid unless the path is absolute and free of "." and ".." components and of bytes that
/// no tool can be told (NUL, line ends). A leading slash also keeps qemu-img from reading a
/// protocol or an option into a file name.
[[nodiscard]] Result<void> check_path(const std::string& path);

/// Name for a file that is not whole yet. It is the same every time, so that a repetition after
/// a power cut replaces the leftover instead of adding another.
[[nodiscard]] inline std::string part_name(const std::string& path) { return path + ".part"; }

[[nodiscard]] std::string parent_of(const std::string& path);

[[nodiscard]] Result<Fd> open_for_reading(const std::string& path);
/// Opens without following a symlink in the last place and without waiting on a FIFO.
[[nodiscard]] Result<Fd> open_untrusted(const std::string& path);
/// Makes an empty file, replacing an older one. Not readable by strangers: it is a disk.
[[nodiscard]] Result<Fd> make_empty(const std::string& path);

/// Facts of an open regular file; kInvalid when it is something else.
[[nodiscard]] Result<struct stat> regular_stat(const Fd& file, const std::string& path);
[[nodiscard]] Bytes stored_size_of(const struct stat& facts);
[[nodiscard]] Result<bool> is_there(const std::string& path);

[[nodiscard]] Result<void> remove_file(const std::string& path);
[[nodiscard]] Result<void> sync_parent(const std::string& path);
/// Brings the bytes of a file to the medium. kNotFound when missing.
[[nodiscard]] Result<void> sync_bytes(const std::string& path);
/// sync_bytes() for a file that a tool made: sets the mode of a disk first.
[[nodiscard]] Result<void> settle(const std::string& path);
/// rename(2), then fsync of both directories.
[[nodiscard]] Result<void> rename_durably(const std::string& from, const std::string& to);

/// Reports, and answers kConflict when nobody wants the work any more.
[[nodiscard]] Result<void> tell(Progress& progress, Bytes done, Bytes total);

/// Passes the progress of one part of the work on as a stretch of the whole, so that several
/// parts in a row look like one that only grows.
class Stretch final : public Progress {
 public:
  struct Span {
    Bytes begin;
    Bytes end;
    Bytes total;
  };
  Stretch(Progress& whole, Span span) : whole_(whole), span_(span) {}
  void report(Bytes done, Bytes total) override;
  [[nodiscard]] bool is_cancelled() const override { return whole_.is_cancelled(); }

 private:
  Progress& whole_;
  Span span_;
};

}  // namespace neph::datastore_driver::fs
