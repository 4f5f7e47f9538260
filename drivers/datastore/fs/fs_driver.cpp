#include "drivers/datastore/fs/fs_driver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "drivers/datastore/fs/internal/byte_copy.h"
#include "drivers/datastore/fs/internal/command.h"
#include "drivers/datastore/fs/internal/file.h"
#include "drivers/datastore/fs/internal/layers.h"
#include "drivers/datastore/fs/internal/qemu_progress.h"

namespace neph::datastore_driver {
namespace {

/// Does nothing to the disk: tells whether one unnamed file can share a block with another.
bool can_share_in(const std::string& directory) {
  constexpr std::array<char, 4096> kBlock{};
  const Fd from(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const Fd to(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (from.get() < 0 || to.get() < 0) return false;
  if (::write(from.get(), kBlock.data(), kBlock.size()) < 0) return false;
  return fs::share_all_blocks(from, to, directory).value_or(false);
}

bool can_write_directly_in(const std::string& directory) {
  const Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600));
  return file.get() >= 0;
}

FoundFile found_file(const std::string& path, const struct stat& facts) {
  const std::int64_t ms = facts.st_mtim.tv_sec * 1000 + facts.st_mtim.tv_nsec / 1'000'000;
  return {path, fs::stored_size_of(facts), Instant{ms}};
}

}  // namespace

FsDriver::FsDriver(Config config, Clock& clock) : config_(std::move(config)), clock_(clock) {}

Result<Usage> FsDriver::inspect_usage(const std::string& directory) {
  CHECK_OK(fs::check_path(directory));
  struct statvfs facts {};
  if (::statvfs(directory.c_str(), &facts) != 0)
    return fs::fail_errno(errno, "inspect the space of", directory);
  const auto bytes = [&](fsblkcnt_t blocks) {
    return Bytes{static_cast<std::int64_t>(blocks * facts.f_frsize)};
  };
  // Blocks kept for root are neither free for us nor used by anybody.
  return Usage{bytes(facts.f_blocks), bytes(facts.f_bavail),
               bytes(facts.f_blocks - facts.f_bfree)};
}

Result<FileFacts> FsDriver::inspect_file(const Layer& file) {
  CHECK_OK(fs::check_path(file.path));
  const Fd opened = TRY(fs::open_for_reading(file.path));
  const bool is_empty = TRY(fs::regular_stat(opened, file.path)).st_size == 0;
  if (is_empty && file.format == Format::kQcow2)
    return fail(Errc::kNotFound, "{} is empty, nothing has been made of it yet", file.path);
  return fs::facts_of(opened, file);
}

Result<FileFacts> FsDriver::check_untrusted(const Layer& file) {
  CHECK_OK(fs::check_path(file.path));
  const Fd opened = TRY(fs::open_untrusted(file.path));
  const struct stat facts = TRY(fs::regular_stat(opened, file.path));
  if (facts.st_size == 0) return fail(Errc::kInvalid, "{} is empty", file.path);
  if (file.format == Format::kQcow2) {
    const std::string reason =
        fs::reason_to_refuse(TRY(fs::read_header_of(opened, file.path)));
    if (!reason.empty()) return fail(Errc::kInvalid, "{} {}", file.path, reason);
  } else {
    std::array<std::byte, 4> start{};
    if (::pread(opened.get(), start.data(), start.size(), 0) < 0)
      return fail(Errc::kInvalid, "{} is not readable", file.path);
    if (fs::has_qcow2_magic(start))
      return fail(Errc::kInvalid, "{} is a qcow2 file, not the raw one it is said to be",
                  file.path);
  }
  return fs::facts_of(opened, file);
}

Result<void> FsDriver::ensure_created(const Layer& target, Bytes virtual_size) {
  CHECK_OK(fs::check_path(target.path));
  if (virtual_size.value <= 0)
    return fail(Errc::kInvalid, "a disk of {} bytes is asked for", virtual_size.value);
  if (TRY(fs::is_there(target.path))) {
    const FileFacts facts = TRY(inspect_file(target));
    if (facts.virtual_size == virtual_size && facts.backing_path.empty()) return {};
    return fail(Errc::kInvalid, "{} is there already, with {} bytes instead of {}", target.path,
                facts.virtual_size.value, virtual_size.value);
  }
  const std::string part = fs::part_name(target.path);
  const Fd file = TRY(fs::make_empty(part));
  fs::Unfinished unfinished(part);
  if (target.format == Format::kRaw && ::ftruncate(file.get(), virtual_size.value) != 0)
    return fs::fail_errno(errno, "set the size of", part);
  if (target.format == Format::kQcow2) {
    NoProgress progress;
    CHECK_OK(run_qemu_img({"create", "-q", "-f", "qcow2", "-o", "compat=1.1", part,
                           std::to_string(virtual_size.value)},
                          part, progress));
  }
  CHECK_OK(fs::settle(part));
  CHECK_OK(fs::rename_durably(part, target.path));
  unfinished.keep();
  return {};
}

Result<void> FsDriver::ensure_published(const std::string& temporary,
                                        const std::string& final_path) {
  CHECK_OK(fs::check_path(temporary));
  CHECK_OK(fs::check_path(final_path));
  if (!TRY(fs::is_there(temporary))) {
    if (TRY(fs::is_there(final_path))) return fs::sync_parent(final_path);
    return fail(Errc::kNotFound, "there is neither {} nor {} to publish", temporary, final_path);
  }
  CHECK_OK(fs::sync_bytes(temporary));
  return fs::rename_durably(temporary, final_path);
}

Result<void> FsDriver::ensure_deleted(const std::string& path) {
  CHECK_OK(fs::check_path(path));
  return fs::remove_file(path);
}

Result<void> FsDriver::ensure_directory_deleted(const std::string& path) {
  CHECK_OK(fs::check_path(path));
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  if (errno == ENOTEMPTY || errno == EEXIST)
    return fail(Errc::kWrongState, "directory {} is not empty", path);
  return fs::fail_errno(errno, "remove the directory", path);
}

Result<void> FsDriver::ensure_directory(const std::string& path) {
  CHECK_OK(fs::check_path(path));
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fs::fail_errno(error.value(), "make the directory", path);
  return fs::sync_parent(path);
}

Result<std::string> FsDriver::checksum(const std::string& path, Progress& progress) {
  CHECK_OK(fs::check_path(path));
  const Fd file = TRY(fs::open_for_reading(path));
  return fs::hash_bytes(file, path, progress);
}

Result<std::vector<FoundFile>> FsDriver::list_files(const std::string& directory) {
  namespace stdfs = std::filesystem;
  CHECK_OK(fs::check_path(directory));
  std::vector<FoundFile> found;
  std::error_code error;
  stdfs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != stdfs::recursive_directory_iterator(); entry.increment(error)) {
    struct stat facts {};
    // A file may go between the listing and the look at it.
    if (::lstat(entry->path().c_str(), &facts) != 0) continue;
    if (S_ISREG(facts.st_mode) || S_ISLNK(facts.st_mode))
      found.push_back(found_file(entry->path().string(), facts));
  }
  if (error) return fs::fail_errno(error.value(), "list", directory);
  return found;
}

