#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <random>

#include "tests/contract/datastore/expect.h"
#include "tests/contract/datastore/fs_support.h"

namespace neph::datastore_driver {
namespace {

constexpr Bytes kFileSize = Bytes::megabytes(64);
constexpr std::int64_t kMegabyte = 1048576;

std::string random_bytes(std::int64_t count) {
  std::mt19937_64 random(42);
  std::string bytes(static_cast<std::size_t>(count), '\0');
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t number = random();
    std::memcpy(bytes.data() + at, &number, std::min(sizeof number, bytes.size() - at));
  }
  return bytes;
}

class FsDriverTest : public testing::Test {
 protected:
  [[nodiscard]] Layer raw(const std::string& name) const {
    return {directory_.file(name), Format::kRaw};
  }
  [[nodiscard]] Layer qcow2(const std::string& name) const {
    return {directory_.file(name), Format::kQcow2};
  }
  [[nodiscard]] std::size_t count_files() {
    const auto found = driver_.list_files(directory_.path());
    return found ? found->size() : 9999;
  }
  /// A raw disk with random bytes in the middle and holes around them.
  Layer make_raw_disk(const std::string& name, std::int64_t data_bytes) {
    EXPECT_OK(driver_.ensure_created(raw(name), kFileSize));
    const int file = ::open(raw(name).path.c_str(), O_WRONLY);
    const std::string bytes = random_bytes(data_bytes);
    EXPECT_EQ(::pwrite(file, bytes.data(), bytes.size(), kMegabyte), data_bytes);
    ::close(file);
    return raw(name);
  }
  Layer make_qcow2_disk(const std::string& name, std::int64_t data_bytes) {
    const Layer from = make_raw_disk(name + ".from", data_bytes);
    EXPECT_OK(driver_.ensure_copied(from, qcow2(name), std::nullopt, no_progress_));
    EXPECT_OK(driver_.ensure_deleted(from.path));
    return qcow2(name);
  }
  static std::string sha256sum(const std::string& path) {
    return shell("sha256sum " + path).substr(0, 64);
  }
  TemporaryDirectory directory_;
  SystemClock clock_;
  NoProgress no_progress_;
  FsDriver driver_{FsDriver::Config{}, clock_};
};

TEST_F(FsDriverTest, ChecksumIsWhatSha256sumSays) {
  const Layer disk = make_raw_disk("disk", 3 * kMegabyte + 17);
  EXPECT_EQ(driver_.checksum(disk.path, no_progress_).value_or(""), sha256sum(disk.path));
  write_file(directory_.file("empty"), "");
  EXPECT_EQ(driver_.checksum(directory_.file("empty"), no_progress_).value_or(""),
            sha256sum(directory_.file("empty")));
}

TEST_F(FsDriverTest, TheHashOfACopyIsTheHashOfTheFile) {
  const Layer disk = make_raw_disk("disk", 9 * kMegabyte + 511);
  for (const Layer& target : {raw("copy.raw"), qcow2("copy.qcow2")}) {
    const auto proof = driver_.ensure_copied(disk, target, std::nullopt, no_progress_);
    ASSERT_TRUE(proof) << proof.error().text();
    EXPECT_FALSE(proof->is_shared);
    EXPECT_EQ(proof->sha256, sha256sum(target.path));
  }
  shell("cmp " + disk.path + " " + raw("copy.raw").path);
  shell("qemu-img compare -f raw -F qcow2 " + disk.path + " " + qcow2("copy.qcow2").path);
}

TEST_F(FsDriverTest, ZerosThatAreStoredBecomeHoles) {
  write_file(directory_.file("disk"), std::string(16 * kMegabyte, '\0') + "end");
  const auto proof =
      driver_.ensure_copied(raw("disk"), raw("copy"), std::nullopt, no_progress_);
  ASSERT_TRUE(proof) << proof.error().text();
  EXPECT_LT(proof->stored_size, Bytes::megabytes(1));
  EXPECT_EQ(proof->sha256, sha256sum(directory_.file("disk")));
  shell("cmp " + directory_.file("disk") + " " + directory_.file("copy"));
}

TEST_F(FsDriverTest, ARawDiskThatEndsInsideASectorIsCopied) {
  write_file(directory_.file("disk"), random_bytes(1000));
  ASSERT_OK(driver_.ensure_copied(raw("disk"), qcow2("copy"), std::nullopt, no_progress_));
  EXPECT_EQ(driver_.inspect_file(qcow2("copy"))->virtual_size, Bytes{1024});
}

TEST_F(FsDriverTest, ARawCopyKeepsToItsRate) {
  VirtualClock clock;
  FsDriver driver({}, clock);
  const Layer disk = make_raw_disk("disk", 4 * kMegabyte);
  ASSERT_OK(driver.ensure_copied(disk, raw("copy"), Bytes::megabytes(1), no_progress_));
  EXPECT_GE(clock.monotonic(), Duration{3900});
  EXPECT_LE(clock.monotonic(), Duration{5000});
}

TEST_F(FsDriverTest, FilesAreNotReadableByStrangers) {
  make_raw_disk("raw", kMegabyte);
  make_qcow2_disk("qcow2", kMegabyte);
  ASSERT_OK(driver_.ensure_iso(directory_.file("iso"), "CONTEXT", {{"a", "secret"}}));
  const auto found = driver_.list_files(directory_.path());
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->size(), 3U);
  for (const FoundFile& file : *found) {
    struct stat facts {};
    ASSERT_EQ(::stat(file.path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0660U) << file.path;
  }
}

TEST_F(FsDriverTest, ALeftoverOfAPowerCutIsReplaced) {
  write_file(directory_.file("disk.part"), "half");
  ASSERT_OK(driver_.ensure_created(qcow2("disk"), kFileSize));
  write_file(directory_.file("top.part"), "half");
  ASSERT_OK(driver_.ensure_cloned(qcow2("disk"), qcow2("top"), CloneMode::kOverlay, std::nullopt,
                                  no_progress_));
  write_file(directory_.file("iso.part"), "half");
  std::filesystem::create_directory(directory_.file("iso.files"));
  write_file(directory_.file("iso.files/old"), "old");
  ASSERT_OK(driver_.ensure_iso(directory_.file("iso"), "CONTEXT", {{"new", "new"}}));
  EXPECT_EQ(count_files(), 3U);
  EXPECT_EQ(shell("isoinfo -R -f -i " + directory_.file("iso")), "/new\n");
}

TEST_F(FsDriverTest, AStrangersFileMustBeARegularFile) {
  write_file(directory_.file("disk"), random_bytes(512));
  EXPECT_OK(driver_.check_untrusted(raw("disk")));
  std::filesystem::create_symlink(directory_.file("disk"), directory_.file("link"));
  EXPECT_FAILS(Errc::kInvalid, driver_.check_untrusted(raw("link")));
  std::filesystem::create_directory(directory_.file("folder"));
  EXPECT_FAILS(Errc::kInvalid, driver_.check_untrusted(raw("folder")));
  ASSERT_EQ(::mkfifo(directory_.file("fifo").c_str(), 0600), 0);
  EXPECT_FAILS(Errc::kInvalid, driver_.check_untrusted(raw("fifo")));
  EXPECT_FAILS(Errc::kInvalid, driver_.inspect_file(raw("fifo")));
}

TEST_F(FsDriverTest, AStrangersQcow2MayNotReachOtherFiles) {
  write_file(directory_.file("disk"), random_bytes(512));
  shell("qemu-img create -f qcow2 -o data_file=" + directory_.file("data") + " " +
        directory_.file("external") + " 1M");
  EXPECT_FAILS(Errc::kInvalid, driver_.check_untrusted(qcow2("external")));
  shell("qemu-img create -f qcow2 -u -b /etc/shadow -F raw " + directory_.file("thief") + " 1M");
  EXPECT_FAILS(Errc::kInvalid, driver_.check_untrusted(qcow2("thief")));
  EXPECT_NE(driver_.check_untrusted(qcow2("thief")).error().message.find("/etc/shadow"),
            std::string::npos);
  shell("qemu-img create -f qcow2 -o compat=0.10 " + directory_.file("old") + " 1M");
  EXPECT_OK(driver_.check_untrusted(qcow2("old")));
}

TEST_F(FsDriverTest, AChainThatLeavesAFormatToProbingIsNotOpened) {
  write_file(directory_.file("base"), random_bytes(kMegabyte));
  // Only an old tool, or somebody with a plan, makes an overlay without a format.
  shell("qemu-img create -f qcow2 -u -b base -F raw " + directory_.file("top") + " 1M");
  ASSERT_OK(driver_.ensure_copied(qcow2("top"), raw("copy"), std::nullopt, no_progress_));
  shell("cmp " + directory_.file("base") + " " + directory_.file("copy"));
  std::string bytes = read_file(directory_.file("top"));
  const std::string extension("\xe2\x79\x2a\xca", 4);
  ASSERT_NE(bytes.find(extension), std::string::npos);
  bytes.replace(bytes.find(extension), 4, "none");
  write_file(directory_.file("top"), bytes);
  EXPECT_FAILS(Errc::kInvalid, driver_.ensure_copied(qcow2("top"), raw("copy"), std::nullopt,
                                                     no_progress_));
}

TEST_F(FsDriverTest, AChainThroughAProtocolIsNotOpened) {
  for (const std::string name : {"nbd:unix:/tmp/x", "json:{\"driver\":\"null-co\"}"}) {
    shell("rm -f " + directory_.file("top"));
    shell("qemu-img create -f qcow2 -u -b '" + name + "' -F raw " + directory_.file("top") +
          " 1M");
    EXPECT_FAILS(Errc::kInvalid, driver_.ensure_copied(qcow2("top"), raw("copy"), std::nullopt,
                                                       no_progress_));
  }
}

TEST_F(FsDriverTest, AChainThatRunsInACircleIsNotOpened) {
  shell("qemu-img create -f qcow2 -u -b b -F qcow2 " + directory_.file("a") + " 1M");
  shell("qemu-img create -f qcow2 -u -b a -F qcow2 " + directory_.file("b") + " 1M");
  EXPECT_FAILS(Errc::kInvalid,
               driver_.ensure_copied(qcow2("a"), raw("copy"), std::nullopt, no_progress_));
}

TEST_F(FsDriverTest, AMissingLayerInTheMiddleIsNotFoundByName) {
  shell("qemu-img create -f qcow2 -u -b gone -F qcow2 " + directory_.file("top") + " 1M");
  const auto proof = driver_.ensure_copied(qcow2("top"), raw("copy"), std::nullopt, no_progress_);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code, Errc::kNotFound);
  EXPECT_NE(proof.error().message.find(directory_.file("gone")), std::string::npos);
}

