#include "tests/e2e/disk_check.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/support/command.h"
#include "tests/support/demo_image.h"

namespace neph::e2e {

namespace fs = std::filesystem;
using testing_support::run_command;

namespace {

/// e2fsprogs is in a folder that users other than root have not in their path.
const char* const kPath = "PATH=$PATH:/usr/sbin:/sbin ";

std::string run(const std::string& command) {
  const auto done = run_command(kPath + command);
  if (done.status != 0)
    throw std::runtime_error(fmt::format("{}: status {}: {}", command, done.status, done.output));
  return done.output;
}

}  // namespace

FileSystemCopy::FileSystemCopy(const fs::path& disk, const fs::path& folder) {
  std::string name = (folder / "fs.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory " + name);
  folder_ = name;
  raw_ = folder_ / "raw";
  run(fmt::format("qemu-img convert -O raw --image-opts driver=raw,offset={},file.driver=qcow2,"
                  "file.file.driver=file,file.file.filename={} {}",
                  testing_support::kDemoDataOffset, disk.string(), raw_.string()));
}

FileSystemCopy::~FileSystemCopy() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string FileSystemCopy::faults(Shutdown shutdown) {
  const auto header = run(fmt::format("dumpe2fs -h {}", raw_.string()));
  const bool needs_replay = header.find("needs_recovery") != std::string::npos;
  if (needs_replay && shutdown == Shutdown::kClean) return "its journal has to be replayed";
  // Status 1 is that of a journal that was replayed.
  const auto replayed = run_command(kPath + fmt::format("e2fsck -y -E journal_only {}",
                                                        raw_.string()));
  if (replayed.status > 1) return replayed.output;
  const auto checked = run_command(kPath + fmt::format("e2fsck -fn {}", raw_.string()));
  return checked.status == 0 ? "" : checked.output;
}

std::string FileSystemCopy::read(const std::string& path) const {
  std::ifstream stream(extract(path), std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

fs::path FileSystemCopy::extract(const std::string& path) const {
  const fs::path target = folder_ / fs::path(path).filename();
  run(fmt::format("debugfs -R 'dump {} {}' {}", path, target.string(), raw_.string()));
  return target;
}

Order judge_order(const fs::path& first, const fs::path& second) {
  const auto judged = run_command(fmt::format("{} c {} {}",
                                              testing_support::demo_image().iowriter.string(),
                                              first.string(), second.string()));
  return {judged.status == 0, judged.output};
}

std::string backing_of(const fs::path& disk) {
  const auto facts = run(fmt::format("qemu-img info -U {}", disk.string()));
  const std::string key = "backing file: ";
  const auto at = facts.find(key);
  if (at == std::string::npos) return {};
  const auto begin = at + key.size();
  return facts.substr(begin, facts.find('\n', begin) - begin);
}

}  // namespace neph::e2e
