#include "api/internal/snapshot_xml.h"

#include "text/xml_writer.h"

namespace neph::api {

std::string made_snapshots_xml(const std::vector<snapshots::Snapshot>& made) {
  text::XmlWriter xml;
  xml.open("SNAPSHOTS");
  for (const auto& snapshot : made) {
    xml.open("SNAPSHOT");
    xml.element("ID", snapshot.id.value);
    xml.element("IMAGE_ID", snapshot.image.value);
    xml.element("DISK_ID", snapshot.disk.value);
    xml.close();
  }
  xml.close();
  return xml.take();
}

}  // namespace neph::api
