#include <fmt/format.h>
#include <libvirt/libvirt.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <pugixml.hpp>

#include "tests/contract/hypervisor/libvirt_kit.h"
#include "tests/support/command.h"

/// A controller that dies and comes back. Each life is a process of its own, because libvirt's
/// embedded driver cannot be left and entered again.
namespace neph::hypervisor_driver::contract {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUuid = "00000000-0000-4000-8000-00000000beef";

DomainRef survivor() { return {HostRef{HostId{1}, "here", "qemu:///embed"}, "one-5", kUuid}; }

std::string overlay_in(const fs::path& root) { return root / "overlay.qcow2"; }

PinDisk overlay() { return {"vda", overlay_in(embed_root())}; }

/// What libvirt writes down of the guest that runs.
fs::path status_in(const fs::path& root) { return root / "run" / "qemu" / "one-5.xml"; }

std::string base() { return embed_root() / "disk.qcow2"; }

/// On one disk that outlives the kit.
void start(EmbedKit& kit, DomainSpec spec) {
  fs::rename(spec.disks[0].path, base());
  fs::remove_all(kit.directory());
  spec.disks[0].path = base();
  spec.serial_log_path = embed_root() / "serial.log";
  spec.uuid = kUuid;
  ASSERT_DONE(kit.driver().ensure_started(kit.host(), spec));
}

void start_and_pin(EmbedKit& kit, const DomainSpec& spec) {
  start(kit, spec);
  ASSERT_DONE(
      kit.driver().ensure_pinned(survivor(), {.disks = {overlay()}, .quiesce = Quiesce::kNever}));
}

/// Runs one of the DISABLED_ tests below in a process of its own, on an embedded host of its own.
testing_support::Outcome live(const std::string& test, const fs::path& root) {
  return testing_support::run_command(fmt::format(
      "NEPH_NO_SUBREAPER=1 NEPH_TEST_EMBED_ROOT={} {} --gtest_also_run_disabled_tests "
      "--gtest_filter=DISABLED_LibvirtLife.{}",
      root.string(), fs::read_symlink("/proc/self/exe").string(), test));
}

constexpr const char* kLastWords = "about to die\n";

/// How a life ends whose guest goes on.
void die() {
  (void)!::write(STDOUT_FILENO, kLastWords, std::strlen(kLastWords));
  ::raise(SIGKILL);
}

using Meanwhile = std::function<void(const fs::path& root)>;

/// One life that ends with die(), and another on the same host.
void expect_lives(const std::string& first, const std::string& second,
                  const Meanwhile& meanwhile = [](const fs::path&) {}) {
  std::string root = "/tmp/nlw.XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  const auto one = live(first, root);
  EXPECT_NE(one.output.find(kLastWords), std::string::npos) << one.output;
  ASSERT_NO_FATAL_FAILURE(meanwhile(root));
  const auto other = live(second, root);
  EXPECT_EQ(other.status, 0) << other.output;
  fs::remove_all(root);
}

TEST(LibvirtProcesses, TheNextProcessFindsTheGuestRunningAndThePinInPlace) {
  expect_lives("StartsAGuestPinsItAndDies", "FindsTheGuestAndEndsIt");
}

TEST(LibvirtProcesses, TheNextProcessThawsAGuestThatWasLeftFrozenAndKnowsTheProof) {
  if (std::getenv("NEPH_TEST_NO_GUEST") != nullptr) GTEST_SKIP() << "no guest wanted here";
  expect_lives("FreezesAGuestPinsItAndDies", "ThawsTheGuestAndPinsItAgain");
}

/// As libvirt leaves it that was killed before the guest had a process.
void cut_the_start_short(const fs::path& root) {
  const fs::path written = status_in(root);
  pid_t qemu = 0;
  std::ifstream(fs::path(written).replace_extension("pid")) >> qemu;
  ASSERT_GT(qemu, 1);
  ::kill(qemu, SIGKILL);
  pugi::xml_document document;
  ASSERT_TRUE(document.load_file(written.c_str()));
  auto status = document.child("domstatus");
  status.attribute("state") = "paused";
  status.attribute("reason") = "starting up";
  status.attribute("pid") = "0";
  status.remove_child("job");
  auto job = status.prepend_child("job");
  job.append_attribute("type") = "none";
  job.append_attribute("async") = "start";
  ASSERT_TRUE(document.save_file(written.c_str()));
}

TEST(LibvirtProcesses, TheNextProcessStartsAGuestWhoseStartWasCutShort) {
  expect_lives("StartsAGuestPinsItAndDies", "StartsTheGuestAgain", &cut_the_start_short);
}

/// As libvirt leaves it that was killed when a fold had ended: QEMU has let go of the overlay, and
/// the status still has it.
enum class Written { kFold, kNothing };
void cut_the_fold_short(const fs::path& root, Written written) {
  const fs::path file = status_in(root);
  pugi::xml_document document;
  ASSERT_TRUE(document.load_file((file.string() + ".before-fold").c_str()));
  auto status = document.child("domstatus");
  auto disk = status.child("domain").child("devices").child("disk");
  const auto below = disk.child("backingStore");
  ASSERT_TRUE(below);
  auto mirror = disk.insert_child_after("mirror", below);
  mirror.append_attribute("type") = "file";
  mirror.append_attribute("job") = written == Written::kFold ? "" : "active-commit";
  mirror.append_copy(below.child("format"));
  mirror.append_copy(below.child("source"));
  auto job = status.child("blockjobs").append_child("blockjob");
  ASSERT_TRUE(job);
  job.append_attribute("name") = "commit-vda-libvirt-2-format";
  job.append_attribute("type") = "active-commit";
  job.append_attribute("state") = "pivoting";
  if (written == Written::kFold) job.append_attribute("newstate") = "completed";
  job.append_child("disk").append_attribute("dst") = "vda";
  ASSERT_TRUE(document.save_file(file.c_str()));
  std::ofstream(overlay_in(root)) << "left behind";
}

TEST(LibvirtProcesses, TheNextProcessFindsAGuestWhoseFoldWasCutShort) {
  expect_lives("StartsAGuestFoldsItAndDies", "FindsTheGuestFoldedAndPinsItAgain",
               [](const fs::path& root) { cut_the_fold_short(root, Written::kFold); });
}

TEST(LibvirtProcesses, TheNextProcessSeesAFoldOfWhichNothingWasWritten) {
  expect_lives("StartsAGuestFoldsItAndDies", "FindsTheGuestFolded",
               [](const fs::path& root) { cut_the_fold_short(root, Written::kNothing); });
}

/// A process that says it works in a folder, and its number in the folder's qmp.pid.
class Probe {
 public:
  explicit Probe(const fs::path& folder, const std::string& words) : pid_(::fork()) {
    if (pid_ == 0) {
      ::execl("/bin/sleep", words.c_str(), "1000", nullptr);
      ::_exit(127);
    }
    fs::create_directories(folder);
    std::ofstream(folder / "qmp.pid") << pid_;
  }
  ~Probe() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Whether somebody has ended it.
  [[nodiscard]] bool is_ended() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid == pid_;
  }

