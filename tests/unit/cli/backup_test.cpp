#include <gtest/gtest.h>

#include "fake_server.h"

namespace neph::cli {
namespace {

using Calls = std::vector<std::string>;

std::string vm_with(const std::string& backups, const std::string& error = {},
                    int state = 8, int lcm_state = 0) {
  std::string ids;
  std::istringstream words(backups);
  for (std::string id; words >> id;) ids += "<ID>" + id + "</ID>";
  return ok_text("<VM><ID>3</ID><STATE>" + std::to_string(state) + "</STATE><LCM_STATE>" +
                 std::to_string(lcm_state) + "</LCM_STATE><USER_TEMPLATE><ERROR>" + error +
                 "</ERROR></USER_TEMPLATE><BACKUPS><BACKUP_IDS>" + ids +
                 "</BACKUP_IDS></BACKUPS></VM>");
}

std::string image_in(int state, const std::string& id = "9") {
  return ok_text("<IMAGE><ID>" + id + "</ID><NAME>backup " + id + "</NAME><STATE>" +
                 std::to_string(state) + "</STATE></IMAGE>");
}

TEST(VmBackup, TellsTheImageThatItBecomes) {
  Bench bench;
  bench.server.answer("one.vm.backup", ok_id(3));
  bench.server.answer("one.vm.info", vm_with("7 9 8"));
  EXPECT_EQ(bench.run({"vm", "backup", "3", "-d", "100"}), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls, Calls({"one.vm.backup(3, 100, false)", "one.vm.info(3)"}));
  EXPECT_EQ(bench.out.str(), "ID: 9\n");
}

TEST(VmBackup, IsWaitedForUntilItsImageIsReady) {
  Bench bench;
  bench.server.answer("one.vm.backup", ok_id(3));
  bench.server.answer("one.vm.info", vm_with("9"));
  bench.server.answer("one.image.info", image_in(4));
  bench.server.answer("one.image.info", image_in(1));
  EXPECT_EQ(bench.run({"vm", "backup", "3", "--wait"}), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls.front(), "one.vm.backup(3, -1, false)");
}

TEST(VmBackup, ThatIsGivenUpSaysWhatTheVmSays) {
  Bench bench;
  bench.server.answer("one.vm.backup", ok_id(3));
  bench.server.answer("one.vm.info", vm_with("9"));
  bench.server.answer("one.vm.info", vm_with("", "the datastore is full"));
  bench.server.answer("one.image.info", refusal(1024, "Error getting image [9]."));
  EXPECT_EQ(bench.run({"vm", "backup", "3", "--wait"}), ExitCode::kWaitedFailed);
  EXPECT_NE((bench.out.str() + bench.err.str()).find("the datastore is full"), std::string::npos)
      << bench.out.str() << bench.err.str();
}

TEST(VmRestore, IsWaitedForUntilTheVmIsOffAgain) {
  Bench bench;
  bench.server.answer("one.vm.restore", ok_id(3));
  bench.server.answer("one.vm.info", vm_with("9", "an old error"));
  bench.server.answer("one.vm.info", vm_with("9", "an old error", 3, 71));
  bench.server.answer("one.vm.info", vm_with("9", "an old error"));
  EXPECT_EQ(bench.run({"vm", "restore", "3", "9", "--wait"}), ExitCode::kOk) << bench.err.str();
}

TEST(VmRestore, ThatFailsSaysWhatTheVmSays) {
  Bench bench;
  bench.server.answer("one.vm.restore", ok_id(3));
  bench.server.answer("one.vm.info", vm_with("9"));
  bench.server.answer("one.vm.info", vm_with("9", "the file is gone"));
  EXPECT_EQ(bench.run({"vm", "restore", "3", "9", "--wait"}), ExitCode::kWaitedFailed);
  EXPECT_NE((bench.out.str() + bench.err.str()).find("the file is gone"), std::string::npos);
}

TEST(VmBackups, AreListedTheNewestFirstWithoutThoseThatOthersHide) {
  Bench bench;
  bench.server.answer("one.vm.info", vm_with("7 9 8"));
  bench.server.answer("one.image.info(9)", image_in(1, "9"));
  bench.server.answer("one.image.info(8)", refusal(512, "not yours"));
  bench.server.answer("one.image.info(7)", image_in(1, "7"));
  EXPECT_EQ(bench.run({"-l", "ID,NAME", "vm", "backups", "3"}), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.out.str(), "ID  NAME\n 9  backup 9\n 7  backup 7\n");
}

}  // namespace
}  // namespace neph::cli
