#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {

std::string template_xml(const TemplateFacts& facts) {
  const auto& vm_template = facts.vm_template;
  text::XmlWriter xml;
  xml.open("VMTEMPLATE");
  xml.element("ID", vm_template.id.value);
  write_owner(xml, {vm_template.owner, vm_template.group, facts.names, vm_template.name});
  write_lock(xml, facts.lock);
  write_permissions(xml, vm_template.permissions);
  xml.element("REGTIME", vm_template.registered.seconds());
  xml.attributes("TEMPLATE", vm_template.attributes);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
