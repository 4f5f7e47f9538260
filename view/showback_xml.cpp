#include <map>

#include "text/xml_writer.h"
#include "view/internal/blocks.h"
#include "view/view.h"

namespace neph::view {
namespace {

std::string group_name_in(const View& view, GroupId id) {
  const auto found = view.pool(ObjectKind::kGroup).find(id.value);
  return found == nullptr ? std::string{} : found->name;
}

std::string user_name_in(const View& view, UserId id) {
  const auto found = view.users.find(id);
  return found == view.users.end() ? std::string{} : found->second.name;
}

/// Without an exponent and without zeros at its end.
void write_cost(text::XmlWriter& xml, std::string_view tag, double cost) {
  std::string figure = fmt::format("{:.6f}", cost);
  figure.erase(figure.find_last_not_of('0') + 1);
  if (figure.ends_with('.')) figure.pop_back();
  xml.element(tag, figure);
}

void write_month(text::XmlWriter& xml, const View& view, const Entry& vm,
                 const compute::MonthlyCost& cost) {
  const access::Subject& subject = vm.subject;
  xml.open("SHOWBACK");
  xml.element("VMID", vm.id);
  xml.element("VMNAME", vm.name);
  xml.element("UID", subject.owner.value);
  xml.element("GID", subject.group.value);
  xml.element("UNAME", user_name_in(view, subject.owner));
  xml.element("GNAME", group_name_in(view, subject.group));
  xml.element("YEAR", std::int64_t{cost.month.year});
  xml.element("MONTH", std::int64_t{cost.month.number});
  write_cost(xml, "CPU_COST", cost.cpu);
  write_cost(xml, "MEMORY_COST", cost.memory);
  write_cost(xml, "DISK_COST", cost.disk);
  write_cost(xml, "TOTAL_COST", cost.cpu + cost.memory + cost.disk);
  write_cost(xml, "HOURS", cost.hours);
  write_cost(xml, "RHOURS", cost.running_hours);
  xml.close();
}

}  // namespace

std::string showback_document(const View& view, const std::vector<EntryPtr>& entries,
                              const compute::Months& months) {
  std::map<std::int64_t, EntryPtr> vms;
  for (const auto& entry : entries) vms.emplace(entry->id, entry);
  text::XmlWriter xml;
  xml.open("SHOWBACK_RECORDS");
  for (const auto& cost : *view.showback) {
    const auto vm = vms.find(cost.vm.value);
    if (vm != vms.end() && months.contains(cost.month)) write_month(xml, view, *vm->second, cost);
  }
  xml.close();
  return xml.take();
}

}  // namespace neph::view
