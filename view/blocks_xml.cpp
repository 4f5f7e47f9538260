#include "view/internal/blocks.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <map>
#include <span>

namespace neph::view {
namespace {

using access::QuotaUse;

/// All metrics of an entry are shown, also those without a limit or use: clients index them.
constexpr auto kVmMetrics = std::to_array<std::string_view>(
    {"CPU", "MEMORY", "PCI_DEV", "PCI_NIC", "RUNNING_CPU", "RUNNING_MEMORY", "RUNNING_PCI_DEV",
     "RUNNING_PCI_NIC", "RUNNING_VMS", "SYSTEM_DISK_SIZE", "VMS"});
constexpr auto kDatastoreMetrics = std::to_array<std::string_view>({"IMAGES", "SIZE"});
constexpr auto kNetworkMetrics = std::to_array<std::string_view>({"LEASES"});
constexpr auto kImageMetrics = std::to_array<std::string_view>({"RVMS"});

/// Two decimals at most, none where they are zero.
std::string quota_text(double value) {
  const double rounded = std::round(value * 100) / 100;
  if (rounded == std::trunc(rounded)) return std::to_string(static_cast<std::int64_t>(rounded));
  std::string text = fmt::format("{:.2f}", rounded);
  while (text.ends_with('0')) text.pop_back();
  return text;
}

using Metrics = std::map<std::string, const QuotaUse*, std::less<>>;

/// The entries of a section: key, then metric. Keys are ids, so they sort as numbers.
std::map<std::pair<std::size_t, std::string>, Metrics> entries_of(
    const std::vector<QuotaUse>& quotas, std::string_view section) {
  std::map<std::pair<std::size_t, std::string>, Metrics> entries;
  for (const auto& quota : quotas) {
    if (quota.section == section)
      entries[{quota.key.size(), quota.key}].emplace(quota.metric, &quota);
  }
  return entries;
}

struct Section {
  std::string_view tag;
  std::string_view name;
  std::span<const std::string_view> metrics;
};

void write_section(text::XmlWriter& xml, const std::vector<QuotaUse>& quotas,
                   const Section& section) {
  const auto entries = entries_of(quotas, section.name);
  if (entries.empty()) return xml.empty(section.tag);
  xml.open(section.tag);
  for (const auto& [key, metrics] : entries) {
    xml.open(section.name);
    if (!key.second.empty()) xml.cdata("ID", key.second);
    for (const auto metric : section.metrics) {
      const auto found = metrics.find(metric);
      const QuotaUse none;
      const QuotaUse& quota = found == metrics.end() ? none : *found->second;
      xml.cdata(metric, quota_text(quota.limit));
      xml.cdata(std::string(metric) + "_USED", quota_text(quota.used));
    }
    xml.close();
  }
  xml.close();
}

}  // namespace

void write_owner(text::XmlWriter& xml, const Owner& owner) {
  xml.element("UID", owner.user.value);
  xml.element("GID", owner.group.value);
  xml.element("UNAME", owner.names.user_name);
  xml.element("GNAME", owner.names.group_name);
  xml.element("NAME", owner.name);
}

void write_restore_points(text::XmlWriter& xml, const RestorePoints& points, DiskId disk) {
  std::map<std::int64_t, std::string> children;
  for (const auto& each : points.snapshots) {
    std::string& list = children[each.parent];
    list += fmt::format("{}{}", list.empty() ? "" : ",", each.id);
  }
  xml.cdata("ALLOW_ORPHANS", "NO");
  xml.cdata("CURRENT_BASE", "-1");
  if (disk.is_set()) xml.cdata("DISK_ID", std::to_string(disk.value));
  xml.cdata("NEXT_SNAPSHOT", std::to_string(points.next));
  for (const auto& each : points.snapshots) {
    xml.open("SNAPSHOT");
    if (each.is_active) xml.cdata("ACTIVE", "YES");
    if (children.contains(each.id)) xml.cdata("CHILDREN", children[each.id]);
    xml.cdata("DATE", std::to_string(each.created.seconds()));
    xml.cdata("ID", std::to_string(each.id));
    if (!each.name.empty()) xml.cdata("NAME", each.name);
    xml.cdata("PARENT", std::to_string(each.parent));
    xml.cdata("SIZE", std::to_string(each.size_mb));
    xml.close();
  }
}

void write_permissions(text::XmlWriter& xml, access::Permissions permissions) {
  constexpr auto kTags =
      std::to_array<std::string_view>({"OWNER_U", "OWNER_M", "OWNER_A", "GROUP_U", "GROUP_M",
                                       "GROUP_A", "OTHER_U", "OTHER_M", "OTHER_A"});
  xml.open("PERMISSIONS");
  for (std::size_t i = 0; i < kTags.size(); ++i)
    xml.element(kTags[i], std::int64_t{(permissions.bits & (0400 >> i)) != 0});
  xml.close();
}

void write_lock(text::XmlWriter& xml, const access::Lock& lock) {
  if (!lock.is_set()) return;
  xml.open("LOCK");
  xml.element("LOCKED", static_cast<std::int64_t>(lock.level));
  xml.element("OWNER", lock.owner.value);
  xml.element("TIME", lock.since.seconds());
  // Requests have no numbers here; clients only show it.
  xml.element("REQ_ID", std::int64_t{-1});
  xml.close();
}

void write_quotas(text::XmlWriter& xml, const std::vector<QuotaUse>& quotas) {
  write_section(xml, quotas, {"DATASTORE_QUOTA", "DATASTORE", kDatastoreMetrics});
  write_section(xml, quotas, {"NETWORK_QUOTA", "NETWORK", kNetworkMetrics});
  write_section(xml, quotas, {"VM_QUOTA", "VM", kVmMetrics});
  write_section(xml, quotas, {"IMAGE_QUOTA", "IMAGE", kImageMetrics});
}

void write_default_quotas(text::XmlWriter& xml, std::string_view tag,
                          const std::vector<QuotaUse>& quotas) {
  xml.open(tag);
  write_quotas(xml, quotas);
  xml.close();
}

namespace {

void write_scheduled(text::XmlWriter& xml, const compute::ScheduledAction& action) {
  const bool is_of_vm = action.vm.is_set();
  xml.open("SCHED_ACTION");
  xml.element("ID", action.id.value);
  xml.element("PARENT_ID", is_of_vm ? action.vm.value : action.backup_job.value);
  xml.element("TYPE", is_of_vm ? "VM" : "BACKUPJOB");
  xml.cdata("ACTION", action.action);
  xml.cdata("ARGS", action.args);
  xml.element("TIME", action.due.seconds());
  xml.element("REPEAT", static_cast<std::int64_t>(action.repeat));
  xml.cdata("DAYS", action.days);
  xml.element("END_TYPE", static_cast<std::int64_t>(action.end));
  xml.element("END_VALUE", action.end_value);
  xml.element("DONE", action.done.is_set() ? action.done.seconds() : -1);
  xml.cdata("MESSAGE", action.message);
  xml.element("WARNING", std::int64_t{0});
  xml.close();
}

}  // namespace

void write_schedule_ids(text::XmlWriter& xml, const std::vector<compute::ScheduledAction>& plan) {
  std::vector<std::int64_t> ids;
  for (const auto& action : plan) ids.push_back(action.id.value);
  if (ids.empty()) xml.empty("SCHED_ACTIONS");
  else xml.ids("SCHED_ACTIONS", ids);
}

void write_planned_template(text::XmlWriter& xml, const text::Template& shown,
                            const std::vector<compute::ScheduledAction>& plan) {
  if (plan.empty()) return xml.attributes("TEMPLATE", shown);
  text::XmlWriter inner;
  inner.attributes("TEMPLATE", shown);
  const std::string_view text = inner.text();
  constexpr std::string_view kBegin = "<TEMPLATE>";
  constexpr std::string_view kEnd = "</TEMPLATE>";
  NEPH_ASSERT(text.starts_with(kBegin) && text.ends_with(kEnd));
  xml.open("TEMPLATE");
  xml.raw(text.substr(kBegin.size(), text.size() - kBegin.size() - kEnd.size()));
  for (const auto& action : plan) write_scheduled(xml, action);
  xml.close();
}

}  // namespace neph::view