TEST_F(FsDriverTest, ACopyOntoItsOwnLayerIsRefused) {
  const Layer base = make_qcow2_disk("base", kMegabyte);
  ASSERT_OK(driver_.ensure_cloned(base, qcow2("top"), CloneMode::kOverlay, std::nullopt,
                                  no_progress_));
  EXPECT_FAILS(Errc::kInvalid,
               driver_.ensure_copied(qcow2("top"), base, std::nullopt, no_progress_));
  EXPECT_EQ(count_files(), 2U);
}

/// Takes the locks that QEMU's file driver takes (block/file-posix.c: bytes 100 and up for what
/// it does, 200 and up for what it does not want others to do; bit 0 reads, bit 1 writes).
class QemuLock {
 public:
  QemuLock(const std::string& path, std::initializer_list<off_t> bytes)
      : file_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    for (const off_t byte : bytes) {
      struct flock lock {};
      lock.l_type = F_RDLCK;
      lock.l_start = byte;
      lock.l_len = 1;
      EXPECT_EQ(::fcntl(file_, F_OFD_SETLK, &lock), 0);
    }
  }
  ~QemuLock() { ::close(file_); }

 private:
  int file_;
};

TEST_F(FsDriverTest, ALayerBelowARunningGuestIsCopied) {
  const Layer disk = make_qcow2_disk("disk", kMegabyte);
  const QemuLock reader(disk.path, {100, 201});
  EXPECT_OK(driver_.ensure_copied(disk, qcow2("copy"), std::nullopt, no_progress_));
}

