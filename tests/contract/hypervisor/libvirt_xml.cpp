#include <gtest/gtest.h>

#include "drivers/hypervisor/libvirt/internal/domain_xml.h"
#include "drivers/hypervisor/libvirt/internal/embed_root.h"
#include "drivers/hypervisor/libvirt/internal/live_xml.h"
#include "drivers/hypervisor/libvirt/internal/uri.h"

namespace neph::hypervisor_driver::virt {
namespace {

DomainSpec small_domain() {
  return {.name = "one-1",
          .uuid = "00000000-0000-4000-8000-000000000001",
          .memory = Bytes::megabytes(64),
          .architecture = "x86_64",
          .machine = "pc",
          .disks = {{.path = "/d/top", .format = "qcow2", .target = "vda"}}};
}

std::string xml_of(const DomainSpec& spec, const DomainXmlRules& rules = {"qemu"}) {
  const auto xml = domain_xml(spec, rules);
  EXPECT_TRUE(xml.has_value()) << xml.error().text();
  return xml.value_or("");
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(LibvirtXml, EscapesWhatUsersWrite) {
  auto spec = small_domain();
  spec.title = "</title><devices>&\n\"";
  spec.disks[0].path = "/d/a'b\"<c>&";
  const auto xml = xml_of(spec);
  EXPECT_TRUE(has(xml, "<title>&lt;/title&gt;&lt;devices&gt;&amp; \"</title>")) << xml;
  EXPECT_TRUE(has(xml, "&quot;&lt;c&gt;&amp;") || has(xml, "&quot;&lt;c>&amp;")) << xml;
}

TEST(LibvirtXml, NamesEveryLayerWithItsFormatAndEndsTheChain) {
  auto spec = small_domain();
  spec.disks[0].backing = {{"/d/middle", "qcow2"}, {"/dev/vg/base", "raw"}};
  const auto xml = xml_of(spec);
  const auto live = parse_live(xml);
  ASSERT_TRUE(live.has_value());
  ASSERT_EQ(live->disks.size(), 1u);
  ASSERT_EQ(live->disks[0].layers.size(), 3u);
  EXPECT_EQ(live->disks[0].layers[2].path, "/dev/vg/base");
  EXPECT_TRUE(has(xml, "<backingStore />")) << xml;
  EXPECT_TRUE(has(xml, "<format type=\"raw\" />")) << xml;
}

TEST(LibvirtXml, TakesTheBusFromTheTargetAndTheMachine) {
  auto spec = small_domain();
  spec.disks.push_back({.path = "/d/s", .format = "raw", .target = "sda"});
  spec.disks.push_back(
      {.path = "/d/c", .format = "raw", .target = "hda", .device = DiskDevice::kCdrom});
  const auto pc = xml_of(spec);
  EXPECT_TRUE(has(pc, "<target dev=\"vda\" bus=\"virtio\" />"));
  EXPECT_TRUE(has(pc, "<target dev=\"sda\" bus=\"scsi\" />"));
  EXPECT_TRUE(has(pc, "model=\"virtio-scsi\""));
  EXPECT_TRUE(has(pc, "<target dev=\"hda\" bus=\"ide\" />"));
  spec.machine = "pc-q35-7.2";
  EXPECT_TRUE(has(xml_of(spec), "<target dev=\"hda\" bus=\"sata\" />"));
  spec.disks[0].target = "xvda";
  const auto unknown = domain_xml(spec, {"qemu"});
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, Errc::kInvalid);
}

TEST(LibvirtXml, NeverMixesTheTwoKindsOfBootOrder) {
  auto spec = small_domain();
  EXPECT_TRUE(has(xml_of(spec), "<boot dev=\"hd\" />"));
  spec.disks[0].boot_order = 1;
  EXPECT_FALSE(has(xml_of(spec), "<boot dev=\"hd\" />"));
  EXPECT_TRUE(has(xml_of(spec), "<boot order=\"1\" />"));
}

TEST(LibvirtXml, SetsCpuSharesOnlyWhereThereAreControlGroups) {
  auto spec = small_domain();
  spec.cpu_shares = 0.5;
  EXPECT_FALSE(has(xml_of(spec), "<shares>"));
  EXPECT_TRUE(has(xml_of(spec, {"kvm", true}), "<shares>512</shares>"));
}

TEST(LibvirtXml, PassesTheHostsProcessorThroughOnlyWithKvm) {
  auto spec = small_domain();
  spec.cpu_model = "host-passthrough";
  EXPECT_TRUE(has(xml_of(spec, {"kvm"}), "<cpu mode=\"host-passthrough\" />"));
  EXPECT_TRUE(has(xml_of(spec, {"qemu"}), "<cpu mode=\"maximum\" />"));
}

TEST(LibvirtXml, AppendsRawXmlAndRefusesWhatIsNotWellFormed) {
  auto spec = small_domain();
  spec.raw_xml =
      "<description>x &amp; y</description><!-- seen -->"
      "<qemu:commandline><qemu:arg value='-S'/></qemu:commandline>";
  const auto xml = xml_of(spec);
  EXPECT_TRUE(has(xml, "<description>x &amp; y</description>")) << xml;
  EXPECT_TRUE(has(xml, "<qemu:arg value=\"-S\" />")) << xml;
  EXPECT_TRUE(has(xml, "xmlns:qemu=")) << xml;
  for (const char* broken : {"<a>", "</domain>", "<a></b>", "</raw><raw>", "<a b=c/>"}) {
    spec.raw_xml = broken;
    const auto refused = domain_xml(spec, {"qemu"});
    ASSERT_FALSE(refused.has_value()) << broken;
    EXPECT_EQ(refused.error().code, Errc::kInvalid);
  }
}

TEST(LibvirtXml, ARestoredDomainKeepsItsDevicesAndTakesNewPaths) {
  auto spec = small_domain();
  spec.nics = {{.kind = NicKind::kBridge, .source = "br0", .mac = "02:00:00:00:00:01"}};
  spec.serial_log_path = "/log/old";
  const auto saved = xml_of(spec);
  spec.disks[0].path = "/new/top";
  spec.disks[0].backing = {{"/new/base", "raw"}};
  spec.nics[0].source = "br1";
  spec.serial_log_path = "/log/new";
  spec.memory = Bytes::megabytes(4096);
  const auto xml = restored_xml(saved, spec);
  ASSERT_TRUE(xml.has_value());
  EXPECT_TRUE(has(*xml, "\"/new/top\"") && has(*xml, "\"/new/base\"") && has(*xml, "\"br1\""));
  EXPECT_TRUE(has(*xml, "\"/log/new\""));
  EXPECT_FALSE(has(*xml, "\"/d/top\"") || has(*xml, "\"br0\"") || has(*xml, "\"/log/old\""));
  EXPECT_TRUE(has(*xml, ">65536<")) << "the memory belongs to the saved guest";
}

TEST(LibvirtXml, ReadsTheLiveChainTheJobAndTheConsole) {
  const auto live = parse_live(
      "<domain><devices><disk type='file' device='disk'><source file='/o' index='3'/>"
      "<backingStore type='file' index='1'><format type='qcow2'/><source file='/b' index='1'/>"
      "<backingStore/></backingStore><mirror type='file' job='active-commit'/>"
      "<target dev='vda' bus='virtio'/></disk><disk device='cdrom'><target dev='hda'/></disk>"
      "<graphics type='vnc' port='5901' autoport='yes'/></devices></domain>");
  ASSERT_TRUE(live.has_value());
  const auto* disk = live->find("vda");
  ASSERT_NE(disk, nullptr);
  ASSERT_EQ(disk->layers.size(), 2u);
  EXPECT_EQ(disk->layers[0].index, "3");
  EXPECT_EQ(disk->find("/b"), 1);
  EXPECT_EQ(disk->find("/x"), -1);
  EXPECT_EQ(disk->job, "active-commit");
  EXPECT_TRUE(live->find("hda")->layers.empty());
  EXPECT_EQ(live->vnc_port, 5901);
}

TEST(LibvirtUri, TellsHowAHostIsReached) {
  const auto tls = parse_uri("qemu+tls://admin@node1.example:1234/system?no_verify=1", "");
  ASSERT_TRUE(tls.has_value());
  EXPECT_EQ(tls->tcp_host, "node1.example");
  EXPECT_EQ(tls->tcp_port, "1234");
  EXPECT_EQ(parse_uri("qemu+tcp://[fd00::1]/system", "")->tcp_host, "fd00::1");
  EXPECT_EQ(parse_uri("qemu+tcp://[fd00::1]/system", "")->tcp_port, "16509");
  EXPECT_EQ(parse_uri("qemu://node1/system", "")->tcp_port, "16514");
  EXPECT_TRUE(parse_uri("qemu+ssh://root@node1/system", "")->tcp_host.empty());
  EXPECT_TRUE(parse_uri("qemu+unix:///system?socket=/s", "")->tcp_host.empty());
  EXPECT_EQ(parse_uri("test:///default", "")->kind, HostUri::Kind::kPretend);
  EXPECT_EQ(parse_uri("qemu:///embed", "/r")->text, "qemu:///embed?root=/r");
  EXPECT_EQ(parse_uri("qemu:///embed?x=1&root=/own", "/r")->embed_root, "/own");
  EXPECT_EQ(parse_uri("qemu:///embed", "").error().code, Errc::kInvalid);
  EXPECT_EQ(parse_uri("nonsense", "").error().code, Errc::kInvalid);
}

TEST(LibvirtEmbedRoot, RefusesADirectoryTooLongForSockets) {
  const auto refused = ensure_embed_root("/tmp/" + std::string(100, 'x'));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kInvalid);
  EXPECT_TRUE(has(refused.error().message, "too long"));
}

}  // namespace
}  // namespace neph::hypervisor_driver::virt
