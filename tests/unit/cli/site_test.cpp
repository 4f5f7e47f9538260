#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_server.h"

namespace neph::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

constexpr const char* kDone = "<JOB><ID>9</ID><STATE>done</STATE></JOB>";

class SiteCommands : public testing::Test {
 protected:
  void answer_check(const std::string& inside) {
    bench_.server.answer("neph.check", ok_id(9));
    bench_.server.answer("neph.job.info", ok_text(kDone));
    bench_.server.answer(
        "neph.check.info",
        ok_text("<CHECK><JOB_ID>9</JOB_ID><BEGAN_AT_MS>1000</BEGAN_AT_MS><ENDED_AT_MS>2200"
                "</ENDED_AT_MS><VMS>12</VMS><IMAGES>3</IMAGES><HOSTS>2</HOSTS><FILES>20</FILES>" +
                inside + "</CHECK>"));
  }
  Bench bench_;
};

constexpr const char* kFinding =
    "<FOUND>1</FOUND><FINDING><KIND>orphan-file</KIND><SEVERITY>warning</SEVERITY><OBJECT>VM 3"
    "</OBJECT><PLACE>/ds/0/3/disk.5</PLACE><OWNER>ann</OWNER><SIZE>1048576</SIZE><MODIFIED_AT>1"
    "</MODIFIED_AT><TEXT>no row names this file</TEXT><REPAIRABLE>0</REPAIRABLE><REPAIRED/>"
    "</FINDING>";

TEST_F(SiteCommands, ACheckThatFindsNothingSaysWhatItLookedAt) {
  answer_check("<FOUND>0</FOUND>");
  EXPECT_EQ(bench_.run({"check"}), ExitCode::kOk) << bench_.err.str();
  EXPECT_EQ(bench_.out.str(), "nothing to complain about: 12 VMs, 3 images, 2 hosts, 20 files "
                              "looked at in 1.2 s\n");
  EXPECT_EQ(bench_.server.calls.front(), "neph.check(false)");
}

TEST_F(SiteCommands, FindingsAreATableAndAnExitCode) {
  answer_check(kFinding);
  EXPECT_EQ(static_cast<int>(bench_.run({"check", "--repair"})), 1);
  EXPECT_THAT(bench_.out.str(), HasSubstr("orphan-file"));
  EXPECT_THAT(bench_.out.str(), HasSubstr("ann"));
  EXPECT_THAT(bench_.out.str(), HasSubstr("1.0 MiB"));
  EXPECT_THAT(bench_.out.str(), HasSubstr("/ds/0/3/disk.5"));
  EXPECT_EQ(bench_.server.calls.front(), "neph.check(true)");
}

TEST_F(SiteCommands, WhatCouldNotBeLookedAtIsNamedAndHasItsOwnExitCode) {
  answer_check("<FOUND>0</FOUND><UNSEEN><PLACE>host node3</PLACE><REASON>no route</REASON>"
               "</UNSEEN>");
  EXPECT_EQ(static_cast<int>(bench_.run({"check"})), 2);
  EXPECT_THAT(bench_.out.str(), HasSubstr("not looked at: host node3 (no route)"));
}

TEST_F(SiteCommands, ARemovalNamesOneAbsolutePath) {
  bench_.server.answer("neph.check.remove", ok_id(9));
  bench_.server.answer("neph.job.info", ok_text(kDone));
  EXPECT_EQ(bench_.run({"check", "--remove", "/ds/1/../1/orphan"}), ExitCode::kOk);
  EXPECT_EQ(bench_.server.calls.front(), "neph.check.remove(\"/ds/1/orphan\")");
}

TEST_F(SiteCommands, ABackupThatFailsSaysWhy) {
  bench_.server.answer("neph.backup", ok_id(9));
  bench_.server.answer("neph.job.info", ok_text("<JOB><ID>9</ID><STATE>failed</STATE><ERROR>file "
                                                "/b exists already</ERROR></JOB>"));
  EXPECT_EQ(bench_.run({"backup", "/b"}), ExitCode::kWaitedFailed);
  EXPECT_THAT(bench_.err.str(), HasSubstr("/b exists already"));
  EXPECT_EQ(bench_.server.calls.front(), "neph.backup(\"/b\")");
}

TEST_F(SiteCommands, ARestoreIsNephdsBusinessAndNeedsNoServer) {
  bench_.server.go_away();
  EXPECT_EQ(bench_.run({"restore", "/b", "--state", "/var/x"}), ExitCode::kRefused);
  ASSERT_EQ(bench_.became.size(), 5u);
  EXPECT_THAT(bench_.became.front(), EndsWith("nephd"));
  EXPECT_THAT(std::vector<std::string>(bench_.became.begin() + 1, bench_.became.end()),
              ElementsAre("--restore", "/b", "--state", "/var/x"));
  EXPECT_THAT(bench_.err.str(), HasSubstr("nephd --restore FILE"));
}

}  // namespace
}  // namespace neph::cli
