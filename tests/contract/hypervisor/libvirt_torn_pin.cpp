#include <fmt/format.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>

#include <cstdlib>

#include "tests/contract/hypervisor/libvirt_kit.h"
#include "tests/support/command.h"

/// What a libvirt that is killed in the middle of a pin leaves in QEMU, made by hand through the
/// monitor: the moment itself is too short to be met.
namespace neph::hypervisor_driver::contract {
namespace {

namespace fs = std::filesystem;

class LibvirtTornPin : public testing::Test {
 protected:
  void SetUp() override {
    spec_ = kit_.domain("one-9");
    ASSERT_DONE(driver().ensure_started(kit_.host(), spec_));
    const auto uri = fmt::format("qemu:///embed?root={}", embed_root().string());
    connection_ = virConnectOpen(uri.c_str());
    ASSERT_NE(connection_, nullptr);
    domain_ = virDomainLookupByName(connection_, spec_.name.c_str());
    ASSERT_NE(domain_, nullptr);
  }
  void TearDown() override {
    if (domain_ != nullptr) virDomainFree(domain_);
    if (connection_ != nullptr) virConnectClose(connection_);
  }

  Driver& driver() { return kit_.driver(); }
  DomainRef ref() { return {kit_.host(), spec_.name, spec_.uuid}; }

  std::string monitor(const std::string& command) {
    char* told = nullptr;
    EXPECT_EQ(virDomainQemuMonitorCommand(domain_, command.c_str(), &told, 0), 0);
    const std::string answer = told == nullptr ? "" : told;
    std::free(told);
    return answer;
  }

  /// The number in the name of the block node that the disk stands on: "libvirt-<n>-format".
  int top_node() {
    const auto answer = monitor(R"({"execute":"query-block"})");
    const std::string key = "\"node-name\":\"libvirt-";
    const auto at = answer.find(key);
    EXPECT_NE(at, std::string::npos) << answer;
    return std::atoi(answer.c_str() + at + key.size());
  }

  EmbedKit kit_;
  DomainSpec spec_;
  virConnectPtr connection_ = nullptr;
  virDomainPtr domain_ = nullptr;
};

TEST_F(LibvirtTornPin, ALayerThatOnlyQemuKnowsIsNeverRemoved) {
  const PinDisk overlay{"vda", kit_.fresh_path("overlay")};
  const auto answer = monitor(fmt::format(
      R"({{"execute":"blockdev-snapshot-sync","arguments":{{"node-name":"libvirt-{}-format",)"
      R"("snapshot-file":"{}","format":"qcow2","snapshot-node-name":"hidden"}}}})",
      top_node(), overlay.overlay_path));
  ASSERT_EQ(answer.find("error"), std::string::npos) << answer;
  const auto pinned =
      driver().ensure_pinned(ref(), {.disks = {overlay}, .quiesce = Quiesce::kNever});
  ASSERT_FALSE(pinned.has_value());
  EXPECT_EQ(pinned.error().code, Errc::kWrongState) << pinned.error().text();
  EXPECT_NE(pinned.error().text().find(overlay.overlay_path), std::string::npos);
  NoProgress progress;
  const auto unpinned = driver().ensure_unpinned(ref(), overlay, spec_.disks[0].path, progress);
  ASSERT_FALSE(unpinned.has_value());
  EXPECT_EQ(unpinned.error().code, Errc::kUnavailable) << unpinned.error().text();
  EXPECT_TRUE(fs::exists(overlay.overlay_path));
}

TEST_F(LibvirtTornPin, AFoldedLayerThatQemuKeepsOpenIsClosedBeforeTheNextPin) {
  const PinDisk folded{"vda", kit_.fresh_path("folded")};
  ASSERT_EQ(testing_support::run_command(
                fmt::format("qemu-img create -q -f qcow2 -b {} -F qcow2 {}", spec_.disks[0].path,
                            folded.overlay_path)).status, 0);
  const auto answer = monitor(fmt::format(
      R"({{"execute":"blockdev-add","arguments":{{"driver":"qcow2","read-only":true,)"
      R"("node-name":"libvirt-77-format","backing":"libvirt-{}-format","file":{{"driver":"file",)"
      R"("node-name":"libvirt-77-storage","filename":"{}"}}}}}})",
      top_node(), folded.overlay_path));
  ASSERT_EQ(answer.find("error"), std::string::npos) << answer;
  const PinDisk next{"vda", kit_.fresh_path("next")};
  const PinRequest pin{.disks = {next}, .quiesce = Quiesce::kNever};
  ASSERT_FALSE(driver().ensure_pinned(ref(), pin)) << "else there is nothing to show";
  NoProgress progress;
  ASSERT_DONE(driver().ensure_unpinned(ref(), folded, spec_.disks[0].path, progress));
  EXPECT_FALSE(fs::exists(folded.overlay_path));
  ASSERT_DONE(driver().ensure_pinned(ref(), pin));
  ASSERT_DONE(driver().ensure_unpinned(ref(), next, spec_.disks[0].path, progress));
}

TEST_F(LibvirtTornPin, BlockNodesThatLibvirtForgotDoNotKeepADiskFromBeingPinned) {
  const auto top = top_node();
  for (int ahead = 1; ahead <= 6; ++ahead) {
    const auto answer = monitor(fmt::format(
        R"({{"execute":"blockdev-add","arguments":{{"driver":"null-co",)"
        R"("node-name":"libvirt-{}-storage"}}}})",
        top + ahead));
    ASSERT_EQ(answer.find("error"), std::string::npos) << answer;
  }
  const PinDisk overlay{"vda", kit_.fresh_path("overlay")};
  ASSERT_DONE(driver().ensure_pinned(ref(), {.disks = {overlay}, .quiesce = Quiesce::kNever}));
  NoProgress progress;
  ASSERT_DONE(driver().ensure_unpinned(ref(), overlay, spec_.disks[0].path, progress));
}

}  // namespace
}  // namespace neph::hypervisor_driver::contract
