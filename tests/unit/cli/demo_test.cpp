#include "cli/demo.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "fake_server.h"

namespace neph::cli {
namespace {

namespace fs = std::filesystem;

TEST(DemoGuest, SaysItsMarkerWhenItIsReady) {
  EXPECT_FALSE(ready_marker("boot\nNEPH CONTEXT none\n"));
  EXPECT_FALSE(ready_marker("NEPH READY marker=ab"));
  EXPECT_EQ(*ready_marker("x\r\nNEPH READY marker=abc boots=1\r\nmore"), "abc");
  EXPECT_EQ(*ready_marker("NEPH READY marker=old boots=1\nNEPH READY marker=new boots=2\n"), "new");
  EXPECT_EQ(*ready_marker("NEPH READY marker= boots=1\n"), "");
}


/// A cloud in which everything happens as the story says: VM 3 is the guest, snapshots 7 and 8
/// become images 20 and 21, from which VMs 4 and 5 boot.
class DemoStory : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/neph-demo-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    log_ = root_ / "serial.log";
    bench_.server.on_call = [this](const std::string& call) { boot(call); };
    prepare_objects();
    prepare_vm(3, {"running", "running", "running", "poweroff", "done"});
    prepare_vm(4, {"running", "running", "done"});
    prepare_vm(5, {"running", "running", "done"});
  }
  void TearDown() override { fs::remove_all(root_); }

  void prepare_objects() {
    auto& server = bench_.server;
    server.answer("one.imagepool.info",
                  ok_text("<IMAGE_POOL><IMAGE><ID>1</ID><NAME>demo</NAME></IMAGE></IMAGE_POOL>"));
    server.answer("one.image.info(1)", ok_text("<IMAGE><STATE>1</STATE></IMAGE>"));
    server.answer("one.image.info(21)", ok_text("<IMAGE><STATE>4</STATE></IMAGE>"));
    for (const int vm : {3, 4, 5}) server.answer("one.vm.allocate", ok_id(vm));
    server.answer("neph.snapshot.create", made(7, 20));
    server.answer("neph.snapshot.create", made(8, 21));
    server.answer("neph.snapshot.info(8)", shot("armed", "unknown"));
    server.answer("neph.snapshot.info(8)", shot("ready", "shutdown"));
    server.answer("one.vm.action", ok_id(0));
    server.answer("neph.image.verify", ok_id(70));
    server.answer("neph.job.info", ok_text("<JOB><STATE>done</STATE><RESULT>intact</RESULT>"
                                           "</JOB>"));
    server.answer("one.image.delete", ok_id(0));
    server.answer("neph.snapshot.cancel", ok_id(0));
  }

  static std::string made(int id, int image) {
    return ok_text(fmt::format("<SNAPSHOTS><SNAPSHOT><ID>{}</ID><IMAGE_ID>{}</IMAGE_ID><DISK_ID>0"
                               "</DISK_ID></SNAPSHOT></SNAPSHOTS>", id, image));
  }
  static std::string shot(const std::string& phase, const std::string& grade) {
    return ok_text(fmt::format("<SNAPSHOT><PHASE>{}</PHASE><GRADE>{}</GRADE><FROZEN_MS>87"
                               "</FROZEN_MS><REQUESTED_AT_MS>1795232296000</REQUESTED_AT_MS>"
                               "<CAPTURED_AT_MS>1795232296120</CAPTURED_AT_MS></SNAPSHOT>",
                               phase, grade));
  }
  void prepare_vm(int id, const std::vector<std::string>& states) {
    for (const auto& state : states) {
      const int number = state == "running" ? 3 : state == "poweroff" ? 8 : 6;
      bench_.server.answer(
          fmt::format("one.vm.info({})", id),
          ok_text(fmt::format("<VM><STATE>{}</STATE><LCM_STATE>{}</LCM_STATE><TEMPLATE>"
                              "<SERIAL_LOG>{}</SERIAL_LOG></TEMPLATE></VM>",
                              number, number == 3 ? 3 : 0, log_.string())));
    }
  }
  /// The guest: writes the marker it is told and shows the one it has.
  void boot(const std::string& call) {
    if (call.rfind("one.vm.allocate", 0) != 0) return;
    const auto at = call.find("MARKER=\"");
    if (at != std::string::npos) marker_ = call.substr(at + 8, 8);
    const bool is_told = at != std::string::npos;
    std::ofstream(log_) << "NEPH READY marker=" << (is_told ? marker_ : marker_of_clones())
                        << " boots=1\r\nIOWRITER number=0 worst_ms=1 worst_ever_ms=140\r\n";
  }
  std::string marker_of_clones() const { return clones_lose_marker_ ? "other" : marker_; }

