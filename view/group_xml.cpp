#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

void write_identity(text::XmlWriter& xml, const GroupFacts& facts) {
  const access::Group& group = facts.group;
  xml.element("ID", group.id.value);
  xml.element("NAME", group.name);
  xml.attributes("TEMPLATE", group.attributes);
  xml.ids("USERS", numbers_of(group.users));
  xml.ids("ADMINS", numbers_of(facts.admins));
}

/// Rules of network templates, which do not exist here; the schema wants the element.
void write_vlan_rules(text::XmlWriter& xml, GroupId group) {
  xml.open("VLAN_RULES");
  xml.cdata("ID", std::to_string(group.value));
  xml.close();
}

}  // namespace

std::string group_xml(const GroupFacts& facts) {
  text::XmlWriter xml;
  xml.open("GROUP");
  write_identity(xml, facts);
  write_quotas(xml, facts.quotas);
  write_vlan_rules(xml, facts.group.id);
  write_default_quotas(xml, "DEFAULT_GROUP_QUOTAS", facts.default_quotas);
  xml.close();
  return xml.take();
}

std::string group_brief_xml(const GroupFacts& facts) {
  text::XmlWriter xml;
  xml.open("GROUP");
  write_identity(xml, facts);
  xml.close();
  xml.open("QUOTAS");
  xml.element("ID", facts.group.id.value);
  write_quotas(xml, facts.quotas);
  xml.close();
  write_vlan_rules(xml, facts.group.id);
  return xml.take();
}

}  // namespace neph::view
