#include "view/internal/documents.h"

#include "compute/backups.h"
#include "view/internal/blocks.h"

namespace neph::view {
namespace {

using compute::HistoryRecord;
using compute::Vm;

std::int64_t shown_lcm(const Vm& vm) {
  return vm.state == compute::VmState::kActive ? static_cast<std::int64_t>(vm.lcm) : 0;
}

void write_states(text::XmlWriter& xml, const Vm& vm) {
  const auto state = static_cast<std::int64_t>(vm.state);
  xml.element("LAST_POLL", vm.polled.seconds());
  xml.element("STATE", state);
  xml.element("LCM_STATE", shown_lcm(vm));
  xml.element("PREV_STATE", state);
  xml.element("PREV_LCM_STATE", shown_lcm(vm));
  xml.element("RESCHED", std::int64_t{vm.is_rescheduled});
  xml.element("STIME", vm.created.seconds());
  xml.element("ETIME", vm.ended.seconds());
  xml.element("DEPLOY_ID", vm.deploy_id);
}

void write_record(text::XmlWriter& xml, VmId vm, const HistoryRecord& record) {
  xml.open("HISTORY");
  xml.element("OID", vm.value);
  xml.element("SEQ", record.seq);
  xml.element("HOSTNAME", record.host_name);
  xml.element("HID", record.host.value);
  xml.element("CID", record.cluster.value);
  xml.element("STIME", record.started.seconds());
  xml.element("ETIME", record.ended.seconds());
  xml.cdata("VM_MAD", record.vm_mad);
  xml.cdata("TM_MAD", record.tm_mad);
  xml.element("DS_ID", record.datastore.value);
  // Neither cluster plans nor request numbers exist here; these are OpenNebula's words for none.
  xml.element("PLAN_ID", -2);
  xml.element("ACTION_ID", -1);
  xml.element("PSTIME", record.prolog_started.seconds());
  xml.element("PETIME", record.prolog_ended.seconds());
  xml.element("RSTIME", record.running_started.seconds());
  xml.element("RETIME", record.running_ended.seconds());
  xml.element("ESTIME", record.epilog_started.seconds());
  xml.element("EETIME", record.epilog_ended.seconds());
  xml.element("ACTION", static_cast<std::int64_t>(record.action));
  xml.element("UID", record.by_user.value);
  xml.element("GID", -1);
  xml.element("REQUEST_ID", "-1");
  xml.close();
}

std::vector<HistorySpan> write_history(text::XmlWriter& xml, const VmFacts& facts) {
  std::vector<HistorySpan> spans;
  xml.open("HISTORY_RECORDS");
  for (const auto& record : facts.history) {
    const std::size_t at = xml.text().size();
    write_record(xml, facts.vm.id, record);
    spans.push_back({{at, xml.text().size() - at}, record.started, record.ended});
  }
  xml.close();
  return spans;
}

Span older_of(const std::vector<HistorySpan>& history) {
  if (history.empty()) return {};
  const std::size_t first = history.front().part.at;
  return {first, history.back().part.at - first};
}

/// The schema of full documents has no STATE among what was measured; pools show it.
void write_monitoring(text::XmlWriter& xml, const Vm& vm) {
  text::Template shown = vm.monitoring;
  shown.erase("STATE");
  xml.attributes("MONITORING", shown);
}

void write_backups(text::XmlWriter& xml, const VmFacts& facts) {
  xml.open("BACKUPS");
  text::Vector config = compute::shown_backup_config(facts.vm);
  if (facts.backup_job.is_set())
    config.set("BACKUP_JOB_ID", std::to_string(facts.backup_job.value));
  xml.vector("BACKUP_CONFIG", config);
  if (facts.backups.empty()) xml.empty("BACKUP_IDS");
  else xml.ids("BACKUP_IDS", numbers_of(facts.backups));
  xml.close();
}

}  // namespace

VmDocument vm_xml(const VmFacts& facts) {
  const Vm& vm = facts.vm;
  text::XmlWriter xml;
  xml.open("VM");
  xml.element("ID", vm.id.value);
  write_owner(xml, {vm.owner, vm.group, facts.names, vm.name});
  write_permissions(xml, vm.permissions);
  write_states(xml, vm);
  write_lock(xml, facts.lock);
  Span monitoring{xml.text().size(), 0};
  write_monitoring(xml, vm);
  monitoring.size = xml.text().size() - monitoring.at;
  write_schedule_ids(xml, facts.schedule);
  write_planned_template(xml, shown_attributes(facts), facts.schedule);
  xml.attributes("USER_TEMPLATE", shown_user_attributes(facts));
  auto history = write_history(xml, facts);
  for (const auto& [disk, points] : facts.restore_points) {
    xml.open("SNAPSHOTS");
    write_restore_points(xml, points, disk);
    xml.close();
  }
  write_backups(xml, facts);
  xml.close();
  const Span older = older_of(history);
  return {xml.take(), older, monitoring, std::move(history)};
}

}  // namespace neph::view
