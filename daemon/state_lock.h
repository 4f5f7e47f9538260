#pragma once

#include <filesystem>

#include "base/result.h"

namespace neph::daemon {

/// Proof that this process alone works on a state directory. The kernel gives the lock back when
/// the process ends, however it ends; no stale lock can be left behind. Not thread safe; movable.
class StateLock {
 public:
  /// Takes the lock on `state`/lock and writes this process's id into it. Does not wait.
  /// Child processes that execute a program do not inherit it.
  /// \param state  an existing directory
  /// \returns kConflict naming the process that has it, kUnavailable when the directory cannot be
  ///          written to
  [[nodiscard]] static Result<StateLock> take(const std::filesystem::path& state);

  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&& other) noexcept;
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int file) : file_(file) {}
  int file_;
};

}  // namespace neph::daemon
