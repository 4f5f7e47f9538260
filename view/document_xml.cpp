#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {

std::string document_xml(const DocumentFacts& facts) {
  const auto& document = facts.document;
  text::XmlWriter xml;
  xml.open("DOCUMENT");
  xml.element("ID", document.id.value);
  write_owner(xml, {document.owner, document.group, facts.names, document.name});
  xml.element("TYPE", document.type);
  write_permissions(xml, document.permissions);
  write_lock(xml, facts.lock);
  xml.attributes("TEMPLATE", document.attributes);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
