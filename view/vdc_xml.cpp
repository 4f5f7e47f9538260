#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

struct Collection {
  site::VdcKind kind;
  std::string_view tag;
  std::string_view element;
};
constexpr Collection kCollections[] = {
    {site::VdcKind::kCluster, "CLUSTERS", "CLUSTER"},
    {site::VdcKind::kHost, "HOSTS", "HOST"},
    {site::VdcKind::kDatastore, "DATASTORES", "DATASTORE"},
    {site::VdcKind::kNetwork, "VNETS", "VNET"},
};

void write_collection(text::XmlWriter& xml, const site::Vdc& vdc, const Collection& collection) {
  xml.open(collection.tag);
  for (const auto& resource : vdc.resources) {
    if (resource.kind != collection.kind) continue;
    xml.open(collection.element);
    xml.element("ZONE_ID", resource.zone);
    xml.element(std::string(collection.element) + "_ID", resource.object);
    xml.close();
  }
  xml.close();
}

}  // namespace

std::string vdc_xml(const site::Vdc& vdc) {
  text::XmlWriter xml;
  xml.open("VDC");
  xml.element("ID", vdc.id.value);
  xml.element("NAME", vdc.name);
  xml.ids("GROUPS", numbers_of(vdc.groups));
  for (const auto& collection : kCollections) write_collection(xml, vdc, collection);
  xml.attributes("TEMPLATE", vdc.attributes);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
