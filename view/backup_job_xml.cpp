#include <fmt/ranges.h>

#include <algorithm>

#include "view/internal/blocks.h"
#include "view/internal/documents.h"

namespace neph::view {
namespace {

using snapshots::BackupJob;
using snapshots::MemberState;

void write_members(text::XmlWriter& xml, std::string_view tag, const BackupJob& job,
                   MemberState state) {
  std::vector<std::int64_t> vms;
  for (const auto& member : job.members)
    if (member.state == state) vms.push_back(member.vm.value);
  if (vms.empty()) return xml.empty(tag);
  std::ranges::sort(vms);
  xml.ids(tag, vms);
}

/// The plan's text with its VMs, and with what went wrong with them.
text::Template shown_plan(const BackupJob& job) {
  std::vector<VmId> vms;
  std::string errors;
  for (const auto& member : job.members) {
    vms.push_back(member.vm);
    if (member.error.empty()) continue;
    errors += fmt::format("{}VM {}: {}", errors.empty() ? "" : "; ", member.vm, member.error);
  }
  text::Template shown = job.attributes;
  shown.set("BACKUP_VMS", fmt::format("{}", fmt::join(vms, ",")));
  if (!errors.empty()) shown.set("ERROR", std::move(errors));
  return shown;
}

std::int64_t duration_of(const BackupJob& job) {
  if (!job.started.is_set() || !job.ended.is_set()) return 0;
  return job.ended.seconds() - job.started.seconds();
}

}  // namespace

std::string backup_job_xml(const BackupJobFacts& facts) {
  const auto& job = facts.backup_job;
  text::XmlWriter xml;
  xml.open("BACKUPJOB");
  xml.element("ID", job.id.value);
  write_owner(xml, {job.owner, job.group, facts.names, job.name});
  write_lock(xml, facts.lock);
  write_permissions(xml, job.permissions);
  xml.element("PRIORITY", std::int64_t{job.priority});
  xml.element("LAST_BACKUP_TIME", job.started.seconds());
  xml.element("LAST_BACKUP_DURATION", duration_of(job));
  write_schedule_ids(xml, facts.schedule);
  write_members(xml, "UPDATED_VMS", job, MemberState::kUpdated);
  write_members(xml, "OUTDATED_VMS", job, MemberState::kOutdated);
  write_members(xml, "BACKING_UP_VMS", job, MemberState::kBackingUp);
  write_members(xml, "ERROR_VMS", job, MemberState::kError);
  write_planned_template(xml, shown_plan(job), facts.schedule);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
