#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_server.h"

namespace neph::cli {
namespace {

using Calls = std::vector<std::string>;
using testing::HasSubstr;

TEST(BackupJobCommands, APlanIsMadeOfVmsInTheirOrder) {
  Bench bench;
  bench.server.answer("one.backupjob.allocate", ok_id(4));
  EXPECT_EQ(bench.run({"backup-job", "create", "--name", "night", "--vms", "3,1", "-d", "100",
                       "--keep", "7", "--parallel"}),
            ExitCode::kOk)
      << bench.err.str();
  EXPECT_EQ(bench.out.str(), "ID: 4\n");
  ASSERT_EQ(bench.server.calls.size(), 1u);
  for (const char* part : {"NAME=\"night\"", "BACKUP_VMS=\"3,1\"", "DATASTORE_ID=\"100\"",
                           "KEEP_LAST=\"7\"", "EXECUTION=\"PARALLEL\""})
    EXPECT_THAT(bench.server.calls[0], HasSubstr(part));
}

TEST(BackupJobCommands, APlanOfNothingIsRefusedBeforeItIsSent) {
  Bench bench;
  EXPECT_NE(bench.run({"backup-job", "create", "--name", "night"}), ExitCode::kOk);
  EXPECT_EQ(bench.server.calls, Calls{});
  EXPECT_THAT(bench.err.str(), HasSubstr("--vms"));
}

TEST(BackupJobCommands, RunsAreBegunGivenUpAndTriedAgain) {
  for (const auto& [verb, method] :
       {std::pair{"run", "backup"}, {"cancel", "cancel"}, {"retry", "retry"},
        {"delete", "delete"}}) {
    Bench bench;
    bench.server.answer(std::string("one.backupjob.") + method, ok_id(4));
    EXPECT_EQ(bench.run({"backup-job", verb, "4"}), ExitCode::kOk) << bench.err.str();
    EXPECT_EQ(bench.server.calls, Calls{std::string("one.backupjob.") + method + "(4)"});
  }
}

TEST(BackupJobCommands, WhatIsShownSaysWhereEachVmStands) {
  Bench bench;
  bench.server.answer("one.backupjob.info",
                      ok_text("<BACKUPJOB><ID>4</ID><NAME>night</NAME><PRIORITY>50</PRIORITY>"
                              "<UPDATED_VMS><ID>3</ID></UPDATED_VMS><ERROR_VMS><ID>1</ID>"
                              "</ERROR_VMS><TEMPLATE><BACKUP_VMS>3,1</BACKUP_VMS>"
                              "<ERROR>VM 1: full</ERROR></TEMPLATE></BACKUPJOB>"));
  EXPECT_EQ(bench.run({"backup-job", "show", "4"}), ExitCode::kOk) << bench.err.str();
  EXPECT_THAT(bench.out.str(), HasSubstr("VM 1: full"));
  EXPECT_THAT(bench.out.str(), HasSubstr("3,1"));
}

}  // namespace
}  // namespace neph::cli
