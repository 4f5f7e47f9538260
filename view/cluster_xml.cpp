#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {

std::string cluster_xml(const compute::Cluster& cluster) {
  text::Template shown = cluster.attributes;
  for (const char* name : {"RESERVED_CPU", "RESERVED_MEM"})
    if (!shown.has(name)) shown.set(name, std::string{});
  text::XmlWriter xml;
  xml.open("CLUSTER");
  xml.element("ID", cluster.id.value);
  xml.element("NAME", cluster.name);
  xml.ids("HOSTS", numbers_of(cluster.hosts));
  xml.ids("DATASTORES", numbers_of(cluster.datastores));
  xml.ids("VNETS", numbers_of(cluster.networks));
  xml.attributes("TEMPLATE", shown);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
