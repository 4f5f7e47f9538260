#include <fmt/format.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "tests/contract/hypervisor/libvirt_kit.h"
#include "tests/support/command.h"
#include "tests/support/demo_image.h"

/// A real guest under QEMU's emulation: what no pretended one can prove.
namespace neph::hypervisor_driver::contract {
namespace {

namespace fs = std::filesystem;
using testing_support::run_command;

class LibvirtGuest : public testing::Test {
 protected:
  void SetUp() override {
    if (!kit_.can(Talent::kGuest)) GTEST_SKIP() << "no guest wanted here";
    kit_.driver().listen([log = log_](const GuestEvent& event) {
      const std::lock_guard lock(log->mutex);
      log->events.push_back(event);
    });
  }

  struct EventLog {
    std::mutex mutex;
    std::vector<GuestEvent> events;
  };

  Driver& driver() { return kit_.driver(); }
  DomainRef ref(const DomainSpec& spec) { return {kit_.host(), spec.name, spec.uuid}; }

  DomainSpec boot(const Context& context, std::string_view line = "NEPH READY",
                  const std::optional<DiskSpec>& more = {}) {
    auto spec = kit_.guest("one-7", context);
    if (more) spec.disks.push_back(*more);
    const auto fact = driver().ensure_started(kit_.host(), spec);
    EXPECT_TRUE(fact.has_value()) << fact.error().text();
    EXPECT_TRUE(kit_.wait_until([&] { return has_line(spec, line); })) << kit_.serial_log(spec);
    return spec;
  }

  bool has_line(const DomainSpec& spec, std::string_view line) {
    return kit_.serial_log(spec).find(line) != std::string::npos;
  }

  void wait_for_agent(const DomainSpec& spec) {
    ASSERT_TRUE(
        kit_.wait_until([&] { return driver().has_agent(ref(spec)).value_or(false); }));
  }

  bool stops_for(const DomainSpec& spec, StopReason reason) {
    return kit_.wait_until([&] {
      const std::lock_guard lock(log_->mutex);
      return std::any_of(log_->events.begin(), log_->events.end(), [&](const GuestEvent& event) {
        return event.kind == GuestEvent::Kind::kStopped && event.domain_uuid == spec.uuid &&
               event.reason == reason;
      });
    });
  }

  /// Judges the two files that the guest writes in turn, in a standalone copy of a layer.
  void expect_consistent(const fs::path& layer) {
    const auto raw = kit_.directory() / "data.raw";
    const auto copy = kit_.directory() / "copy.qcow2";
    const auto convert = run_command(
        fmt::format("qemu-img convert -O qcow2 {} {}", layer.string(), copy.string()));
    ASSERT_EQ(convert.status, 0) << convert.output;
    const auto part = run_command(fmt::format(
        "qemu-img convert -O raw --image-opts driver=raw,offset={},file.driver=qcow2,"
        "file.file.driver=file,file.file.filename={} {}",
        testing_support::kDemoDataOffset, copy.string(), raw.string()));
    ASSERT_EQ(part.status, 0) << part.output;
    const auto header = run_command(fmt::format("dumpe2fs -h {}", raw.string()));
    EXPECT_EQ(header.output.find("needs_recovery"), std::string::npos)
        << "a frozen file system needs no journal replay";
    for (const char* name : {"A", "B"})
      EXPECT_EQ(run_command(fmt::format("debugfs -R 'dump /{} {}/{}' {}", name,
                                        kit_.directory().string(), name, raw.string()))
                    .status,
                0);
    const auto verdict = run_command(
        fmt::format("{} c {}/A {}/B", testing_support::demo_image().iowriter.string(),
                    kit_.directory().string(), kit_.directory().string()));
    EXPECT_EQ(verdict.status, 0) << verdict.output;
  }

