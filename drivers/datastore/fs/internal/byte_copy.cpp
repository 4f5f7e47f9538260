#include "drivers/datastore/fs/internal/byte_copy.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "drivers/datastore/fs/internal/sha256.h"

namespace neph::datastore_driver::fs {
namespace {

constexpr std::int64_t kStep = 4 * 1048576;
constexpr std::int64_t kZeroBlock = 65536;
constexpr std::int64_t kWriteBackEvery = 64 * 1048576;

/// A stretch of a file with data in it.
struct Extent {
  std::int64_t begin;
  std::int64_t end;
};

/// The first stretch of data at or after `from`; an empty one at the end of the file.
Result<Extent> next_data(const Fd& file, const std::string& path, std::int64_t from,
                         std::int64_t size) {
  const off_t begin = ::lseek(file.get(), from, SEEK_DATA);
  if (begin < 0 && errno == ENXIO) return Extent{size, size};
  // A file system without holes says EINVAL: all of it is data.
  if (begin < 0 && errno == EINVAL) return Extent{from, size};
  if (begin < 0) return fail_errno(errno, "look for data in", path);
  const off_t end = ::lseek(file.get(), begin, SEEK_HOLE);
  if (end < 0) return fail_errno(errno, "look for holes in", path);
  return Extent{std::min<std::int64_t>(begin, size), std::min<std::int64_t>(end, size)};
}

bool is_zero(std::span<const char> bytes) {
  return bytes.empty() || (bytes.front() == 0 &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

Result<std::int64_t> read_some(const Fd& file, const std::string& path, std::span<char> buffer,
                               std::int64_t at) {
  const ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), at);
  if (count < 0) return fail_errno(errno, "read", path);
  if (count == 0) return fail(Errc::kUnavailable, "{} became shorter while it was read", path);
  return count;
}

Result<void> write_all(const Fd& file, const std::string& path, std::span<const char> bytes,
                       std::int64_t at) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file.get(), bytes.data(), bytes.size(), at);
    if (count < 0) return fail_errno(errno, "write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    at += count;
  }
  return {};
}

/// Keeps a copy at or below a rate by sleeping.
class Brake {
 public:
  Brake(Clock& clock, std::optional<Bytes> rate_max)
      : clock_(clock), rate_max_(rate_max), begun_at_(clock.monotonic()) {}
  void moved(std::int64_t count) {
    if (!rate_max_ || rate_max_->value <= 0) return;
    moved_ += count;
    const double due_ms =
        1000.0 * static_cast<double>(moved_) / static_cast<double>(rate_max_->value);
    const Duration due{static_cast<Duration::rep>(due_ms)};
    const Duration passed = clock_.monotonic() - begun_at_;
    if (due > passed) clock_.sleep_for(due - passed);
  }

 private:
  Clock& clock_;
  std::optional<Bytes> rate_max_;
  Duration begun_at_;
  std::int64_t moved_ = 0;
};

/// One copy on its way.
class Copying {
 public:
  Copying(const CopyPlan& plan, Clock& clock) : plan_(plan), brake_(clock, plan.rate_max) {
    // A short step keeps a slow rate smooth and a cancel prompt.
    if (plan.rate_max)
      step_ = std::clamp<std::int64_t>(plan.rate_max->value / 10, kZeroBlock, kStep);
  }

  Result<std::string> run(std::int64_t size, Progress& progress) {
    CHECK_OK(tell(progress, Bytes{0}, Bytes{size}));
    for (std::int64_t at = 0; at < size;) {
      const Extent data = TRY(next_data(plan_.source, plan_.source_path, at, size));
      CHECK_OK(skip_hole(at, data.begin, size, progress));
      CHECK_OK(copy_extent(data, size, progress));
      at = data.end;
    }
    if (::ftruncate(plan_.target.get(), size) != 0)
      return fail_errno(errno, "set the size of", plan_.target_path);
    if (::fsync(plan_.target.get()) != 0) return fail_errno(errno, "sync", plan_.target_path);
    CHECK_OK(tell(progress, Bytes{size}, Bytes{size}));
    return is_hashing() ? sha256_.hex() : std::string{};
  }

 private:
  [[nodiscard]] bool is_hashing() const { return plan_.hashing == Hashing::kSha256; }

  /// A hole costs no reading, but its zeros belong to the hash, which takes its time.
  Result<void> skip_hole(std::int64_t at, std::int64_t end, std::int64_t size,
                         Progress& progress) {
    if (!is_hashing()) return {};
    while (at < end) {
      const std::int64_t step = std::min(end - at, kStep * 4);
      sha256_.add_zeros(step);
      at += step;
      CHECK_OK(tell(progress, Bytes{at}, Bytes{size}));
    }
    return {};
  }

