#include "drivers/datastore/fs/internal/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace neph::datastore_driver::fs {
namespace {

constexpr mode_t kDiskMode = 0660;

Errc code_of(int error) {
  switch (error) {
    case ENOENT: return Errc::kNotFound;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Errc::kExhausted;
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG: return Errc::kInvalid;
    case EIO:
    case ESTALE:
    case EACCES:
    case EPERM:
    case EROFS:
    case EBUSY:
    case ETXTBSY:
    case ETIMEDOUT:
    case EMFILE:
    case ENFILE:
    case ENOMEM: return Errc::kUnavailable;
    default: return Errc::kInternal;
  }
}

Result<Fd> open_with(const std::string& path, int flags) {
  Fd file(::open(path.c_str(), flags | O_CLOEXEC, kDiskMode));
  if (file.get() < 0) return fail_errno(errno, "open", path);
  return file;
}

}  // namespace

Unfinished::~Unfinished() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

tl::unexpected<Error> fail_errno(int error, std::string_view verb, const std::string& path) {
  return fail_because(code_of(error), std::strerror(error), "could not {} {}", verb, path);
}

Result<void> check_path(const std::string& path) {
  if (path.empty() || path.front() != '/')
    return fail(Errc::kInvalid, "path \"{}\" is not absolute", path);
  if (std::any_of(path.begin(), path.end(), [](char c) { return c == '\0' || c == '\n'; }))
    return fail(Errc::kInvalid, "a path has a NUL or a line end in it");
  const std::string closed = path + "/";
  if (closed.find("/../") != std::string::npos || closed.find("/./") != std::string::npos)
    return fail(Errc::kInvalid, "path \"{}\" climbs through \".\" or \"..\"", path);
  return {};
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

Result<Fd> open_for_reading(const std::string& path) {
  return open_with(path, O_RDONLY | O_NONBLOCK);
}

Result<Fd> open_untrusted(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.get() >= 0) return file;
  if (errno == ELOOP) return fail(Errc::kInvalid, "{} is a symbolic link", path);
  if (errno == ENOENT) return fail_errno(errno, "open", path);
  return fail_because(Errc::kInvalid, std::strerror(errno), "{} is not readable", path);
}

Result<Fd> make_empty(const std::string& path) {
  CHECK_OK(remove_file(path));
  Fd file = TRY(open_with(path, O_RDWR | O_CREAT | O_EXCL));
  if (::fchmod(file.get(), kDiskMode) != 0) return fail_errno(errno, "set the mode of", path);
  return file;
}

Result<struct stat> regular_stat(const Fd& file, const std::string& path) {
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return fail_errno(errno, "inspect", path);
  if (!S_ISREG(facts.st_mode)) return fail(Errc::kInvalid, "{} is not a regular file", path);
  return facts;
}

Bytes stored_size_of(const struct stat& facts) { return Bytes{facts.st_blocks * 512}; }

Result<bool> is_there(const std::string& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail_errno(errno, "inspect", path);
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return {};
  return fail_errno(errno, "remove", path);
}

Result<void> sync_parent(const std::string& path) {
  const std::string parent = parent_of(path);
  const Fd directory = TRY(open_with(parent, O_RDONLY | O_DIRECTORY));
  if (::fsync(directory.get()) != 0) return fail_errno(errno, "sync the directory", parent);
  return {};
}

Result<void> sync_bytes(const std::string& path) {
  const Fd file = TRY(open_for_reading(path));
  if (::fsync(file.get()) != 0) return fail_errno(errno, "sync", path);
  return {};
}

Result<void> settle(const std::string& path) {
  if (::chmod(path.c_str(), kDiskMode) != 0) return fail_errno(errno, "set the mode of", path);
  return sync_bytes(path);
}

Result<void> rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return fail_errno(errno, fmt::format("rename to {} the file", to), from);
  CHECK_OK(sync_parent(to));
  if (parent_of(from) != parent_of(to)) CHECK_OK(sync_parent(from));
  return {};
}

Result<void> tell(Progress& progress, Bytes done, Bytes total) {
  progress.report(done, total);
  if (progress.is_cancelled()) return fail(Errc::kConflict, "the work was cancelled");
  return {};
}

void Stretch::report(Bytes done, Bytes total) {
  const double part =
      total.value > 0 ? static_cast<double>(done.value) / static_cast<double>(total.value) : 1.0;
  const double length = static_cast<double>((span_.end - span_.begin).value);
  const auto moved = static_cast<std::int64_t>(std::clamp(part, 0.0, 1.0) * length);
  whole_.report(span_.begin + Bytes{moved}, span_.total);
}

}  // namespace neph::datastore_driver::fs
