#include "view/internal/blocks.h"
#include "view/internal/documents.h"

namespace neph::view {
namespace {

/// Templates of VMs and of networks show the same.
template <class AnyTemplate>
std::string registered_xml(std::string_view tag, const AnyTemplate& content,
                           const Ownership& names, const access::Lock& lock) {
  text::XmlWriter xml;
  xml.open(tag);
  xml.element("ID", content.id.value);
  write_owner(xml, {content.owner, content.group, names, content.name});
  write_lock(xml, lock);
  write_permissions(xml, content.permissions);
  xml.element("REGTIME", content.registered.seconds());
  xml.attributes("TEMPLATE", content.attributes);
  xml.close();
  return xml.take();
}

}  // namespace

std::string template_xml(const TemplateFacts& facts) {
  return registered_xml("VMTEMPLATE", facts.vm_template, facts.names, facts.lock);
}

std::string network_template_xml(const NetworkTemplateFacts& facts) {
  return registered_xml("VNTEMPLATE", facts.network_template, facts.names, facts.lock);
}

}  // namespace neph::view