  Result<void> copy_extent(const Extent& data, std::int64_t size, Progress& progress) {
    for (std::int64_t at = data.begin; at < data.end;) {
      const std::int64_t wanted = std::min(data.end - at, step_);
      const std::int64_t moved =
          is_hashing() || !can_offload_ ? TRY(copy_through_memory(at, wanted))
                                        : TRY(copy_in_kernel(at, wanted));
      at += moved;
      begin_write_back(moved);
      brake_.moved(moved);
      CHECK_OK(tell(progress, Bytes{at}, Bytes{size}));
    }
    return {};
  }

  Result<std::int64_t> copy_in_kernel(std::int64_t at, std::int64_t wanted) {
    off_t from = at;
    off_t to = at;
    const ssize_t count = ::copy_file_range(plan_.source.get(), &from, plan_.target.get(), &to,
                                            static_cast<std::size_t>(wanted), 0);
    if (count > 0) return count;
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
      return fail_errno(errno, "write", plan_.target_path);
    can_offload_ = false;  // another file system, or an old kernel
    return copy_through_memory(at, wanted);
  }

  Result<std::int64_t> copy_through_memory(std::int64_t at, std::int64_t wanted) {
    buffer_.resize(kStep);
    const std::span<char> window(buffer_.data(), static_cast<std::size_t>(wanted));
    const std::int64_t count = TRY(read_some(plan_.source, plan_.source_path, window, at));
    const auto bytes = window.first(static_cast<std::size_t>(count));
    if (is_hashing()) sha256_.add(bytes);
    for (std::int64_t done = 0; done < count;) {
      const auto block = bytes.subspan(static_cast<std::size_t>(done))
                             .first(static_cast<std::size_t>(std::min(kZeroBlock, count - done)));
      if (!is_zero(block))
        CHECK_OK(write_all(plan_.target, plan_.target_path, block, at + done));
      done += static_cast<std::int64_t>(block.size());
    }
    return count;
  }

  // Without this the whole file would wait in memory for the fsync, which nobody can watch or
  // cancel, and its writing would come as one burst that guests feel.
  void begin_write_back(std::int64_t moved) {
    unwritten_ += moved;
    if (unwritten_ < kWriteBackEvery) return;
    ::sync_file_range(plan_.target.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    unwritten_ = 0;
  }

  const CopyPlan& plan_;
  Brake brake_;
  std::int64_t step_ = kStep;
  bool can_offload_ = true;
  std::int64_t unwritten_ = 0;
  std::vector<char> buffer_;
  Sha256 sha256_;
};

}  // namespace

Result<bool> share_all_blocks(const Fd& source, const Fd& target,
                              const std::string& target_path) {
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) return true;
  switch (errno) {
    case EOPNOTSUPP:
    case EXDEV:
    case EINVAL:
    case ENOTTY:
    case ENOSYS:
    case EBADF: return false;
    default: return fail_errno(errno, "share blocks with", target_path);
  }
}

bool has_shared_blocks(const Fd& file) {
  constexpr std::uint32_t kExtentsMax = 256;
  std::vector<char> room(sizeof(fiemap) + kExtentsMax * sizeof(fiemap_extent));
  auto* map = new (room.data()) fiemap{};
  map->fm_length = FIEMAP_MAX_OFFSET;
  map->fm_extent_count = kExtentsMax;
  for (;;) {
    if (::ioctl(file.get(), FS_IOC_FIEMAP, map) != 0 || map->fm_mapped_extents == 0) return false;
    const std::span<const fiemap_extent> extents(map->fm_extents, map->fm_mapped_extents);
    for (const fiemap_extent& extent : extents) {
      if ((extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0) return true;
      if ((extent.fe_flags & FIEMAP_EXTENT_LAST) != 0) return false;
    }
    map->fm_start = extents.back().fe_logical + extents.back().fe_length;
  }
}

Result<std::string> copy_bytes(const CopyPlan& plan, Clock& clock, Progress& progress) {
  const struct stat facts = TRY(regular_stat(plan.source, plan.source_path));
  return Copying(plan, clock).run(facts.st_size, progress);
}

Result<std::string> hash_bytes(const Fd& file, const std::string& path, Progress& progress) {
  const std::int64_t size = TRY(regular_stat(file, path)).st_size;
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  std::vector<char> buffer(kStep);
  Sha256 sha256;
  CHECK_OK(tell(progress, Bytes{0}, Bytes{size}));
  for (std::int64_t at = 0; at < size;) {
    const Extent data = TRY(next_data(file, path, at, size));
    const std::int64_t hole = std::min(data.begin - at, kStep * 4);
    const std::int64_t wanted = std::min(data.end - data.begin, kStep);
    if (hole > 0) {
      sha256.add_zeros(hole);
      at += hole;
    } else {
      const std::span<char> window(buffer.data(), static_cast<std::size_t>(wanted));
      const std::int64_t count = TRY(read_some(file, path, window, at));
      sha256.add(window.first(static_cast<std::size_t>(count)));
      at += count;
    }
    CHECK_OK(tell(progress, Bytes{at}, Bytes{size}));
  }
  return sha256.hex();
}

}  // namespace neph::datastore_driver::fs
