#include "daemon/state_lock.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace neph::daemon {
namespace {

constexpr int kNoFile = -1;

/// Empty while the holder has not written it yet.
std::string holder_in(int file) {
  std::array<char, 32> text{};
  const ssize_t length = pread(file, text.data(), text.size(), 0);
  if (length <= 0) return {};
  std::string holder(text.data(), static_cast<std::size_t>(length));
  return holder.substr(0, holder.find('\n'));
}

}  // namespace

Result<StateLock> StateLock::take(const std::filesystem::path& state) {
  const std::string path = state / "lock";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return fail_because(Errc::kUnavailable, std::strerror(errno),
                        "state directory {} cannot be locked", state.string());
  }
  StateLock lock(file);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return fail_because(Errc::kUnavailable, std::strerror(errno),
                          "state directory {} cannot be locked", state.string());
    }
    const std::string holder = holder_in(file);
    return fail(Errc::kConflict, "state directory {} is in use by nephd with process id {}",
                state.string(), holder.empty() ? "unknown" : holder);
  }
  const std::string text = fmt::format("{}\n", getpid());
  // The id is for people only, so a full disk is no reason to refuse the lock.
  if (ftruncate(file, 0) == 0) std::ignore = pwrite(file, text.data(), text.size(), 0);
  return lock;
}

StateLock::StateLock(StateLock&& other) noexcept : file_(std::exchange(other.file_, kNoFile)) {}

StateLock& StateLock::operator=(StateLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

// The file stays: removing it would let a second process lock a new file of the same name.
StateLock::~StateLock() {
  if (file_ != kNoFile) close(file_);
}

}  // namespace neph::daemon
