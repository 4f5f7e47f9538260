#include "tests/contract/datastore/fs_support.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace neph::datastore_driver {
namespace {

/// Once per program: mounts made after this are seen by nobody else.
void enter_private_mounts() {
  static const bool is_done = ::unshare(CLONE_NEWNS) == 0 &&
                              ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  ASSERT_TRUE(is_done) << "no mount namespace of our own";
}

}  // namespace

std::string shell(const std::string& line) {
  FILE* stream = ::popen((line + " 2>&1").c_str(), "re");
  std::string output;
  std::array<char, 4096> buffer;
  for (std::size_t count; (count = ::fread(buffer.data(), 1, buffer.size(), stream)) > 0;)
    output.append(buffer.data(), count);
  EXPECT_EQ(::pclose(stream), 0) << line << "\n" << output;
  return output;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  out.close();
  EXPECT_TRUE(out) << path;
}

std::string write_script(const std::string& path, const std::string& lines) {
  write_file(path, "#!/bin/sh\n" + lines);
  EXPECT_EQ(::chmod(path.c_str(), 0700), 0);
  return path;
}

TemporaryDirectory::TemporaryDirectory(const std::string& parent)
    : path_(parent + "/neph-fs-XXXXXX") {
  EXPECT_NE(::mkdtemp(path_.data()), nullptr) << path_;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool can_mount() { return ::geteuid() == 0; }

std::string xfs_directory() {
  struct Mounted {
    Mounted() {
      enter_private_mounts();
      shell("truncate -s 1G " + directory.file("xfs.img"));
      shell("mkfs.xfs -q -m reflink=1 " + directory.file("xfs.img"));
      shell("mkdir " + directory.file("xfs"));
      shell("mount -o loop " + directory.file("xfs.img") + " " + directory.file("xfs"));
    }
    ~Mounted() { ::umount2(directory.file("xfs").c_str(), 0); }
    TemporaryDirectory directory;
  };
  static const Mounted mounted;
  return mounted.directory.file("xfs");
}

void mount_tmpfs(const std::string& directory, std::int64_t size_bytes) {
  enter_private_mounts();
  const std::string options = "size=" + std::to_string(size_bytes);
  ASSERT_EQ(::mount("tmpfs", directory.c_str(), "tmpfs", 0, options.c_str()), 0) << directory;
}

void unmount(const std::string& directory) {
  EXPECT_EQ(::umount2(directory.c_str(), 0), 0) << directory;
}

void FsStore::write_as_guest(const Layer& disk, std::int64_t offset, const std::string& bytes) {
  const std::string from = scratch_.file("bytes");
  write_file(from, bytes);
  shell(fmt::format("qemu-io -f {} -c 'write -s {} {} {}' {}", name_of(disk.format), from, offset,
                    bytes.size(), disk.path));
}

std::string FsStore::read_as_guest(const Layer& disk, std::int64_t offset, std::int64_t length) {
  const std::string flat = scratch_.file("flat");
  shell(fmt::format("qemu-img convert -f {} -O raw {} {}", name_of(disk.format), disk.path, flat));
  std::ifstream in(flat, std::ios::binary);
  in.seekg(offset);
  std::string bytes(static_cast<std::size_t>(length), '\0');
  in.read(bytes.data(), length);
  EXPECT_EQ(in.gcount(), length);
  return bytes;
}

bool FsStore::is_there(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0;
}

void FsStore::put_file(const std::string& path, const std::string& bytes) {
  write_file(path, bytes);
}

}  // namespace neph::datastore_driver
