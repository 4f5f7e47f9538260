#include "tests/golden/golden.h"

#include "tests/golden/facts.h"

namespace neph::view::golden {
namespace {

EntryPtr entry(std::string full, std::string brief = {}) {
  Entry made;
  made.full = std::move(full);
  made.brief = std::move(brief);
  return std::make_shared<const Entry>(std::move(made));
}

EntryPtr vm_entry(const VmFacts& facts) {
  auto document = vm_xml(facts);
  Entry made;
  made.id = facts.vm.id.value;
  made.subject.kind = access::Resource::kVm;
  made.state = static_cast<int>(facts.vm.state);
  made.monitoring = document.monitoring;
  made.history = std::move(document.history);
  made.full = std::move(document.text);
  made.detail = document.older_history;
  auto brief = vm_brief_xml(facts);
  made.brief = std::move(brief.text);
  made.brief_monitoring = brief.monitoring;
  return std::make_shared<const Entry>(std::move(made));
}

std::vector<Document> objects() {
  return {{"user", user_xml(alice()), "user"},
          {"group", group_xml(research()), "group"},
          {"cluster", cluster_xml(lab()), "cluster"},
          {"host", host_xml(node1()).text, "host"},
          {"host-error", host_xml(node2()).text, "host"},
          {"datastore", datastore_xml(images()), "datastore"},
          {"datastore-system", datastore_xml(system_datastore()), "datastore"},
          {"image-used", image_xml(debian()), "image"},
          {"image-saved", image_xml(saved()), "image"},
          {"image-backup", image_xml(backup()), "image"},
          {"vnet", vnet_xml(private_network()).text, "vnet"},
          {"vnet-reservation", vnet_xml(reservation()).text, "vnet"},
          {"security-group", security_group_xml(default_group()), "security_group"},
          {"security-group-web", security_group_xml(web_group()), ""},
          {"template", template_xml(web_template()), "vmtemplate"},
          {"network-template", network_template_xml(lan_template()), "vntemplate"},
          {"backup-job", backup_job_xml(nightly()), "backupjob"},
          {"document", document_xml(service()), "document"},
          {"vdc", vdc_xml(physics()), "vdc"},
          {"vm-group", vm_group_xml(app()), "vm_group"},
          {"hook", hook_xml(on_boot()), "hook"},
          {"hook-brief", hook_brief_xml(on_boot()), "hook"},
          {"vm-running", vm_xml(web()).text, "vm"},
          {"vm-pending", vm_xml(pending()).text, "vm"},
          {"snapshot-armed", snapshot_xml(armed_snapshot()).text, ""},
          {"snapshot-ready", snapshot_xml(ready_snapshot()).text, ""},
          {"job", job_xml({copying_job(), copying_log()}).text, ""}};
}

/// Between two tags, but neither around CDATA nor within an empty element.
std::size_t end_of_line(const std::string& document, std::size_t from) {
  for (auto at = document.find("><", from); at != std::string::npos;
       at = document.find("><", at + 1)) {
    const std::string_view left = std::string_view(document).substr(from, at + 1 - from);
    const std::string_view right = std::string_view(document).substr(at + 1);
    const bool is_around_cdata = right.starts_with("<!") || left.ends_with("]]>");
    const bool is_open = !left.starts_with("</") && !left.ends_with("/>") &&
                         left.find("</") == std::string_view::npos;
    if (!is_around_cdata && !(is_open && right.starts_with("</"))) return at + 1;
  }
  return document.size();
}

std::string pool(std::string_view tag, const std::vector<EntryPtr>& entries) {
  std::string ending;
  if (tag == "USER_POOL") ending = default_quotas_document(access::QuotaOwner::kUser, {});
  if (tag == "GROUP_POOL") ending = default_quotas_document(access::QuotaOwner::kGroup, {});
  return pool_document(tag, entries, false, ending);
}

/// What web() cost in a month.
View billed() {
  View view;
  view.showback = std::make_shared<const std::vector<compute::MonthlyCost>>(
      std::vector<compute::MonthlyCost>{
          {VmId{1}, {2026, 11}, 1234567.25, 0.000125, 0.5, 720.5, 3.25}});
  return view;
}

std::vector<Document> pools() {
  const std::vector<EntryPtr> vms = {vm_entry(pending()), vm_entry(web())};
  const auto user = [](const UserFacts& facts) {
    return entry(user_xml(facts), user_brief_xml(facts));
  };
  View view;
  const auto board = measured();
  view.samples = board.get();
  const std::vector<EntryPtr> oldest_first = {vm_entry(web()), vm_entry(pending())};
  Entry host;
  host.id = 1;
  const std::vector<EntryPtr> hosts = {std::make_shared<const Entry>(host)};
  const auto group = entry(group_xml(research()), group_brief_xml(research()));
  return {
      {"user-pool", pool("USER_POOL", {user(alice()), user(oneadmin())}), "user_pool"},
      {"group-pool", pool("GROUP_POOL", {group}), "group_pool"},
      {"acl-pool",
       pool("ACL_POOL", {entry(acl_xml(alice_uses_a_host())), entry(acl_xml(users_create()))}),
       "acl_pool"},
      {"host-pool",
       pool("HOST_POOL", {entry(host_xml(node2()).text), entry(host_xml(node1()).text)}),
       "host_pool"},
      {"image-pool", pool("IMAGE_POOL", {entry(image_xml(debian()))}), "image_pool"},
      {"vnet-pool",
       pool("VNET_POOL", {entry({}, vnet_brief_xml(reservation())),
                          entry({}, vnet_brief_xml(private_network()))}),
       "vnet_pool"},
      {"security-group-pool",
       pool("SECURITY_GROUP_POOL", {entry(security_group_xml(default_group()))}),
       "security_group_pool"},
      {"vm-pool", pool_document("VM_POOL", vms, false), "vm_pool"},
      {"vm-pool-extended", pool_document("VM_POOL", vms, true), "vm_pool_extended"},
      {"vm-pool-measured", pool_document("VM_POOL", vms, false, {}, board.get()), "vm_pool"},
      {"vm-accounting", accounting_document(oldest_first, {}), "acct"},
      {"vm-showback", showback_document(billed(), {vm_entry(web())}, {}), "showback"},
      {"network-template-pool",
       pool("VNTEMPLATE_POOL", {entry(network_template_xml(lan_template()))}), "vntemplate_pool"},
      {"backup-job-pool", pool("BACKUPJOB_POOL", {entry(backup_job_xml(nightly()))}),
       "backupjob_pool"},
      {"vm-monitoring", monitoring_document(view, ObjectKind::kVm, oldest_first, -1),
       "monitoring_data"},
      {"host-monitoring", monitoring_document(view, ObjectKind::kHost, hosts, -1), ""},
      {"snapshot-pool", pool("SNAPSHOT_POOL", {entry(snapshot_xml(ready_snapshot()).text)}), ""}};
}

}  // namespace

std::vector<Document> documents() {
  auto all = objects();
  for (auto& document : pools()) all.push_back(std::move(document));
  return all;
}

std::string indented(const std::string& document) {
  std::string result;
  std::size_t depth = 0;
  for (std::size_t from = 0; from < document.size();) {
    const std::size_t end = end_of_line(document, from);
    const std::string line = document.substr(from, end - from);
    const bool is_closing = line.starts_with("</");
    if (is_closing && depth > 0) --depth;
    result += std::string(depth, ' ') + line + "\n";
    const bool is_whole = line.ends_with("/>") || line.find("</") != std::string::npos;
    if (!is_closing && !is_whole) ++depth;
    from = end;
  }
  return result;
}

std::string test_name_of(const testing::TestParamInfo<Document>& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
}

}  // namespace neph::view::golden