TEST_F(FsDriverTest, ADiskThatAGuestWritesToIsNotCopied) {
  const Layer disk = make_qcow2_disk("disk", kMegabyte);
  const QemuLock writer(disk.path, {100, 101, 201});
  EXPECT_FAILS(Errc::kUnavailable,
               driver_.ensure_copied(disk, qcow2("copy"), std::nullopt, no_progress_));
  EXPECT_EQ(count_files(), 1U);
}

TEST_F(FsDriverTest, AStalledToolLeavesNothing) {
  const Layer disk = make_qcow2_disk("disk", kMegabyte);
  TemporaryDirectory tools;
  const std::string tool =
      write_script(tools.file("qemu-img"), "for last; do :; done; echo x > $last; exec sleep 1000");
  FsDriver driver({.qemu_img = tool, .stall_limit = Duration{200}}, clock_);
  EXPECT_FAILS(Errc::kStalled,
               driver.ensure_copied(disk, qcow2("copy"), std::nullopt, no_progress_));
  EXPECT_EQ(count_files(), 1U);
}

TEST_F(FsDriverTest, AToolThatLiesAboutItsSuccessIsFoundOut) {
  const Layer disk = make_qcow2_disk("disk", kMegabyte);
  TemporaryDirectory tools;
  const std::string tool =
      write_script(tools.file("qemu-img"),
                   "[ $1 = convert ] || exit 0\nfor last; do :; done\n"
                   "exec /usr/bin/qemu-img create -q -f qcow2 $last 1M\n");
  FsDriver driver({.qemu_img = tool}, clock_);
  EXPECT_FAILS(Errc::kInternal,
               driver.ensure_copied(disk, qcow2("copy"), std::nullopt, no_progress_));
  EXPECT_EQ(count_files(), 1U);
}

