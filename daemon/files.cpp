#include "daemon/files.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOthers = 0077;

Result<void> write_new(const fs::path& file, const std::string& text, mode_t mode) {
  ::unlink(file.c_str());  // of a start that was cut off
  const Fd out(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (out.get() < 0) return fail_errno("create", file);
  if (::fchmod(out.get(), mode) != 0) return fail_errno("set the mode of", file);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t wrote = ::write(out.get(), text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return fail_errno("write", file);
    done += static_cast<std::size_t>(wrote);
  }
  if (::fsync(out.get()) != 0) return fail_errno("sync", file);
  return {};
}

}  // namespace

tl::unexpected<Error> fail_errno(std::string_view what, const fs::path& file) {
  return fail_because(Errc::kUnavailable, std::strerror(errno), "cannot {} {}", what,
                      file.string());
}

Result<void> sync_directory(const fs::path& directory) {
  const Fd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) return fail_errno("open", directory);
  if (::fsync(opened.get()) != 0) return fail_errno("sync", directory);
  return {};
}

Result<void> replace_file(const fs::path& file, const std::string& text, Readers readers) {
  fs::path fresh = file;
  fresh += ".new";
  CHECK_OK(write_new(fresh, text, readers == Readers::kOwner ? 0600 : 0644));
  if (::rename(fresh.c_str(), file.c_str()) != 0) return fail_errno("replace", file);
  return sync_directory(file.parent_path());
}

Result<void> ensure_private_file(const fs::path& file) {
  const Fd made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (made.get() < 0) return fail_errno("open", file);
  return {};
}

Result<void> ensure_directory(const fs::path& directory, Privacy privacy) {
  std::error_code problem;
  if (fs::is_directory(directory, problem)) return {};
  fs::create_directories(directory.parent_path(), problem);
  if (problem)
    return fail_because(Errc::kUnavailable, problem.message(), "cannot create directory {}",
                        directory.parent_path().string());
  const bool is_made = ::mkdir(directory.c_str(), privacy == Privacy::kOwner ? 0700 : 0750) == 0;
  if (!is_made && errno != EEXIST) return fail_errno("create directory", directory);
  if (!is_made && !fs::is_directory(directory, problem)) {
    errno = ENOTDIR;
    return fail_errno("use", directory);
  }
  return {};
}

Result<void> ensure_own_directory(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("create directory", directory);
  struct stat facts = {};
  if (::lstat(directory.c_str(), &facts) != 0) return fail_errno("inspect", directory);
  const bool is_ours = S_ISDIR(facts.st_mode) && facts.st_uid == ::geteuid() &&
                       (facts.st_mode & kOthers) == 0;
  if (!is_ours) {
    return fail(Errc::kDenied,
                "{} is not a directory of this user alone; remove it or set EMBEDDED_ROOT",
                directory.string());
  }
  return {};
}

}  // namespace neph::daemon