FsDriver::Talents FsDriver::talents_of(const std::string& directory) {
  struct stat facts {};
  if (::stat(directory.c_str(), &facts) != 0) return {};
  const std::lock_guard lock(talents_mutex_);
  const auto known = talents_.find(facts.st_dev);
  if (known != talents_.end()) return known->second;
  const Talents talents{can_share_in(directory), can_write_directly_in(directory)};
  talents_.emplace(facts.st_dev, talents);
  return talents;
}

Result<void> FsDriver::run_qemu_img(std::vector<std::string> arguments,
                                    const std::string& target, Progress& progress) {
  constexpr double kPartsOfAPercent = 100;
  arguments.insert(arguments.begin(), config_.qemu_img);
  fs::QemuProgress percent;
  const auto listen = [&](std::string_view chunk) {
    if (const auto newest = percent.hear(chunk))
      progress.report(Bytes{static_cast<std::int64_t>(*newest * kPartsOfAPercent)},
                      Bytes{static_cast<std::int64_t>(100 * kPartsOfAPercent)});
  };
  TRY(fs::run_command({std::move(arguments), target}, {clock_, config_.stall_limit}, progress,
                      listen));
  if (progress.is_cancelled()) return fail(Errc::kConflict, "the work was cancelled");
  return {};
}

}  // namespace neph::datastore_driver