  EmbedKit kit_;
  std::shared_ptr<EventLog> log_ = std::make_shared<EventLog>();
};

TEST_F(LibvirtGuest, AFrozenLayerOfAWritingGuestIsConsistentAndFoldsBack) {
  const auto spec = boot({{"MARKER", "pin"}, {"WORKLOAD", "yes"}}, "IOWRITER number=");
  wait_for_agent(spec);
  const auto& base = spec.disks[0].path;
  const PinDisk overlay{"vda", kit_.fresh_path("overlay")};
  const auto proof =
      driver().ensure_pinned(ref(spec), {.disks = {overlay}, .quiesce = Quiesce::kRequire});
  ASSERT_DONE(proof);
  EXPECT_TRUE(proof->is_frozen) << proof->why_not_frozen;
  const auto stamp = fs::last_write_time(base);
  expect_consistent(base);
  const auto grown = fs::file_size(overlay.overlay_path);
  EXPECT_TRUE(kit_.wait_until([&] { return fs::file_size(overlay.overlay_path) >= grown; }));
  EXPECT_EQ(fs::last_write_time(base), stamp) << "nobody writes to a pinned layer";
  NoProgress progress;
  const auto unpinned = driver().ensure_unpinned(ref(spec), overlay, base, progress);
  ASSERT_DONE(unpinned);
  EXPECT_FALSE(fs::exists(overlay.overlay_path));
  EXPECT_TRUE(driver().has_agent(ref(spec)).value_or(false));
}

TEST_F(LibvirtGuest, ADiskThatGrewAboveItsPinnedLayerFoldsBack) {
  const auto spec = kit_.domain("one-8");
  ASSERT_DONE(driver().ensure_started(kit_.host(), spec));
  const auto& base = spec.disks[0].path;
  const PinDisk overlay{"vda", kit_.fresh_path("overlay")};
  ASSERT_DONE(
      driver().ensure_pinned(ref(spec), {.disks = {overlay}, .quiesce = Quiesce::kNever}));
  ASSERT_DONE(driver().ensure_disk_resized(ref(spec), "vda", Bytes::megabytes(3000)));
  NoProgress progress;
  ASSERT_DONE(driver().ensure_unpinned(ref(spec), overlay, base, progress));
  const auto info = run_command("qemu-img info -U --output=json " + base);
  EXPECT_NE(info.output.find(fmt::format("\"virtual-size\": {}", 3000LL << 20)),
            std::string::npos)
      << info.output;
  EXPECT_EQ(driver().inspect_domain(ref(spec))->power, Power::kRunning);
}

TEST_F(LibvirtGuest, PinsTwoDisksAtOneInstant) {
  auto spec = kit_.domain("one-8");
  auto second = kit_.domain("second").disks[0];
  second.target = "vdb";
  second.boot_order = 0;
  spec.disks.push_back(second);
  ASSERT_DONE(driver().ensure_started(kit_.host(), spec));
  const PinRequest request{
      .disks = {{"vda", kit_.fresh_path("oa")}, {"vdb", kit_.fresh_path("ob")}},
      .quiesce = Quiesce::kNever};
  ASSERT_DONE(driver().ensure_pinned(ref(spec), request));
  EXPECT_TRUE(driver().ensure_pinned(ref(spec), request)->is_adopted);
  NoProgress progress;
  ASSERT_DONE(driver().ensure_unpinned(ref(spec), request.disks[0], spec.disks[0].path, progress));
  const auto half = driver().ensure_pinned(ref(spec), request);
  ASSERT_FALSE(half.has_value()) << "one disk pinned and one not is no common instant";
  EXPECT_EQ(half.error().code, Errc::kWrongState);
  ASSERT_DONE(driver().ensure_unpinned(ref(spec), request.disks[1], spec.disks[1].path, progress));
}

TEST_F(LibvirtGuest, AFreezeThatOutlastsItsDeadlineIsNotCalledAFreeze) {
  const auto spec = boot({{"MARKER", "deadline"}});
  wait_for_agent(spec);
  PinRequest request{.disks = {{"vda", kit_.fresh_path("overlay")}},
                     .quiesce = Quiesce::kRequire,
                     .freeze_deadline = Duration{1}};
  const auto stalled = driver().ensure_pinned(ref(spec), request);
  ASSERT_FALSE(stalled.has_value());
  EXPECT_EQ(stalled.error().code, Errc::kStalled) << stalled.error().text();
  EXPECT_FALSE(fs::exists(request.disks[0].overlay_path));
  request.quiesce = Quiesce::kTry;
  const auto crash_grade = driver().ensure_pinned(ref(spec), request);
  ASSERT_DONE(crash_grade);
  EXPECT_FALSE(crash_grade->is_frozen);
  EXPECT_FALSE(crash_grade->why_not_frozen.empty());
  EXPECT_TRUE(driver().has_agent(ref(spec)).value_or(false));
}

struct CancelledProgress final : Progress {
  void report(Bytes, Bytes) override {}
  [[nodiscard]] bool is_cancelled() const override { return true; }
};

TEST_F(LibvirtGuest, ACancelledFoldLeavesTheChainAsItWas) {
  const auto spec = kit_.domain("one-8");
  ASSERT_DONE(driver().ensure_started(kit_.host(), spec));
  const PinDisk overlay{"vda", kit_.fresh_path("overlay")};
  ASSERT_DONE(
      driver().ensure_pinned(ref(spec), {.disks = {overlay}, .quiesce = Quiesce::kNever}));
  CancelledProgress cancelled;
  const auto outcome =
      driver().ensure_unpinned(ref(spec), overlay, spec.disks[0].path, cancelled);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, Errc::kConflict);
  EXPECT_TRUE(fs::exists(overlay.overlay_path));
  NoProgress progress;
  ASSERT_DONE(driver().ensure_unpinned(ref(spec), overlay, spec.disks[0].path, progress));
  EXPECT_FALSE(fs::exists(overlay.overlay_path));
}

TEST_F(LibvirtGuest, AGuestThatSwitchesItselfOffIsToldAsAShutdown) {
  const auto spec = boot({{"MARKER", "off"}, {"ACTION", "poweroff"}}, "NEPH DOWN poweroff");
  EXPECT_TRUE(stops_for(spec, StopReason::kShutdown));
  EXPECT_EQ(driver().inspect_domain(ref(spec))->reason, StopReason::kShutdown);
}

TEST_F(LibvirtGuest, APanicIsToldAsACrash) {
  const auto spec = boot({{"MARKER", "panic"}, {"ACTION", "panic"}}, "NEPH READY");
  EXPECT_TRUE(stops_for(spec, StopReason::kCrashed));
  EXPECT_EQ(driver().inspect_domain(ref(spec))->reason, StopReason::kCrashed);
}

TEST_F(LibvirtGuest, ADeadQemuIsToldAsAFailure) {
  const auto spec = kit_.domain("one-8");
  ASSERT_DONE(driver().ensure_started(kit_.host(), spec));
  const auto found = run_command(fmt::format("cat {}/run/qemu/one-8.pid", embed_root().string()));
  ASSERT_EQ(found.status, 0) << found.output;
  ASSERT_EQ(::kill(std::stoi(found.output), SIGKILL), 0);
  EXPECT_TRUE(stops_for(spec, StopReason::kFailed));
  const auto fact = driver().inspect_domain(ref(spec));
  EXPECT_EQ(fact->power, Power::kOff);
  EXPECT_EQ(fact->reason, StopReason::kFailed);
}

TEST_F(LibvirtGuest, ASavedGuestGoesOnWhereItWas) {
  const auto spec = boot({{"MARKER", "save"}});
  wait_for_agent(spec);
  const auto memory = kit_.fresh_path("memory");
  NoProgress progress;
  ASSERT_DONE(driver().ensure_saved(ref(spec), memory, progress));
  EXPECT_TRUE(stops_for(spec, StopReason::kSaved));
  auto moved = spec;
  moved.disks[0].path = kit_.fresh_path("moved.qcow2");
  fs::rename(spec.disks[0].path, moved.disks[0].path);
  ASSERT_DONE(driver().ensure_restored(kit_.host(), moved, memory, progress));
  wait_for_agent(spec);
  const auto log = kit_.serial_log(spec);
  const auto first = log.find("NEPH READY");
  EXPECT_EQ(log.find("NEPH READY", first + 1), std::string::npos) << "it did not boot again";
}

/// libvirt's own handles, to make the host do what the driver never asks for.
struct Raw {
  virConnectPtr connection;
  virDomainPtr domain;
  ~Raw() {
    virDomainFree(domain);
    virConnectClose(connection);
  }
};

TEST_F(LibvirtGuest, AGuestThatHangsInShutdownBehindABackupIsEnded) {
  // Big enough for the backup to be under way when the guest ends; a backup that is slowed down
  // by a limit does not hang.
  const auto big = kit_.directory() / "big.raw";
  ASSERT_EQ(run_command(fmt::format("dd if=/dev/zero of={} bs=1M count=1536", big.string())).status,
            0);
  const auto spec = boot({{"MARKER", "hang"}}, "NEPH READY",
                         DiskSpec{.path = big, .format = "raw", .target = "vdb"});
  Raw raw{virConnectOpen(fmt::format("qemu:///embed?root={}", embed_root().string()).c_str()), {}};
  ASSERT_NE(raw.connection, nullptr);
  raw.domain = virDomainLookupByName(raw.connection, spec.name.c_str());
  ASSERT_NE(raw.domain, nullptr);
  const auto backup = fmt::format(
      "<domainbackup mode='push'><disks><disk name='vdb' type='file'><driver type='qcow2'/>"
      "<target file='{}'/></disk><disk name='vda' backup='no'/><disk name='hda' backup='no'/>"
      "</disks></domainbackup>",
      kit_.fresh_path("backup.qcow2"));
  ASSERT_EQ(virDomainBackupBegin(raw.domain, backup.c_str(), nullptr, 0), 0)
      << virGetLastErrorMessage();
  SystemClock clock;
  const auto asked_at = clock.monotonic();
  ASSERT_DONE(driver().ask_shutdown(ref(spec)));
  ASSERT_TRUE(kit_.wait_until([&] {
    const auto fact = driver().inspect_domain(ref(spec));
    return fact && fact->power == Power::kOff;
  }));
  const auto off_at = clock.monotonic();
  EXPECT_EQ(driver().inspect_domain(ref(spec))->reason, StopReason::kShutdown);
  EXPECT_TRUE(stops_for(spec, StopReason::kShutdown));
  if (off_at - asked_at < LibvirtDriver::Config{}.shutdown_grace)
    GTEST_SKIP() << "the backup was over before the guest, so nothing hung";
}

}  // namespace
}  // namespace neph::hypervisor_driver::contract
