#include "view/internal/blocks.h"
#include "view/internal/documents.h"

namespace neph::view {

std::string security_group_xml(const SecurityGroupFacts& facts) {
  const auto& group = facts.group;
  const bool is_in_force = network::allows_everything(group);
  const auto vms = numbers_of(facts.vms);
  text::XmlWriter xml;
  xml.open("SECURITY_GROUP");
  xml.element("ID", group.id.value);
  write_owner(xml, {group.owner, group.group, facts.names, group.name});
  write_permissions(xml, group.permissions);
  xml.ids("UPDATED_VMS", is_in_force ? vms : std::vector<std::int64_t>{});
  xml.ids("OUTDATED_VMS", is_in_force ? std::vector<std::int64_t>{} : vms);
  xml.ids("UPDATING_VMS", {});
  xml.ids("ERROR_VMS", {});
  xml.attributes("TEMPLATE", group.attributes);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
