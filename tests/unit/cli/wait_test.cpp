#include "cli/wait.h"

#include <gtest/gtest.h>

#include "cli/watch.h"
#include "fake_server.h"

namespace neph::cli {
namespace {

std::string vm_in(int state, int lcm_state, const std::string& more = "") {
  return ok_text(fmt::format("<VM><ID>3</ID><STATE>{}</STATE><LCM_STATE>{}</LCM_STATE>{}</VM>",
                             state, lcm_state, more));
}

std::string snapshot_in(const std::string& phase, int done, const std::string& more = "") {
  return ok_text(fmt::format("<SNAPSHOT><ID>7</ID><PHASE>{}</PHASE><BYTES_DONE>{}</BYTES_DONE>"
                             "<BYTES_TOTAL>100</BYTES_TOTAL>{}</SNAPSHOT>",
                             phase, done, more));
}

constexpr const char* kMade =
    "<SNAPSHOTS><SNAPSHOT><ID>7</ID><IMAGE_ID>20</IMAGE_ID><DISK_ID>0</DISK_ID></SNAPSHOT>"
    "</SNAPSHOTS>";

TEST(WaitForAVm, EndsWhenItHasArrived) {
  Bench bench;
  bench.server.answer("one.vm.allocate", ok_id(3));
  bench.server.answer("one.vm.info", vm_in(1, 0, "<USER_TEMPLATE><SCHED_MESSAGE>no room"
                                                 "</SCHED_MESSAGE></USER_TEMPLATE>"));
  bench.server.answer("one.vm.info", vm_in(3, 1));
  bench.server.answer("one.vm.info", vm_in(3, 1));
  bench.server.answer("one.vm.info", vm_in(3, 3));
  EXPECT_EQ(bench.run({"vm", "create", "--image", "1", "--wait"}), ExitCode::kOk);
  EXPECT_EQ(bench.out.str(), "ID: 3\n");
  EXPECT_EQ(bench.err.str(), "VM 3: PENDING (no room)\nVM 3: PROLOG\nVM 3: RUNNING\n");
}

TEST(WaitForAVm, EndsBadlyWhenItFails) {
  Bench bench;
  bench.server.answer("one.vm.action", ok_id(3));
  bench.server.answer("one.vm.info", vm_in(3, 36, "<USER_TEMPLATE><ERROR>no kernel</ERROR>"
                                                  "</USER_TEMPLATE>"));
  EXPECT_EQ(bench.run({"vm", "resume", "3", "--wait"}), ExitCode::kWaitedFailed);
  EXPECT_NE(bench.err.str().find("neph: VM 3 ended as BOOT_FAILURE: no kernel\n"),
            std::string::npos);
}

TEST(WaitForAVm, EndsBadlyWhenTheGuestDoesNotStop) {
  Bench bench;
  bench.server.answer("one.vm.action", ok_id(3));
  bench.server.answer("one.vm.info", vm_in(3, 3));
  bench.server.answer("one.vm.info", vm_in(3, 18));
  bench.server.answer("one.vm.info", vm_in(3, 3));
  EXPECT_EQ(bench.run({"vm", "poweroff", "3", "--wait"}), ExitCode::kWaitedFailed);
  EXPECT_EQ(bench.server.calls.size(), 4U);
}

TEST(WaitForAVm, EndsAtTheTimeLimit) {
  Bench bench;
  bench.server.answer("one.vm.action", ok_id(3));
  bench.server.answer("one.vm.info", vm_in(3, 18));
  EXPECT_EQ(bench.run({"vm", "poweroff", "3", "--wait", "--timeout", "60"}),
            ExitCode::kWaitedFailed);
  EXPECT_GE(bench.clock.monotonic(), Duration{60'000});
  EXPECT_LT(bench.clock.monotonic(), Duration{62'000});
  EXPECT_NE(bench.err.str().find("goes on by itself, look with: neph vm show 3"),
            std::string::npos);
}

TEST(WaitForASnapshot, ShowsItsPhases) {
  Bench bench;
  bench.server.answer("neph.snapshot.create", ok_text(kMade));
  bench.server.answer("neph.snapshot.info", snapshot_in("pinning", 0));
  bench.server.answer("neph.snapshot.info", snapshot_in("copying", 41));
  bench.server.answer("neph.snapshot.info", snapshot_in("copying", 42));
  bench.server.answer("neph.snapshot.info",
                      snapshot_in("waiting", 42, "<WAITING_FOR>space</WAITING_FOR>"
                                                 "<REASON>needs 3 GiB, 1 GiB free</REASON>"));
  bench.server.answer("neph.snapshot.info",
                      snapshot_in("ready", 100, "<GRADE>frozen</GRADE>"));
  EXPECT_EQ(bench.run({"snapshot", "create", "3", "0", "gold", "--wait"}), ExitCode::kOk);
  EXPECT_EQ(bench.out.str(), "ID: 7 (disk 0 becomes image 20)\n");
  EXPECT_EQ(bench.err.str(),
            "snapshot 7: pinning 0%, 0 B of 100 B\n"
            "snapshot 7: copying 41%, 41 B of 100 B\n"
            "snapshot 7: waiting for space 42%, 42 B of 100 B (needs 3 GiB, 1 GiB free)\n"
            "snapshot 7: ready (grade frozen)\n");
}

TEST(WaitForASnapshot, SaysWhyItFailed) {
  Bench bench;
  bench.server.answer("neph.snapshot.retry", ok_id(7));
  bench.server.answer("neph.snapshot.info",
                      snapshot_in("failed", 10, "<ERROR>no space left</ERROR>"));
  EXPECT_EQ(bench.run({"snapshot", "retry", "7", "--wait"}), ExitCode::kWaitedFailed);
  EXPECT_NE(bench.err.str().find("neph: snapshot 7 ended as failed: no space left\n"),
            std::string::npos);
}

TEST(WaitForASnapshot, LeavesItRunningOnAnInterrupt) {
  Bench bench;
  bench.is_interrupted = true;
  bench.server.answer("neph.snapshot.create", ok_text(kMade));
  bench.server.answer("neph.snapshot.info", snapshot_in("copying", 10));
  EXPECT_EQ(bench.run({"snapshot", "create", "3", "0", "gold", "--wait"}),
            ExitCode::kInterrupted);
  EXPECT_NE(bench.err.str().find("neph: not waiting any more; snapshot 7 goes on by itself, look "
                                 "with: neph snapshot show 7\n"),
            std::string::npos);
  for (const auto& call : bench.server.calls) EXPECT_EQ(call.find("cancel"), std::string::npos);
}

TEST(WaitForACheck, PrintsWhatItFound) {
  Bench bench;
  bench.server.answer("neph.image.verify", ok_id(70));
  bench.server.answer("neph.job.info", ok_text("<JOB><STATE>running</STATE></JOB>"));
  bench.server.answer("neph.job.info",
                      ok_text("<JOB><STATE>done</STATE><RESULT>intact</RESULT></JOB>"));
  EXPECT_EQ(bench.run({"image", "verify", "4", "--wait"}), ExitCode::kOk);
  EXPECT_EQ(bench.out.str(), "image 4: intact\n");
  bench.server.answer("neph.job.info",
                      ok_text("<JOB><STATE>done</STATE><RESULT>corrupt</RESULT></JOB>"));
  EXPECT_EQ(bench.run({"image", "verify", "4", "--wait"}), ExitCode::kWaitedFailed);
}

TEST(WaitForAnImage, EndsWhenItIsReadyOrInError) {
  Bench bench;
  bench.server.answer("one.image.clone", ok_id(5));
  bench.server.answer("one.image.info", ok_text("<IMAGE><STATE>4</STATE></IMAGE>"));
  bench.server.answer("one.image.info", ok_text("<IMAGE><STATE>1</STATE></IMAGE>"));
  EXPECT_EQ(bench.run({"image", "clone", "4", "n", "--wait"}), ExitCode::kOk);
  bench.server.answer("one.image.info", ok_text("<IMAGE><STATE>5</STATE></IMAGE>"));
  EXPECT_EQ(bench.run({"image", "clone", "4", "n", "--wait"}), ExitCode::kOk);
  EXPECT_EQ(bench.run({"image", "clone", "4", "n", "--wait"}), ExitCode::kWaitedFailed);
}

TEST(Wait, ForgivesAServerThatRestarts) {
  Bench bench;
  Surroundings around = bench.surroundings();
  int looks = 0;
  const auto look = [&]() -> Result<Report> {
    ++looks;
    if (looks > 1 && looks < 50) return fail(Errc::kUnavailable, "away");
    return Report{.standing = looks > 1 ? Standing::kDone : Standing::kGoing, .phase = "copying"};
  };
  EXPECT_EQ(*wait_until_done(around, {"snapshot 7", "neph", Duration{0}, look}), ExitCode::kOk);
  EXPECT_EQ(bench.err.str(),
            "snapshot 7: copying\nsnapshot 7: nephd does not answer, trying again\n"
            "snapshot 7: copying\n");
}

TEST(Wait, GivesAServerUpThatStaysAway) {
  Bench bench;
  Surroundings around = bench.surroundings();
  const auto look = []() -> Result<Report> { return fail(Errc::kUnavailable, "away"); };
  const auto code = wait_until_done(around, {"snapshot 7", "neph", Duration{0}, look});
  ASSERT_FALSE(code);
  EXPECT_EQ(exit_code_of(code.error()), ExitCode::kUnreachable);
  EXPECT_LT(bench.clock.monotonic(), Duration{31'000});
}

TEST(Wait, RedrawsOneLineOnATerminal) {
  Bench bench;
  Surroundings around = bench.surroundings();
  around.err_terminal = {true, 61};
  int looks = 0;
  const auto look = [&]() -> Result<Report> {
    ++looks;
    return Report{.standing = looks == 2 ? Standing::kDone : Standing::kGoing,
                  .phase = "copying",
                  .bytes_done = looks,
                  .bytes_total = 2};
  };
  EXPECT_EQ(*wait_until_done(around, {"s", "neph", Duration{0}, look}), ExitCode::kOk);
  EXPECT_EQ(bench.err.str(),
            "\r\x1b[Ks: copying [###############---------------] 50%  1 B of 2 B"
            "\r\x1b[Ks: copying [##############################] 100%  2 B of 2 B\n");
}

}  // namespace
}  // namespace neph::cli
