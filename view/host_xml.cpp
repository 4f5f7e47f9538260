#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

void write_share(text::XmlWriter& xml, const HostFacts& facts) {
  const auto& host = facts.host;
  const auto most = compute::capacity_of(host, facts.cluster_attributes);
  xml.open("HOST_SHARE");
  xml.element("MEM_USAGE", facts.use.memory_kb);
  xml.element("CPU_USAGE", facts.use.cpu_percent);
  xml.element("TOTAL_MEM", host.memory_total_kb);
  xml.element("TOTAL_CPU", host.cpu_total);
  xml.element("MAX_MEM", most.memory_kb);
  xml.element("MAX_CPU", most.cpu_percent);
  xml.element("RUNNING_VMS", facts.use.running);
  xml.element("VMS_THREAD", 1);
  xml.open("DATASTORES");
  xml.cdata("DISK_USAGE", std::to_string(facts.use.disk_mb));
  // Disks are in datastores, which show their own space.
  for (const char* tag : {"FREE_DISK", "MAX_DISK", "USED_DISK"}) xml.cdata(tag, "0");
  xml.close();
  xml.empty("PCI_DEVICES");
  xml.empty("NUMA_NODES");
  xml.close();
}

std::string id_list(const std::vector<SnapshotId>& ids) {
  std::string list;
  for (const auto id : ids) list += (list.empty() ? "" : ",") + std::to_string(id.value);
  return list;
}

/// What monitoring saw, what the administrator wrote, what the daemon adds; the later wins.
text::Template shown_attributes(const HostFacts& facts) {
  text::Template shown = facts.host.facts;
  shown.merge(facts.host.attributes);
  for (const char* name : {"RESERVED_CPU", "RESERVED_MEM"})
    if (!shown.has(name)) shown.set(name, std::string{});
  if (!facts.host.error.empty()) shown.set("ERROR", facts.host.error);
  if (facts.host.lost.is_set()) shown.set("LOST_AT", std::to_string(facts.host.lost.seconds()));
  if (!shown.has("IM_MAD")) shown.set("IM_MAD", facts.host.im_mad);
  if (!shown.has("VM_MAD")) shown.set("VM_MAD", facts.host.vm_mad);
  for (const auto& retained : facts.retained) {
    shown.add("RETAINED_DISK", text::Vector{{"VM_ID", std::to_string(retained.vm.value)},
                                            {"DISK_ID", std::to_string(retained.disk.value)},
                                            {"SNAPSHOT_ID", id_list(retained.snapshots)}});
  }
  return shown;
}

void write_facts(text::XmlWriter& xml, const text::Template& facts,
                 std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto* value = facts.find(name); value != nullptr) xml.cdata(name, *value);
}

void write_monitoring(text::XmlWriter& xml, const compute::Host& host) {
  if (!host.monitored.is_set()) return xml.empty("MONITORING");
  xml.open("MONITORING");
  xml.element("TIMESTAMP", host.monitored.seconds());
  xml.element("ID", host.id.value);
  xml.open("CAPACITY");
  write_facts(xml, host.facts, {"FREE_CPU"});
  xml.cdata("FREE_MEMORY", std::to_string(host.memory_free_kb));
  write_facts(xml, host.facts, {"USED_CPU"});
  xml.cdata("USED_MEMORY", std::to_string(host.memory_total_kb - host.memory_free_kb));
  xml.close();
  xml.open("SYSTEM");
  write_facts(xml, host.facts, {"NETRX", "NETTX"});
  xml.close();
  xml.close();
}

}  // namespace

MeasuredDocument host_xml(const HostFacts& facts) {
  const auto& host = facts.host;
  const auto state = static_cast<std::int64_t>(compute::state_of(host));
  text::XmlWriter xml;
  xml.open("HOST");
  xml.element("ID", host.id.value);
  xml.element("NAME", host.name);
  xml.element("STATE", state);
  xml.element("PREV_STATE", state);
  xml.cdata("IM_MAD", host.im_mad);
  xml.cdata("VM_MAD", host.vm_mad);
  xml.element("CLUSTER_ID", host.cluster.value);
  xml.element("CLUSTER", host.cluster_name);
  write_share(xml, facts);
  xml.ids("VMS", numbers_of(facts.use.vms));
  xml.attributes("TEMPLATE", shown_attributes(facts));
  Span monitoring{xml.text().size(), 0};
  write_monitoring(xml, host);
  monitoring.size = xml.text().size() - monitoring.at;
  xml.close();
  return {xml.take(), monitoring};
}

}  // namespace neph::view
