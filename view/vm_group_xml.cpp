#include "view/internal/documents.h"

#include <fmt/ranges.h>

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

void write_role(text::XmlWriter& xml, const site::VmGroupRole& role) {
  text::Vector shown = role.attributes;
  shown.set("ID", std::to_string(role.id));
  shown.set("NAME", role.name);
  if (!role.vms.empty()) shown.set("VMS", fmt::format("{}", fmt::join(role.vms, ",")));
  xml.vector("ROLE", shown);
}

}  // namespace

std::string vm_group_xml(const VmGroupFacts& facts) {
  const auto& group = facts.vm_group;
  text::XmlWriter xml;
  xml.open("VM_GROUP");
  xml.element("ID", group.id.value);
  write_owner(xml, {group.owner, group.group, facts.names, group.name});
  write_permissions(xml, group.permissions);
  write_lock(xml, facts.lock);
  xml.open("ROLES");
  for (const auto& role : group.roles) write_role(xml, role);
  xml.close();
  xml.attributes("TEMPLATE", group.attributes);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
