#include <fstream>

#include "drivers/datastore/fs/fs_driver.h"
#include "tests/unit/datastore/bench.h"

namespace neph::datastore {
namespace {

/// The same jobs over real files: what a simulated driver grants too easily shows here.
class RealFiles : public ImageBench {
 protected:
  void SetUp() override {
    ImageBench::SetUp();
    drivers_.datastores["local"] = &fs_;
  }
  [[nodiscard]] std::filesystem::path datastores() const override { return safe_ / "datastores"; }
  std::string put_bytes(const std::string& name, const std::string& bytes) {
    const std::string path = (safe_ / name).string();
    std::ofstream{path, std::ios::binary} << bytes;
    return path;
  }
  static std::string read(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  std::vector<std::string> real_files() {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(datastores(), ignored)) {
      if (entry.is_regular_file()) found.push_back(entry.path().string());
    }
    return found;
  }

  SystemClock clock_;
  datastore_driver::FsDriver fs_{{}, clock_};
};

TEST_F(RealFiles, ARawFileIsCopiedHashedVerifiedAndDeleted) {
  const std::string bytes(1'500'000, 'n');
  const auto id =
      allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_bytes("a.img", bytes)));
  ASSERT_TRUE(id) << id.error().text();
  const Image made = image(*id);
  ASSERT_EQ(made.state, ImageState::kReady) << made.attributes.get("ERROR");
  EXPECT_EQ(made.size_mb, 2);
  EXPECT_EQ(made.sha256.size(), 64u);
  EXPECT_EQ(read(made.source), bytes);
  EXPECT_EQ(real_files(), std::vector<std::string>{made.source});
  JobId job_id;
  ASSERT_TRUE(transact([&](db::Txn& txn) -> Result<void> {
    job_id = TRY(service_->verify(txn, alice_, *id));
    return {};
  }));
  EXPECT_EQ(job(job_id).result, "intact");
  ASSERT_TRUE(transact([&](db::Txn& txn) { return service_->remove(txn, *id); }));
  EXPECT_TRUE(real_files().empty());
}

TEST_F(RealFiles, AQcow2FileInDisguiseIsRefusedAndLeavesNothing) {
  const auto id =
      allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_bytes("a.img", "QFI\xfb and so on")));
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(image(*id).state, ImageState::kError);
  EXPECT_NE(image(*id).attributes.get("ERROR").find("qcow2"), std::string::npos);
  EXPECT_TRUE(real_files().empty());
}

TEST_F(RealFiles, AQcow2FileThatNamesAnotherIsRefusedAndLeavesNothing) {
  // A version 2 header: magic, version, backing file of 11 bytes at 72, 64 KiB clusters, 1 MiB.
  std::string header{"QFI\xfb\0\0\0\2\0\0\0\0\0\0\0\110\0\0\0\13\0\0\0\20\0\0\0\0\0\20\0\0", 32};
  header.resize(72, '\0');
  header += "/etc/shadow";
  header.resize(262'144, '\0');
  const auto id =
      allocate(fmt::format("NAME=a\nPATH=\"{}\"", put_bytes("a.qcow2", header)));
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(image(*id).state, ImageState::kError);
  EXPECT_NE(image(*id).attributes.get("ERROR").find("backing"), std::string::npos)
      << image(*id).attributes.get("ERROR");
  EXPECT_TRUE(real_files().empty());
}

TEST_F(RealFiles, AnEmptyDiskIsMade) {
  const auto id = allocate("NAME=data\nTYPE=DATABLOCK\nSIZE=16\nFORMAT=raw");
  ASSERT_TRUE(id) << id.error().text();
  ASSERT_EQ(image(*id).state, ImageState::kReady) << image(*id).attributes.get("ERROR");
  EXPECT_EQ(std::filesystem::file_size(image(*id).source), 16u * 1048576u);
}

TEST_F(RealFiles, OtherPeoplesImagesAreNoSource) {
  const auto id = allocate("NAME=data\nTYPE=DATABLOCK\nSIZE=16\nFORMAT=raw");
  ASSERT_TRUE(id) << id.error().text();
  const auto stolen =
      allocate_as(root_, fmt::format("NAME=copy\nPATH=\"{}\"", image(*id).source));
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().code, Errc::kDenied);
}

}  // namespace
}  // namespace neph::datastore