TEST_F(FsDriverTest, AMergeGrowsTheBaseToTheOverlay) {
  const Layer base = make_raw_disk("base", kMegabyte);
  ASSERT_OK(driver_.ensure_cloned(base, qcow2("top"), CloneMode::kOverlay, Bytes::megabytes(96),
                                  no_progress_));
  shell("qemu-io -f qcow2 -c 'write -P 9 80M 64k' " + qcow2("top").path);
  ASSERT_OK(driver_.ensure_merged_at_rest(qcow2("top"), base, no_progress_));
  EXPECT_EQ(driver_.inspect_file(base)->virtual_size, Bytes::megabytes(96));
  shell("qemu-io -f raw -c 'read -P 9 80M 64k' " + base.path);
}

TEST_F(FsDriverTest, AMergeThatFailsKeepsTheOverlay) {
  const Layer base = make_qcow2_disk("base", kMegabyte);
  ASSERT_OK(driver_.ensure_cloned(base, qcow2("top"), CloneMode::kOverlay, std::nullopt,
                                  no_progress_));
  shell("qemu-io -f qcow2 -c 'write -P 9 8M 64k' " + qcow2("top").path);
  RecordingProgress cancelled(RecordingProgress::Cancel::kAfterFirstReport);
  EXPECT_FAILS(Errc::kConflict, driver_.ensure_merged_at_rest(qcow2("top"), base, cancelled));
  {
    const QemuLock guest(base.path, {100, 201});
    EXPECT_FAILS(Errc::kUnavailable,
                 driver_.ensure_merged_at_rest(qcow2("top"), base, no_progress_));
  }
  EXPECT_EQ(count_files(), 2U);
  ASSERT_OK(driver_.ensure_merged_at_rest(qcow2("top"), base, no_progress_));
  shell("qemu-io -f qcow2 -c 'read -P 9 8M 64k' " + base.path);
}

