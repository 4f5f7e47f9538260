#include "view/internal/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neph::view {
namespace {

using snapshots::Kind;
using snapshots::Phase;
using testing::HasSubstr;
using testing::Not;

VmFacts vm_with_a_disk() {
  VmFacts facts;
  facts.vm.id = VmId{1};
  facts.vm.name = "web";
  compute::VmDisk disk;
  disk.id = DiskId{0};
  disk.attributes = {{"DISK_ID", "0"}, {"SAVE", "NO"}};
  facts.disks = {disk};
  return facts;
}

snapshots::Snapshot snapshot(Kind kind, Phase phase) {
  snapshots::Snapshot made;
  made.id = SnapshotId{1};
  made.vm = VmId{1};
  made.disk = DiskId{0};
  made.image = ImageId{4};
  made.kind = kind;
  made.phase = phase;
  return made;
}

text::Vector shown_disk(const VmFacts& facts) {
  return *shown_attributes(facts).find_vector("DISK");
}

TEST(VmDocument, ShowsWhatAnArmedDiskBecomes) {
  auto facts = vm_with_a_disk();
  facts.snapshots = {snapshot(Kind::kDeferred, Phase::kArmed)};
  EXPECT_EQ(shown_disk(facts).get("SAVE_AS"), "4");
  EXPECT_EQ(shown_disk(facts).get("SAVE"), "YES");
}

TEST(VmDocument, ShowsAHotSnapshotUnderWay) {
  auto facts = vm_with_a_disk();
  facts.snapshots = {snapshot(Kind::kHot, Phase::kCopying)};
  EXPECT_EQ(shown_disk(facts).get("HOTPLUG_SAVE_AS"), "4");
  EXPECT_FALSE(shown_disk(facts).has("SAVE_AS"));
  EXPECT_EQ(shown_disk(facts).get("SAVE"), "NO");
}

TEST(VmDocument, ShowsNoSnapshotThatFailedOrIsOfAnotherDisk) {
  auto facts = vm_with_a_disk();
  facts.snapshots = {snapshot(Kind::kDeferred, Phase::kFailed),
                     snapshot(Kind::kHot, Phase::kCopying)};
  facts.snapshots[1].disk = DiskId{3};
  EXPECT_EQ(shown_disk(facts), facts.disks[0].attributes);
}

TEST(VmDocument, PutsTheContextDiskIntoContext) {
  auto facts = vm_with_a_disk();
  facts.vm.attributes.set("CONTEXT", text::Vector{{"NETWORK", "YES"}});
  facts.disks[0].kind = compute::DiskKind::kContext;
  facts.disks[0].target = "hda";
  const auto shown = shown_attributes(facts);
  EXPECT_TRUE(shown.vectors("DISK").empty());
  EXPECT_EQ(shown.find_vector("CONTEXT")->get("TARGET"), "hda");
  EXPECT_EQ(shown.find_vector("CONTEXT")->get("NETWORK"), "YES");
}

TEST(VmDocument, KeepsTheCapacityAsItWasWritten) {
  auto facts = vm_with_a_disk();
  facts.vm.cpu = 0.5;
  facts.vm.attributes.set("CPU", "0.50");
  EXPECT_EQ(shown_attributes(facts).get("CPU"), "0.50");
  facts.vm.attributes.erase("CPU");
  EXPECT_EQ(shown_attributes(facts).get("CPU"), "0.5");
}

TEST(VmDocument, HidesTheLcmStateUnlessActive) {
  auto facts = vm_with_a_disk();
  facts.vm.lcm = compute::LcmState::kRunning;
  facts.vm.state = compute::VmState::kPoweroff;
  EXPECT_THAT(vm_xml(facts).text, HasSubstr("<STATE>8</STATE><LCM_STATE>0</LCM_STATE>"));
  EXPECT_THAT(vm_brief_xml(facts).text, HasSubstr("<STATE>8</STATE><LCM_STATE>0</LCM_STATE>"));
  facts.vm.state = compute::VmState::kActive;
  EXPECT_THAT(vm_xml(facts).text, HasSubstr("<STATE>3</STATE><LCM_STATE>3</LCM_STATE>"));
}

TEST(VmDocument, CutsOlderHistoryOutOfPools) {
  auto facts = vm_with_a_disk();
  facts.history.resize(3);
  for (int i = 0; i < 3; ++i) facts.history[static_cast<std::size_t>(i)].seq = i;
  const auto document = vm_xml(facts);
  Entry entry;
  entry.full = document.text;
  entry.detail = document.older_history;
  const auto pool = pool_document("VM_POOL", {std::make_shared<const Entry>(entry)}, true);
  EXPECT_THAT(document.text, HasSubstr("<SEQ>0</SEQ>"));
  EXPECT_THAT(pool, Not(HasSubstr("<SEQ>0</SEQ>")));
  EXPECT_THAT(pool, Not(HasSubstr("<SEQ>1</SEQ>")));
  EXPECT_THAT(pool, HasSubstr("<HISTORY_RECORDS><HISTORY><OID>1</OID><SEQ>2</SEQ>"));
  EXPECT_THAT(pool, HasSubstr("</HISTORY></HISTORY_RECORDS>"));
}

TEST(VmDocument, EscapesNames) {
  auto facts = vm_with_a_disk();
  facts.vm.name = "a<b>&c";
  EXPECT_THAT(vm_xml(facts).text, HasSubstr("<NAME>a&lt;b&gt;&amp;c</NAME>"));
}

TEST(ImageDocument, CountsWhoUsesIt) {
  ImageFacts facts;
  facts.image.state = datastore::ImageState::kReady;
  facts.image.is_persistent = true;
  facts.use.vms = {VmId{3}};
  facts.use.clones = {ImageId{7}, ImageId{8}};
  const auto text = image_xml(facts);
  EXPECT_THAT(text, HasSubstr("<RUNNING_VMS>1</RUNNING_VMS><CLONING_OPS>2</CLONING_OPS>"));
  EXPECT_THAT(text, HasSubstr("<CLONES><ID>7</ID><ID>8</ID></CLONES>"));
}

TEST(HostDocument, TakesReservesOfTheClusterWhereItHasNone) {
  HostFacts facts;
  facts.host.cpu_total = 800;
  facts.host.memory_total_kb = 1000;
  facts.cluster_attributes.set("RESERVED_CPU", "25%");
  facts.cluster_attributes.set("RESERVED_MEM", "100");
  facts.host.attributes.set("RESERVED_MEM", "-200");
  EXPECT_THAT(host_xml(facts).text, HasSubstr("<MAX_MEM>1200</MAX_MEM><MAX_CPU>600</MAX_CPU>"));
}

TEST(HostDocument, IgnoresReservesThatAreNoNumber) {
  HostFacts facts;
  facts.host.cpu_total = 800;
  facts.host.attributes.set("RESERVED_CPU", "much");
  EXPECT_THAT(host_xml(facts).text, HasSubstr("<MAX_CPU>800</MAX_CPU>"));
}

TEST(SnapshotDocument, SaysInOneWordWhatItWaitsFor) {
  auto waiting = snapshot(Kind::kHot, Phase::kWaiting);
  waiting.reason = "waits for space in datastore 1 (host node1 has it)";
  EXPECT_EQ(waits_for(waiting), "space");
  waiting.reason = "host node1 cannot be reached";
  EXPECT_EQ(waits_for(waiting), "host");
  waiting.reason = "";
  EXPECT_EQ(waits_for(waiting), "");
  EXPECT_EQ(waits_for(snapshot(Kind::kDeferred, Phase::kArmed)), "guest");
  EXPECT_EQ(waits_for(snapshot(Kind::kHot, Phase::kCopying)), "");
}

TEST(SnapshotDocument, MarksItsProgress) {
  const auto document = snapshot_xml({snapshot(Kind::kHot, Phase::kCopying), {}, {}, false});
  const auto part = document.text.substr(document.progress.at, document.progress.size);
  EXPECT_EQ(part, progress_xml({}));
  EXPECT_THAT(part, HasSubstr("<SECONDS_LEFT>-1</SECONDS_LEFT>"));
}

TEST(UserDocument, TrimsQuotasToTwoDecimals) {
  UserFacts facts;
  facts.quotas = {{"VM", "", "CPU", 2.5, 1.0 / 3}};
  EXPECT_THAT(user_xml(facts), HasSubstr("<CPU><![CDATA[2.5]]></CPU>"
                                         "<CPU_USED><![CDATA[0.33]]></CPU_USED>"));
}

}  // namespace
}  // namespace neph::view