 private:
  const pid_t pid_;
};

TEST(LibvirtProcesses, TheNextProcessEndsQemusThatWereAskedWhatTheyCanDo) {
  std::string root = "/tmp/nlw.XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  const fs::path orphaned = fs::path(root) / "lib" / "qemu" / "qmp-ABCDEF";
  const fs::path recycled = fs::path(root) / "lib" / "qemu" / "qmp-GHIJKL";
  const Probe probe(orphaned, "unix:" + (orphaned / "qmp.monitor").string());
  const Probe stranger(recycled, "sleep");
  const auto next = live("OpensItsHost", root);
  EXPECT_EQ(next.status, 0) << next.output;
  EXPECT_TRUE(probe.is_ended());
  EXPECT_FALSE(stranger.is_ended()) << "it only has the number of one";
  EXPECT_FALSE(fs::exists(orphaned));
  EXPECT_FALSE(fs::exists(recycled));
  fs::remove_all(root);
}

TEST(DISABLED_LibvirtLife, StartsAGuestFoldsItAndDies) {
  EmbedKit kit(EmbedKit::Leftovers::kLeave);
  start_and_pin(kit, kit.domain("one-5"));
  const fs::path status = status_in(embed_root());
  fs::copy_file(status, status.string() + ".before-fold");
  NoProgress progress;
  ASSERT_DONE(kit.driver().ensure_unpinned(survivor(), overlay(), base(), progress));
  die();
}

void expect_folded(Driver& driver) {
  EXPECT_EQ(driver.inspect_domain(survivor())->power, Power::kRunning);
  NoProgress progress;
  ASSERT_DONE(driver.ensure_unpinned(survivor(), overlay(), base(), progress));
  EXPECT_FALSE(fs::exists(overlay().overlay_path));
}

