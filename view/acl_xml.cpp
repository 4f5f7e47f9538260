#include "view/internal/documents.h"

#include <fmt/format.h>

#include "view/internal/blocks.h"

namespace neph::view {

std::string acl_xml(const access::AclRule& rule) {
  text::XmlWriter xml;
  xml.open("ACL");
  xml.element("ID", rule.id.value);
  xml.element("USER", fmt::format("{:x}", rule.user));
  xml.element("RESOURCE", fmt::format("{:x}", rule.resource));
  xml.element("RIGHTS", fmt::format("{:x}", rule.rights));
  xml.element("ZONE", fmt::format("{:x}", rule.zone));
  xml.element("STRING", access::to_text(rule));
  xml.close();
  return xml.take();
}

}  // namespace neph::view
