#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <vector>

#include "tests/contract/datastore/expect.h"
#include "tests/contract/datastore/fs_support.h"

/// A file gets its name only once its bytes are synced, and the name is synced, too: what this
/// program asks of fsync(2) and rename(2) is written down on its way to the C library.
namespace {

struct Asked {
  std::string from;  ///< renamed; empty for a sync
  std::string path;
};
std::mutex asked_mutex;
std::vector<Asked> asked;

void note(Asked what) {
  const std::lock_guard lock(asked_mutex);
  asked.push_back(std::move(what));
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int fsync(int file) {
  std::array<char, 4096> path{};
  const auto link = "/proc/self/fd/" + std::to_string(file);
  if (::readlink(link.c_str(), path.data(), path.size() - 1) > 0) note({"", path.data()});
  static const auto real = next<int(int)>("fsync");
  return real(file);
}

extern "C" int rename(const char* from, const char* to) noexcept {
  note({from, to});
  static const auto real = next<int(const char*, const char*)>("rename");
  return real(from, to);
}

namespace neph::datastore_driver {
namespace {

class FsSync : public testing::Test {
 protected:
  void SetUp() override {
    const std::lock_guard lock(asked_mutex);
    asked.clear();
  }
  [[nodiscard]] Layer file(const std::string& name, Format format) const {
    return {directory_.file(name), format};
  }
  /// Every name that was given came after its bytes and before a sync of its directory.
  static void expect_durable_names(std::ptrdiff_t names) {
    const std::lock_guard lock(asked_mutex);
    const auto is_sync_of = [](const std::string& path) {
      return [path](const Asked& one) { return one.from.empty() && one.path == path; };
    };
    std::ptrdiff_t found = 0;
    for (auto at = asked.begin(); at != asked.end(); ++at) {
      if (at->from.empty()) continue;
      ++found;
      EXPECT_TRUE(std::any_of(asked.begin(), at, is_sync_of(at->from)))
          << at->path << " is published before its bytes are synced";
      const auto parent = std::filesystem::path(at->path).parent_path();
      EXPECT_TRUE(std::any_of(at, asked.end(), is_sync_of(parent)))
          << at->path << " has a name that is not synced";
    }
    EXPECT_EQ(found, names);
  }

  TemporaryDirectory directory_;
  SystemClock clock_;
  FsDriver driver_{FsDriver::Config{}, clock_};
  NoProgress progress_;
};

TEST_F(FsSync, ACopyIsSyncedBeforeItIsPublished) {
  const Layer disk = file("disk", Format::kRaw);
  write_file(disk.path, std::string(1048576, 'x'));
  for (const Format format : {Format::kRaw, Format::kQcow2}) {
    const Layer part = file("image.part", format);
    EXPECT_OK(driver_.ensure_copied(disk, part, std::nullopt, progress_));
    EXPECT_OK(driver_.ensure_published(part.path, directory_.file("image")));
  }
  expect_durable_names(2);
}

TEST_F(FsSync, SoIsWhateverElseIsMade) {
  const Layer raw = file("raw", Format::kRaw);
  const Layer qcow2 = file("qcow2", Format::kQcow2);
  EXPECT_OK(driver_.ensure_created(raw, Bytes::megabytes(1)));
  EXPECT_OK(driver_.ensure_created(qcow2, Bytes::megabytes(1)));
  EXPECT_OK(driver_.ensure_cloned(qcow2, file("overlay", Format::kQcow2), CloneMode::kOverlay,
                                  std::nullopt, progress_));
  EXPECT_OK(driver_.ensure_iso(directory_.file("context"), "CONTEXT", {{"a.sh", "true"}}));
  expect_durable_names(4);
}

}  // namespace
}  // namespace neph::datastore_driver