TEST(DISABLED_LibvirtLife, FindsTheGuestFolded) {
  EmbedKit kit;
  expect_folded(kit.driver());
  ASSERT_DONE(kit.driver().ensure_destroyed(survivor()));
}

TEST(DISABLED_LibvirtLife, FindsTheGuestFoldedAndPinsItAgain) {
  EmbedKit kit;
  auto& driver = kit.driver();
  expect_folded(driver);
  NoProgress progress;
  const PinDisk next{"vda", embed_root() / "next.qcow2"};
  ASSERT_DONE(driver.ensure_pinned(survivor(), {.disks = {next}, .quiesce = Quiesce::kNever}));
  ASSERT_DONE(driver.ensure_unpinned(survivor(), next, base(), progress));
  ASSERT_DONE(driver.ensure_destroyed(survivor()));
}

TEST(DISABLED_LibvirtLife, OpensItsHost) {
  EmbedKit kit;
  ASSERT_DONE(kit.driver().ensure_connected(kit.host()));
}

TEST(DISABLED_LibvirtLife, StartsTheGuestAgain) {
  EmbedKit kit;
  auto& driver = kit.driver();
  EXPECT_EQ(driver.inspect_domain(survivor())->power, Power::kOff);
  auto spec = kit.domain("one-5");
  spec.uuid = kUuid;
  ASSERT_DONE(driver.ensure_started(kit.host(), spec));
  EXPECT_EQ(driver.inspect_domain(survivor())->power, Power::kRunning);
  ASSERT_DONE(driver.ensure_destroyed(survivor()));
}

TEST(DISABLED_LibvirtLife, FreezesAGuestPinsItAndDies) {
  EmbedKit kit(EmbedKit::Leftovers::kLeave);
  auto spec = kit.guest("one-5", {{"MARKER", "frozen"}});
  spec.disks.pop_back();
  start(kit, spec);
  ASSERT_TRUE(kit.wait_until([&] { return kit.driver().has_agent(survivor()).value_or(false); }));
  const auto connection =
      virConnectOpen(fmt::format("qemu:///embed?root={}", embed_root().string()).c_str());
  ASSERT_NE(connection, nullptr);
  ASSERT_GE(virDomainFSFreeze(virDomainLookupByUUIDString(connection, kUuid), nullptr, 0, 0), 1);
  ASSERT_DONE(
      kit.driver().ensure_pinned(survivor(), {.disks = {overlay()}, .quiesce = Quiesce::kNever}));
  die();
}

TEST(DISABLED_LibvirtLife, ThawsTheGuestAndPinsItAgain) {
  EmbedKit kit;
  auto& driver = kit.driver();
  const auto adopted = driver.ensure_pinned(survivor(), {.disks = {overlay()}});
  ASSERT_DONE(adopted);
  EXPECT_TRUE(adopted->is_adopted);
  EXPECT_TRUE(adopted->is_frozen) << adopted->why_not_frozen;
  const PinDisk next{"vda", embed_root() / "next.qcow2"};
  const auto again =
      driver.ensure_pinned(survivor(), {.disks = {next}, .quiesce = Quiesce::kRequire});
  ASSERT_DONE(again);
  EXPECT_TRUE(again->is_frozen) << "a guest that is frozen cannot be frozen";
}

TEST(DISABLED_LibvirtLife, StartsAGuestPinsItAndDies) {
  EmbedKit kit(EmbedKit::Leftovers::kLeave);
  start_and_pin(kit, kit.domain("one-5"));
  die();
}

TEST(DISABLED_LibvirtLife, FindsTheGuestAndEndsIt) {
  EmbedKit kit;
  auto& driver = kit.driver();
  const auto fact = driver.inspect_domain(survivor());
  ASSERT_DONE(fact);
  EXPECT_EQ(fact->power, Power::kRunning);
  const auto adopted = driver.ensure_pinned(survivor(), {.disks = {overlay()}});
  ASSERT_DONE(adopted);
  EXPECT_TRUE(adopted->is_adopted);
  NoProgress progress;
  ASSERT_DONE(driver.ensure_unpinned(survivor(), overlay(), base(), progress));
  EXPECT_FALSE(fs::exists(overlay().overlay_path));
  ASSERT_DONE(driver.ensure_destroyed(survivor()));
  EXPECT_EQ(driver.inspect_domain(survivor())->power, Power::kOff);
}

}  // namespace
}  // namespace neph::hypervisor_driver::contract