TEST_F(FsDriverTest, AnIsoHasLabelNamesAndContent) {
  const std::string iso = directory_.file("context.iso");
  ASSERT_OK(driver_.ensure_iso(iso, "CONTEXT",
                               {{"context.sh", "TOKEN='x y'\n"},
                                {"../../etc/passwd", "outside"},
                                {"A long name, with blanks", ""}}));
  const std::string facts = shell("isoinfo -d -i " + iso);
  EXPECT_NE(facts.find("Volume id: CONTEXT"), std::string::npos) << facts;
  EXPECT_NE(facts.find("Joliet"), std::string::npos) << facts;
  EXPECT_NE(facts.find("Rock Ridge"), std::string::npos) << facts;
  EXPECT_EQ(shell("isoinfo -R -x /context.sh -i " + iso), "TOKEN='x y'\n");
  EXPECT_EQ(shell("isoinfo -J -f -i " + iso + " | sort"),
            "/.._.._etc_passwd\n/A_long_name__with_blanks\n/context.sh\n");
  EXPECT_EQ(count_files(), 1U);
}

TEST_F(FsDriverTest, AnIsoRefusesWhatItCannotHold) {
  const std::string iso = directory_.file("context.iso");
  EXPECT_FAILS(Errc::kInvalid, driver_.ensure_iso(iso, std::string(33, 'L'), {{"a", ""}}));
  EXPECT_FAILS(Errc::kInvalid, driver_.ensure_iso(iso, "", {{"a", ""}}));
  EXPECT_FAILS(Errc::kInvalid, driver_.ensure_iso(iso, "CONTEXT", {{"..", ""}}));
  EXPECT_FAILS(Errc::kInvalid, driver_.ensure_iso(iso, "CONTEXT", {{"a b", ""}, {"a_b", ""}}));
  FsDriver without({.iso_tool = directory_.file("nothing")}, clock_);
  EXPECT_FAILS(Errc::kUnavailable, without.ensure_iso(iso, "CONTEXT", {{"a", ""}}));
  EXPECT_EQ(count_files(), 0U);
}

TEST_F(FsDriverTest, ListingFollowsNoLink) {
  TemporaryDirectory elsewhere;
  write_file(elsewhere.file("secret"), "secret");
  std::filesystem::create_directory_symlink(elsewhere.path(), directory_.file("link"));
  const auto found = driver_.list_files(directory_.path());
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().path, directory_.file("link"));
}

/// A full file system of 4 MiB.
class FsDriverWithoutSpace : public FsDriverTest {
 protected:
  void SetUp() override {
    if (!can_mount()) GTEST_SKIP() << "mounting a small tmpfs needs root";
    std::filesystem::create_directory(small_);
    mount_tmpfs(small_, 4 * kMegabyte);
    is_mounted_ = true;
  }
  void TearDown() override {
    if (is_mounted_) unmount(small_);
  }
  void expect_exhausted_and_tidy(const Result<void>& result) {
    EXPECT_FAILS(Errc::kExhausted, result);
    EXPECT_TRUE(std::filesystem::is_empty(small_));
  }
  Result<void> copy(const Layer& source, Format format) {
    const auto proof =
        driver_.ensure_copied(source, {small_ + "/copy", format}, std::nullopt, no_progress_);
    if (!proof) return tl::unexpected(proof.error());
    return {};
  }
  const std::string small_ = directory_.file("small");
  bool is_mounted_ = false;
};

TEST_F(FsDriverWithoutSpace, CopiesEndExhaustedWithNothingLeft) {
  const Layer from_raw = make_raw_disk("raw", 8 * kMegabyte);
  const Layer from_qcow2 = make_qcow2_disk("qcow2", 8 * kMegabyte);
  for (const Format format : {Format::kRaw, Format::kQcow2}) {
    expect_exhausted_and_tidy(copy(from_raw, format));
    expect_exhausted_and_tidy(copy(from_qcow2, format));
  }
}

TEST_F(FsDriverWithoutSpace, ClonesEndExhaustedWithNothingLeft) {
  const Layer from_raw = make_raw_disk("raw", 8 * kMegabyte);
  const Layer from_qcow2 = make_qcow2_disk("qcow2", 8 * kMegabyte);
  for (const Layer& source : {from_raw, from_qcow2})
    expect_exhausted_and_tidy(driver_.ensure_cloned(source, {small_ + "/clone", source.format},
                                                    CloneMode::kCopy, std::nullopt,
                                                    no_progress_));
}

