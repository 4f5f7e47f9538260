#include "daemon/files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include <sys/stat.h>

namespace neph::daemon {
namespace {

namespace fs = std::filesystem;

class SmallFiles : public testing::Test {
 protected:
  SmallFiles() {
    std::string pattern = "/tmp/neph-files-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~SmallFiles() override { fs::remove_all(directory_); }
  static int mode_of(const fs::path& file) {
    struct stat facts = {};
    EXPECT_EQ(::stat(file.c_str(), &facts), 0) << file;
    return facts.st_mode & 0777;
  }
  static std::string text_of(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  fs::path directory_;
};

TEST_F(SmallFiles, AreReplacedAsAWholeWithTheModeAskedFor) {
  const fs::path file = directory_ / "one_auth";
  ASSERT_TRUE(replace_file(file, "a much longer text\n", Readers::kAll));
  EXPECT_EQ(mode_of(file), 0644);
  ASSERT_TRUE(replace_file(file, "short\n", Readers::kOwner));
  EXPECT_EQ(mode_of(file), 0600);
  EXPECT_EQ(text_of(file), "short\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
}

TEST_F(SmallFiles, AreWrittenAlthoughAnEarlierStartLeftAPart) {
  std::ofstream(directory_ / "one_auth.new") << "half a passw";
  ASSERT_TRUE(replace_file(directory_ / "one_auth", "whole\n", Readers::kOwner));
  EXPECT_EQ(text_of(directory_ / "one_auth"), "whole\n");
}

TEST_F(SmallFiles, NameTheFileThatCannotBeWritten) {
  const auto written = replace_file("/none/such/file", "x", Readers::kOwner);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().text(),
            "cannot create /none/such/file.new (No such file or directory)");
}

TEST_F(SmallFiles, GoIntoDirectoriesThatAreMadeWithAllAboveThem) {
  ASSERT_TRUE(ensure_directory(directory_ / "a" / "b" / "c", Privacy::kGroup));
  EXPECT_EQ(mode_of(directory_ / "a" / "b" / "c") & 07, 0);
  EXPECT_TRUE(ensure_directory(directory_ / "a" / "b" / "c", Privacy::kOwner));
}

TEST_F(SmallFiles, DoNotGoIntoAFile) {
  std::ofstream(directory_ / "plain") << "x";
  EXPECT_FALSE(ensure_directory(directory_ / "plain", Privacy::kGroup));
}

TEST_F(SmallFiles, DoNotGoWhereOthersCanReach) {
  const fs::path own = directory_ / "own";
  ASSERT_TRUE(ensure_own_directory(own));
  EXPECT_EQ(mode_of(own), 0700);
  EXPECT_TRUE(ensure_own_directory(own)) << "the same again";
  fs::permissions(own, fs::perms::others_read, fs::perm_options::add);
  EXPECT_FALSE(ensure_own_directory(own));
  fs::create_directory_symlink(directory_, directory_ / "link");
  EXPECT_FALSE(ensure_own_directory(directory_ / "link"));
}

}  // namespace
}  // namespace neph::daemon