  bool has_asked(const std::string& call) const {
    const auto& calls = bench_.server.calls;
    return std::find(calls.begin(), calls.end(), call) != calls.end();
  }
  ExitCode play(std::vector<std::string> words = {"demo"}) { return bench_.run(words); }

  Bench bench_;
  fs::path root_;
  fs::path log_;
  std::string marker_;
  bool clones_lose_marker_ = false;
};

TEST_F(DemoStory, IsToldInNineSteps) {
  bench_.server.answer("neph.snapshot.info(7)", shot("ready", "frozen"));
  EXPECT_EQ(play(), ExitCode::kOk) << bench_.out.str() << bench_.err.str();
  const std::string told = bench_.out.str();
  for (int step = 1; step <= 9; ++step)
    EXPECT_NE(told.find(fmt::format("[{}/9] ", step)), std::string::npos) << told;
  EXPECT_EQ(told.find("FAILED"), std::string::npos) << told;
  EXPECT_NE(told.find("grade frozen: file systems were frozen for 87 ms"), std::string::npos);
  EXPECT_NE(told.find("2026-11-21 03:38:16, 120 ms after the request"), std::string::npos) << told;
  EXPECT_NE(told.find("longest pause between two writes so far: 140 ms"), std::string::npos);
  EXPECT_NE(told.find("VM 5 booted from image 21 and shows marker " + marker_),
            std::string::npos);
  EXPECT_TRUE(has_asked("one.vm.action(\"poweroff\", 3)"));
  for (const int vm : {3, 4, 5})
    EXPECT_TRUE(has_asked(fmt::format("one.vm.action(\"terminate\", {})", vm)));
  EXPECT_FALSE(has_asked("one.image.delete(20)"));
}

TEST_F(DemoStory, DeletesTheImagesWhenAsked) {
  bench_.server.answer("neph.snapshot.info(7)", shot("ready", "frozen"));
  EXPECT_EQ(play({"demo", "--clean"}), ExitCode::kOk) << bench_.out.str();
  EXPECT_TRUE(has_asked("one.image.delete(20)"));
  EXPECT_TRUE(has_asked("one.image.delete(21)"));
}

TEST_F(DemoStory, FailsWhenTheHotSnapshotIsNotFrozen) {
  bench_.server.answer("neph.snapshot.info(7)", shot("ready", "crash"));
  EXPECT_EQ(play(), ExitCode::kWaitedFailed);
  EXPECT_NE(bench_.out.str().find("FAILED"), std::string::npos);
  EXPECT_NE(bench_.out.str().find("graded \"crash\", not frozen"), std::string::npos);
  EXPECT_TRUE(has_asked("one.vm.action(\"terminate-hard\", 3)"));
}

TEST_F(DemoStory, FailsWhenANewGuestLacksTheMarker) {
  bench_.server.answer("neph.snapshot.info(7)", shot("ready", "frozen"));
  clones_lose_marker_ = true;
  EXPECT_EQ(play({"demo", "--keep"}), ExitCode::kWaitedFailed);
  EXPECT_NE(bench_.out.str().find("[8/9]"), std::string::npos);
  EXPECT_NE(bench_.out.str().find("VM 4 from image 20 shows marker \"other\""),
            std::string::npos);
  EXPECT_FALSE(has_asked("one.vm.action(\"terminate-hard\", 3)"));
}

TEST_F(DemoStory, GoesOnWhereSerialLogsCannotBeRead) {
  bench_.server.on_call = nullptr;
  bench_.server.answer("neph.snapshot.info(7)", shot("ready", "frozen"));
  EXPECT_EQ(play(), ExitCode::kOk) << bench_.out.str();
  EXPECT_NE(bench_.out.str().find("its marker is not compared"), std::string::npos);
}

TEST_F(DemoStory, EndsAtOnceWithoutTheDemoImage) {
  EXPECT_EQ(play({"demo", "--image", "missing"}), ExitCode::kWaitedFailed);
  EXPECT_NE(bench_.out.str().find("there is no image named \"missing\""), std::string::npos);
  EXPECT_EQ(bench_.server.calls.size(), 1U);
}

}  // namespace
}  // namespace neph::cli