TEST_F(FsDriverWithoutSpace, AnIsoEndsExhaustedWithNothingLeft) {
  expect_exhausted_and_tidy(
      driver_.ensure_iso(small_ + "/iso", "CONTEXT", {{"a", random_bytes(8 * kMegabyte)}}));
}

/// The same on XFS, where blocks can be shared.
class FsDriverOnXfs : public testing::Test {
 protected:
  void SetUp() override {
    if (!can_mount()) GTEST_SKIP() << "mounting XFS needs root";
    directory_ = std::make_unique<TemporaryDirectory>(xfs_directory());
  }
  [[nodiscard]] Layer layer(const std::string& name, Format format) const {
    return {directory_->file(name), format};
  }
  std::unique_ptr<TemporaryDirectory> directory_;
  SystemClock clock_;
  NoProgress no_progress_;
  FsDriver driver_{FsDriver::Config{}, clock_};
};

TEST_F(FsDriverOnXfs, ACopySharesBlocksAndLeavesTheHashToItsCaller) {
  for (const Format format : {Format::kRaw, Format::kQcow2}) {
    const std::string name(name_of(format));
    const Layer base = layer("base." + name, format);
    ASSERT_OK(driver_.ensure_created(base, kFileSize));
    shell("qemu-io -f " + name + " -c 'write -P 5 0 32M' " + base.path);
    const Layer top = layer("top." + name, Format::kQcow2);
    ASSERT_OK(driver_.ensure_cloned(base, top, CloneMode::kOverlay, std::nullopt, no_progress_));
    shell("qemu-io -f qcow2 -c 'write -P 6 16M 8M' " + top.path);
    const auto usage_before = driver_.inspect_usage(directory_->path());
    for (const Layer& source : {base, top}) {
      const Layer image = layer("image." + name, format);
      const auto proof = driver_.ensure_copied(source, image, std::nullopt, no_progress_);
      ASSERT_TRUE(proof) << proof.error().text();
      EXPECT_TRUE(proof->is_shared);
      EXPECT_EQ(proof->sha256, "");
      shell(fmt::format("qemu-img compare -f {} -F {} {} {}", name_of(source.format), name,
                        source.path, image.path));
    }
    const auto usage_after = driver_.inspect_usage(directory_->path());
    EXPECT_LT(usage_after->used - usage_before->used, Bytes::megabytes(8));
  }
}

TEST_F(FsDriverOnXfs, ACopyFromAnotherFileSystemIsHashed) {
  TemporaryDirectory elsewhere;
  const Layer disk{elsewhere.file("disk"), Format::kQcow2};
  ASSERT_OK(driver_.ensure_created(disk, kFileSize));
  shell("qemu-io -f qcow2 -c 'write -P 5 0 4M' " + disk.path);
  const Layer image = layer("image", Format::kQcow2);
  const auto proof = driver_.ensure_copied(disk, image, std::nullopt, no_progress_);
  ASSERT_TRUE(proof) << proof.error().text();
  EXPECT_FALSE(proof->is_shared);
  EXPECT_EQ(proof->sha256, shell("sha256sum " + image.path).substr(0, 64));
}

TEST_F(FsDriverOnXfs, APinWithARelativeBackingNameStaysInItsDirectory) {
  ASSERT_OK(driver_.ensure_directory(directory_->file("pins")));
  ASSERT_OK(driver_.ensure_created(layer("base", Format::kQcow2), kFileSize));
  const Layer top = layer("top", Format::kQcow2);
  shell("qemu-img create -f qcow2 -b base -F qcow2 " + top.path);
  EXPECT_FAILS(Errc::kInvalid,
               driver_.ensure_pinned_at_rest(top, directory_->file("pins/pin")));
  EXPECT_OK(driver_.ensure_pinned_at_rest(top, directory_->file("pin")));
}

}  // namespace
}  // namespace neph::datastore_driver
