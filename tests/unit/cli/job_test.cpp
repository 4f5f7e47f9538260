#include <gtest/gtest.h>

#include "fake_server.h"

namespace neph::cli {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kCopying =
    "<JOB><ID>7</ID><KIND>snapshot.copy</KIND><STATE>running</STATE><STEP>copy</STEP><REASON/>"
    "<ERROR/><RESULT/><ATTEMPT>1</ATTEMPT><CANCEL_ASKED>1</CANCEL_ASKED><UID>2</UID>"
    "<VM_ID>3</VM_ID><IMAGE_ID>5</IMAGE_ID><SNAPSHOT_ID>1</SNAPSHOT_ID><HOST_ID>-1</HOST_ID>"
    "<DATASTORE_ID>1</DATASTORE_ID><CREATED_AT_MS>1795232296000</CREATED_AT_MS>"
    "<CHANGED_AT_MS>1795232356500</CHANGED_AT_MS>"
    "<LOG><SEQ>0</SEQ><AT_MS>1795232296000</AT_MS><LAST_AT_MS>1795232296000</LAST_AT_MS>"
    "<TIMES>1</TIMES><STEP>space</STEP><TEXT>asked for</TEXT></LOG>"
    "<LOG><SEQ>1</SEQ><AT_MS>1795232296000</AT_MS><LAST_AT_MS>1795232356500</LAST_AT_MS>"
    "<TIMES>3</TIMES><STEP>copy</STEP><TEXT>tried again: the disk is slow</TEXT></LOG>"
    "<BYTES_DONE>52428800</BYTES_DONE><BYTES_TOTAL>104857600</BYTES_TOTAL><RATE>1048576</RATE>"
    "<SECONDS_LEFT>50</SECONDS_LEFT></JOB>";

std::string job(const std::string& state, const std::string& more) {
  return "<JOB><ID>7</ID><STATE>" + state + "</STATE>" + more + "</JOB>";
}

TEST(JobShow, HasABarAndTheLog) {
  Bench bench;
  bench.server.answer("neph.job.info", ok_text(kCopying));
  EXPECT_EQ(bench.run({"job", "show", "7"}), ExitCode::kOk) << bench.err.str();
  const std::string text = bench.out.str();
  EXPECT_NE(text.find("[#####-----] 50%"), std::string::npos) << text;
  EXPECT_NE(text.find("50 s left"), std::string::npos) << text;
  EXPECT_NE(text.find("asked, not confirmed yet"), std::string::npos) << text;
  EXPECT_NE(text.find("tried again: the disk is slow (3 times, last "), std::string::npos) << text;
}

TEST(JobShow, SaysWhatAWaitingJobWaitsFor) {
  Bench bench;
  bench.server.answer("neph.job.info",
                      ok_text(job("waiting", "<REASON>waiting for space: needs 5 MB</REASON>")));
  EXPECT_EQ(bench.run({"job", "show", "7"}), ExitCode::kOk);
  EXPECT_NE(bench.out.str().find("WAITS FOR"), std::string::npos);
  EXPECT_NE(bench.out.str().find("waiting for space: needs 5 MB"), std::string::npos);
}

TEST(JobList, ShowsOnesOwnUnlessMoreIsAskedFor) {
  const auto call_of = [](Words typed) {
    Bench bench;
    bench.server.answer("neph.job.list", ok_text("<JOB_POOL></JOB_POOL>"));
    EXPECT_EQ(bench.run(std::move(typed)), ExitCode::kOk) << bench.err.str();
    return bench.server.calls.back();
  };
  EXPECT_EQ(call_of({"job", "list"}), "neph.job.list(-3, 0, -1, -1)");
  EXPECT_EQ(call_of({"job", "list", "--all"}), "neph.job.list(-2, 0, -1, -1)");
  EXPECT_EQ(call_of({"job", "list", "--open"}), "neph.job.list(-3, 1, -1, -1)");
  EXPECT_EQ(call_of({"job", "list", "--vm", "3"}), "neph.job.list(-2, 0, 3, -1)");
  EXPECT_EQ(call_of({"job", "list", "--image", "5"}), "neph.job.list(-2, 0, -1, 5)");
}

TEST(JobWait, EndsWithTheJobAndTellsHow) {
  Bench bench;
  bench.server.answer("neph.job.info", ok_text(job("running", "")));
  bench.server.answer("neph.job.info", ok_text(job("failed", "<ERROR>the disk is full</ERROR>")));
  EXPECT_EQ(bench.run({"job", "wait", "7"}), ExitCode::kWaitedFailed);
  EXPECT_NE(bench.err.str().find("the disk is full"), std::string::npos) << bench.err.str();
}

TEST(JobRetry, WaitsForTheJobThatWorksOnIt) {
  Bench bench;
  bench.server.answer("neph.job.retry", ok_id(9));
  bench.server.answer("neph.job.info", ok_text(job("done", "")));
  EXPECT_EQ(bench.run({"job", "retry", "7", "--wait"}), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls, Words({"neph.job.retry(7)", "neph.job.info(9)"}));
}

TEST(HostLost, WantsTheNameOfTheHost) {
  Bench bench;
  EXPECT_EQ(bench.run({"host", "lost", "4"}), ExitCode::kUsage);
  EXPECT_TRUE(bench.server.calls.empty());
}

TEST(HostLost, TakesTheNameThatWasTypedAsItsProof) {
  Bench bench;
  bench.server.answer("one.hostpool.info",
                      ok_text("<HOST_POOL><HOST><ID>4</ID><NAME>node3</NAME></HOST></HOST_POOL>"));
  bench.server.answer("neph.host.lost", ok_id(4));
  EXPECT_EQ(bench.run({"host", "lost", "node3"}), ExitCode::kOk) << bench.err.str();
  EXPECT_EQ(bench.server.calls.back(), "neph.host.lost(4, \"node3\")");
}

TEST(DiskList, ShowsWhoseDisksAreKeptForWhat) {
  Bench bench;
  bench.server.answer(
      "neph.disk.list",
      ok_text("<DISK_POOL><DISK><VM_ID>3</VM_ID><DISK_ID>0</DISK_ID><UNAME>ann</UNAME>"
              "<SIZE_MB>100</SIZE_MB><SINCE>1795232296</SINCE><HOST>node3</HOST>"
              "<DATASTORE_ID>0</DATASTORE_ID><PATH>/ds/0/3/disk.0</PATH>"
              "<SNAPSHOT_ID>1</SNAPSHOT_ID><PHASE>failed</PHASE><IMAGE_NAME>saved</IMAGE_NAME>"
              "</DISK></DISK_POOL>"));
  EXPECT_EQ(bench.run({"disk", "list", "--mine", "--host", "4"}), ExitCode::kOk)
      << bench.err.str();
  EXPECT_EQ(bench.server.calls.back(), "neph.disk.list(-3, 4)");
  for (const char* word : {"ann", "failed", "saved", "node3", "/ds/0/3/disk.0"})
    EXPECT_NE(bench.out.str().find(word), std::string::npos) << word;
}

}  // namespace
}  // namespace neph::cli
