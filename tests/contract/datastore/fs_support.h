#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "drivers/datastore/fs/fs_driver.h"
#include "tests/contract/datastore/driver_contract.h"

/// Directories, file systems and guests for the tests of the fs driver.
namespace neph::datastore_driver {

/// Runs a shell line; \returns its standard output. A failure fails the test.
std::string shell(const std::string& line);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& bytes);
/// A program made of these shell lines; \returns its path.
std::string write_script(const std::string& path, const std::string& lines);

/// A directory of its own below `parent`, removed at the end.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& parent = "/tmp");
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Mounting needs root. The first mount moves the test program into a mount namespace of its
/// own, so that every mount ends with the program, however that ends.
[[nodiscard]] bool can_mount();
/// A directory on an XFS file system in a loop-mounted file (mounted once, 1 GiB, sparse).
[[nodiscard]] std::string xfs_directory();
/// Mounts a tmpfs of so many bytes there; it goes with umount or with the program.
void mount_tmpfs(const std::string& directory, std::int64_t size_bytes);
void unmount(const std::string& directory);

/// An FsDriver in a temporary directory; qemu-io plays the guest.
class FsStore final : public TestStore {
 public:
  FsStore(const std::string& parent, bool can_share_blocks)
      : directory_(parent), can_share_blocks_(can_share_blocks) {}
  Driver& driver() override { return driver_; }
  [[nodiscard]] std::string root() const override { return directory_.path(); }
  [[nodiscard]] bool can_share_blocks() const override { return can_share_blocks_; }
  void write_as_guest(const Layer& disk, std::int64_t offset, const std::string& bytes) override;
  [[nodiscard]] std::string read_as_guest(const Layer& disk, std::int64_t offset,
                                          std::int64_t length) override;
  [[nodiscard]] bool is_there(const std::string& path) override;
  void put_file(const std::string& path, const std::string& bytes) override;

 private:
  TemporaryDirectory directory_;
  TemporaryDirectory scratch_;
  bool can_share_blocks_;
  SystemClock clock_;
  FsDriver driver_{FsDriver::Config{}, clock_};
};

}  // namespace neph::datastore_driver
