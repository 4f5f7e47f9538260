#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "cli/http_transport.h"
#include "cli/rpc_client.h"
#include "tests/e2e/nephd_process.h"
#include "tests/e2e/waiting.h"
#include "tests/support/command.h"

/// The controller alone, with a simulated host: its disk full, its backups, its checks.
namespace neph::e2e {
namespace {

namespace fs = std::filesystem;
using cli::Element;
using testing::HasSubstr;
using testing_support::run_command;

constexpr Duration kSiteCallLimit{30'000};

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

class SiteOfOne : public testing::Test {
 protected:
  SiteOfOne() {
    std::string pattern = "/tmp/neph-site-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    state_ = folder_ / "state";
    fs::create_directories(state_);
    nephd_ = std::make_unique<NephdProcess>(
        state_,
        std::vector<std::string>{"EMBEDDED_HOST=NO", "LOG_LEVEL=info",
                                 "DATASTORE_LOCATION=" + (folder_ / "datastores").string()},
        Demo::kNone);
  }
  ~SiteOfOne() override {
    nephd_.reset();
    if (is_mounted_) run_command("umount -l " + state_.string());
    fs::remove_all(folder_);
  }

  void start() {
    nephd_->start();
    transport_ = std::make_unique<cli::HttpTransport>(
        cli::Endpoint::parse(first_line(state_ / "endpoint")).value(), kSiteCallLimit);
    rpc_ = std::make_unique<cli::RpcClient>(*transport_, first_line(state_ / "one_auth"));
  }
  void mount_small(const std::string& size) {
    is_mounted_ =
        run_command("mount -t tmpfs -o size=" + size + " tmpfs " + state_.string()).status == 0;
  }
  Result<std::int64_t> allocate(const std::string& name) {
    return rpc_->call_id("one.template.allocate", {"NAME=" + name + "\nNOTE=\"" +
                                                   std::string(20'000, 'x') + "\""});
  }
  std::int64_t templates() {
    const auto pool = rpc_->call_document("one.templatepool.info", {-2, -1, -1});
    EXPECT_TRUE(pool) << pool.error().text();
    return pool ? static_cast<std::int64_t>(pool->all("VMTEMPLATE").size()) : -1;
  }
  Element await_job(std::int64_t job) {
    Element last;
    await(fmt::format("job {} to be over", job), [&] {
      last = rpc_->call_document("neph.job.info", {job}).value();
      const auto state = last.get("STATE");
      return state == "done" || state == "failed" || state == "cancelled";
    });
    return last;
  }
  /// neph of the same build, with this daemon's credentials.
  testing_support::Outcome neph(const std::string& words) {
    const auto program = nephd_program().parent_path().parent_path() / "cli" / "neph";
    return run_command(fmt::format("{} --state {} {}", program.string(), state_.string(), words));
  }

  fs::path folder_;
  fs::path state_;
  bool is_mounted_ = false;
  std::unique_ptr<NephdProcess> nephd_;
  std::unique_ptr<cli::HttpTransport> transport_;
  std::unique_ptr<cli::RpcClient> rpc_;
};

TEST_F(SiteOfOne, AFullStateDirectoryRefusesWritesServesReadsAndRecoversByItself) {
  mount_small("24m");
  if (!is_mounted_) GTEST_SKIP() << "nothing can be mounted here";
  start();
  ASSERT_TRUE(rpc_->call_id("one.host.allocate", {"node1", "dummy", "dummy", -1}));
  ASSERT_TRUE(allocate("before"));
  const auto ballast = state_ / "ballast";
  run_command("cat /dev/zero > " + ballast.string());

  Error refused;
  await("a write to be refused", [&] {
    const auto made = allocate(fmt::format("t{}", templates()));
    if (made) return false;
    refused = made.error();
    return true;
  });
  EXPECT_THAT(refused.text(), HasSubstr(state_.string()));
  EXPECT_THAT(refused.text(), HasSubstr("free some space"));
  const auto count = templates();
  EXPECT_GE(count, 1) << "reads go on";
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(allocate(fmt::format("refused{}", i)));
  EXPECT_EQ(templates(), count) << "nothing of what was refused is there";
  const auto log = run_command("grep -c ERROR " + nephd_->output_file().string());
  EXPECT_LT(std::atoi(log.output.c_str()), 20) << "the log is not flooded";

  fs::remove(ballast);
  await("a write to be taken again", [&] { return allocate("after").has_value(); });
  EXPECT_EQ(templates(), count + 1);
  const auto check = neph("check");
  EXPECT_EQ(check.status, 0) << check.output;
  EXPECT_EQ(await_job(rpc_->call_id("neph.check", {false}).value()).get("STATE"), "done");
  nephd_->kill();
  start();
  EXPECT_EQ(templates(), count + 1) << "all that was answered is on disk";
}

TEST_F(SiteOfOne, AFullStateDirectoryDoesNotKeepItFromStartingAgain) {
  mount_small("24m");
  if (!is_mounted_) GTEST_SKIP() << "nothing can be mounted here";
  start();
  ASSERT_TRUE(allocate("before"));
  run_command("cat /dev/zero > " + (state_ / "ballast").string());
  nephd_->kill();
  start();
  EXPECT_EQ(templates(), 1);
}

TEST_F(SiteOfOne, ABackupIsPutBackAndIdsGoOn) {
  start();
  ASSERT_EQ(allocate("one").value(), 0);
  const auto file = (folder_ / "backup").string();
  const auto made = neph("backup " + file);
  ASSERT_EQ(made.status, 0) << made.output;
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_NE(neph("backup " + file).status, 0) << "it replaces nothing";
  ASSERT_EQ(allocate("two").value(), 1);

  const auto refused = neph("restore " + file);
  EXPECT_NE(refused.status, 0) << "nephd runs";
  EXPECT_THAT(refused.output, HasSubstr("in use by nephd"));
  nephd_->terminate();
  const auto restored = neph("restore " + file);
  ASSERT_EQ(restored.status, 0) << restored.output;
  start();
  EXPECT_EQ(templates(), 1) << "as it was at the backup";
  EXPECT_EQ(allocate("three").value(), 2) << "no id is given twice";
  const auto check = neph("check");
  EXPECT_EQ(check.status, 0) << check.output;
  EXPECT_THAT(check.output, HasSubstr("nothing to complain about"));
}

TEST_F(SiteOfOne, ACheckNamesAFileThatNobodyHasAndRemovesItWhenTold) {
  start();
  const auto orphan = folder_ / "datastores" / "1" / "orphan";
  fs::create_directories(orphan.parent_path());
  std::ofstream(orphan) << "forgotten";
  const auto found = neph("check");
  EXPECT_EQ(found.status, 1) << found.output;
  EXPECT_THAT(found.output, HasSubstr(orphan.string()));
  EXPECT_EQ(neph("check --repair").status, 1);
  EXPECT_TRUE(fs::exists(orphan)) << "it might be the last copy";
  const auto removed = neph("check --remove " + orphan.string());
  EXPECT_EQ(removed.status, 0) << removed.output;
  EXPECT_FALSE(fs::exists(orphan));
  EXPECT_EQ(neph("check").status, 0);
}

}  // namespace
}  // namespace neph::e2e
