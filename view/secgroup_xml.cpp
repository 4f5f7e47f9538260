#include <algorithm>

#include "view/internal/blocks.h"
#include "view/internal/documents.h"

namespace neph::view {

std::string security_group_xml(const SecurityGroupFacts& facts) {
  const auto& group = facts.group;
  std::vector<VmId> updated = facts.vms;
  std::vector<VmId> outdated;
  if (!network::allows_everything(group)) {
    outdated = facts.filtered;
    std::erase_if(updated, [&](VmId vm) { return std::ranges::binary_search(outdated, vm); });
  }
  text::XmlWriter xml;
  xml.open("SECURITY_GROUP");
  xml.element("ID", group.id.value);
  write_owner(xml, {group.owner, group.group, facts.names, group.name});
  write_permissions(xml, group.permissions);
  xml.ids("UPDATED_VMS", numbers_of(updated));
  xml.ids("OUTDATED_VMS", numbers_of(outdated));
  xml.ids("UPDATING_VMS", {});
  xml.ids("ERROR_VMS", {});
  xml.attributes("TEMPLATE", group.attributes);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
