#include <algorithm>
#include <pugixml.hpp>

#include "cli/element.h"
#include "cli/rpc.h"
#include "drivers/hypervisor/libvirt/internal/domain_xml.h"
#include "drivers/hypervisor/libvirt/internal/live_xml.h"
#include "tests/fuzz/targets.h"

/// Documents that others wrote: libvirt's of a domain, an administrator's RAW, a server's answer to
/// neph. Templates as XML are in template.cpp, requests in xmlrpc_body.cpp.
namespace neph::fuzz {
namespace {

using namespace hypervisor_driver;

DomainSpec domain_spec() {
  DomainSpec spec;
  spec.name = "one-7";
  spec.uuid = "c1b9a2de-37d2-4c39-9d3c-2a5a4d1f0007";
  spec.memory = Bytes{160LL * 1024 * 1024};
  spec.architecture = "x86_64";
  spec.machine = "pc";
  spec.serial_log_path = "/var/lib/one/serial.log";
  DiskSpec disk;
  disk.path = "/ds/0/7/disk.0";
  disk.format = "qcow2";
  disk.target = "vda";
  disk.backing = {{"/ds/1/base", "qcow2"}};
  spec.disks.push_back(disk);
  NicSpec nic;
  nic.mac = "02:00:0a:00:00:01";
  nic.kind = NicKind::kBridge;
  nic.source = "br0";
  spec.nics.push_back(nic);
  return spec;
}

/// Of a running domain.
void check_live(const std::string& text) {
  const auto live = virt::parse_live(text);
  if (!live) return require(live.error().message.size() <= kMessageBytesMax, "a short message");
  for (const auto& disk : live->disks) {
    require(live->find(disk.target) != nullptr, "a disk is found by its target");
    for (const auto& layer : disk.layers) require(disk.find(layer.path) >= 0, "a layer is found");
  }
}

/// Of a domain whose memory was saved: what is put in its place stays there.
void check_restored(const std::string& text) {
  const auto spec = domain_spec();
  const auto once = virt::restored_xml(text, spec);
  if (!once) return require(once.error().message.size() <= kMessageBytesMax, "a short message");
  const auto live = virt::parse_live(*once);
  require(live.has_value(), "a restored description is XML");
  const auto& ours = spec.disks.front();
  for (const auto& disk : live->disks) {
    if (disk.target != ours.target) continue;
    require(disk.layers.size() == 2 && disk.find(ours.path) == 0 &&
                disk.find(ours.backing.front().first) == 1,
            "a restored domain gets the layers it has now, and no others");
  }
}

/// RAW is only added: it neither changes nor hides what stands before it.
void check_raw(const std::string& raw) {
  if (raw.empty()) return;
  const virt::DomainXmlRules rules{.domain_type = "qemu", .has_cgroups = true};
  auto spec = domain_spec();
  // A blank adds nothing, and yet there is RAW, which makes room for what it may need.
  spec.raw_xml = " ";
  static const std::string kPlain = *virt::domain_xml(spec, rules);
  // Without the line end, which is not written where text follows.
  static const std::string kBefore = kPlain.substr(0, kPlain.rfind("\n</domain>"));
  spec.raw_xml = raw;
  const auto described = virt::domain_xml(spec, rules);
  if (!described)
    return require(described.error().code == Errc::kInvalid, "RAW that is no XML is invalid");
  require(described->starts_with(kBefore), "RAW stands behind everything else");
  pugi::xml_document document;
  require(document.load_string(described->c_str()), "a description is XML");
  const auto root = document.first_child();
  require(std::string_view(root.name()) == "domain" && !root.next_sibling(),
          "RAW is inside the domain");
}

int depth_of(const cli::Element& element) {
  int deepest = 0;
  for (const auto& child : element.children) deepest = std::max(deepest, depth_of(child));
  return deepest + 1;
}

/// Of a server, for neph.
void check_answer(std::string_view text) {
  constexpr int kDepthMax = 101;
  const auto answer = cli::decode_answer(text);
  if (!answer) require(!answer.error().message.empty(), "a refusal has a reason");
  const auto element = cli::Element::parse(text);
  if (!element) return;
  require(depth_of(*element) <= kDepthMax, "no document is deeper than the stack allows");
  require(!cli::to_json(*element).empty(), "every document can be shown as JSON");
}

}  // namespace

void check_xml_reader(std::string_view input) {
  const std::string text(input);
  check_live(text);
  check_restored(text);
  check_raw(text);
  check_answer(text);
}

}  // namespace neph::fuzz
