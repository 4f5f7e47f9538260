#include "view/internal/documents.h"

#include <array>
#include <span>

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

using Keys = std::span<const std::string_view>;

constexpr auto kDiskKeys = std::to_array<std::string_view>(
    {"DISK_ID", "DATASTORE", "DATASTORE_ID", "IMAGE", "IMAGE_ID", "SIZE", "TYPE", "CLONE",
     "CLONE_TARGET", "LN_TARGET", "DISK_SNAPSHOT_TOTAL_SIZE"});
constexpr auto kNicKeys = std::to_array<std::string_view>(
    {"IP", "IP6", "IP6_GLOBAL", "IP6_LINK", "IP6_ULA", "MAC", "NETWORK", "NETWORK_ID",
     "NETWORK_MODE", "NIC_ID", "SCHED_RANK", "SCHED_REQUIREMENTS", "SECURITY_GROUPS"});
constexpr auto kUserKeys = std::to_array<std::string_view>(
    {"ERROR", "LABELS", "SCHED_DS_RANK", "SCHED_DS_REQUIREMENTS", "SCHED_MESSAGE", "SCHED_RANK",
     "SCHED_REQUIREMENTS", "USER_PRIORITY"});
constexpr auto kMonitoringKeys = std::to_array<std::string_view>({"CPU", "MEMORY", "STATE"});

/// DISK shows every key, with or without a value, in this order.
void write_disk(text::XmlWriter& xml, const text::Vector& disk) {
  xml.open("DISK");
  for (const auto key : kDiskKeys) xml.cdata(key, disk.get(key));
  xml.close();
}

void write_nic(text::XmlWriter& xml, const text::Vector& nic) {
  text::Vector shown;
  for (const auto key : kNicKeys)
    if (const auto* value = nic.find(key); value != nullptr) shown.set(key, *value);
  xml.vector("NIC", shown);
}

void write_template(text::XmlWriter& xml, const VmFacts& facts) {
  const text::Template shown = shown_attributes(facts);
  xml.open("TEMPLATE");
  for (const char* name : {"CPU", "MEMORY", "VCPU"}) xml.element(name, shown.get(name));
  for (const auto* disk : shown.vectors("DISK")) write_disk(xml, *disk);
  for (const auto* nic : shown.vectors("NIC")) write_nic(xml, *nic);
  if (const auto* graphics = shown.find_vector("GRAPHICS"); graphics != nullptr)
    xml.vector("GRAPHICS", *graphics);
  xml.close();
}

void write_chosen(text::XmlWriter& xml, std::string_view tag, const text::Template& from,
                  Keys keys) {
  xml.open(tag);
  for (const auto key : keys)
    if (const auto* value = from.find(key); value != nullptr) xml.cdata(key, *value);
  xml.close();
}

void write_last_record(text::XmlWriter& xml, const VmFacts& facts) {
  xml.open("HISTORY_RECORDS");
  if (!facts.history.empty()) {
    const auto& record = facts.history.back();
    xml.open("HISTORY");
    xml.element("OID", facts.vm.id.value);
    xml.element("SEQ", record.seq);
    xml.cdata("HOSTNAME", record.host_name);
    xml.element("HID", record.host.value);
    xml.element("CID", record.cluster.value);
    xml.element("DS_ID", record.datastore.value);
    xml.cdata("VM_MAD", record.vm_mad);
    xml.cdata("TM_MAD", record.tm_mad);
    xml.cdata("ACTION", std::to_string(static_cast<int>(record.action)));
    xml.close();
  }
  xml.close();
}

}  // namespace

MeasuredDocument vm_brief_xml(const VmFacts& facts) {
  const auto& vm = facts.vm;
  const bool is_active = vm.state == compute::VmState::kActive;
  text::XmlWriter xml;
  xml.open("VM");
  xml.element("ID", vm.id.value);
  write_owner(xml, {vm.owner, vm.group, facts.names, vm.name});
  xml.element("LAST_POLL", vm.polled.seconds());
  xml.element("STATE", static_cast<std::int64_t>(vm.state));
  xml.element("LCM_STATE", is_active ? static_cast<std::int64_t>(vm.lcm) : 0);
  xml.element("RESCHED", std::int64_t{vm.is_rescheduled});
  xml.element("STIME", vm.created.seconds());
  xml.element("ETIME", vm.ended.seconds());
  xml.element("DEPLOY_ID", vm.deploy_id);
  if (facts.lock.is_set()) {
    xml.open("LOCK");
    xml.element("LOCKED", static_cast<std::int64_t>(facts.lock.level));
    xml.close();
  }
  write_template(xml, facts);
  Span monitoring{xml.text().size(), 0};
  write_chosen(xml, "MONITORING", vm.monitoring, kMonitoringKeys);
  monitoring.size = xml.text().size() - monitoring.at;
  write_chosen(xml, "USER_TEMPLATE", shown_user_attributes(facts), kUserKeys);
  write_last_record(xml, facts);
  xml.close();
  return {xml.take(), monitoring};
}

}  // namespace neph::view
