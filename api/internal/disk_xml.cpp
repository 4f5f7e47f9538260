#include "api/internal/disk_xml.h"

#include "text/xml_writer.h"

namespace neph::api {
namespace {

void write(text::XmlWriter& xml, const RetainedDisk& kept, const snapshots::Snapshot* snapshot) {
  xml.open("DISK");
  xml.element("VM_ID", kept.vm.id.value);
  xml.element("VM_NAME", kept.vm.name);
  xml.element("DISK_ID", kept.disk.id.value);
  xml.element("UID", kept.vm.owner.value);
  xml.element("UNAME", kept.owner_name);
  xml.element("SIZE_MB", kept.disk.size_mb);
  xml.element("SINCE", kept.vm.ended.seconds());
  xml.element("HOST_ID", kept.vm.host.value);
  xml.element("HOST", kept.host_name);
  xml.element("DATASTORE_ID", kept.vm.system_datastore.value);
  xml.element("PATH", kept.disk.path);
  xml.element("SNAPSHOT_ID", snapshot == nullptr ? -1 : snapshot->id.value);
  if (snapshot != nullptr) {
    xml.element("PHASE", snapshots::name_of(snapshot->phase));
    xml.element("IMAGE_ID", snapshot->image.value);
    xml.element("IMAGE_NAME", snapshot->image_name);
    xml.element("SNAPSHOT_UID", snapshot->owner.value);
  }
  xml.close();
}

}  // namespace

std::string retained_disks_xml(const std::vector<RetainedDisk>& disks) {
  text::XmlWriter xml;
  xml.open("DISK_POOL");
  for (const auto& kept : disks) {
    if (kept.snapshots.empty()) write(xml, kept, nullptr);
    for (const auto& snapshot : kept.snapshots) write(xml, kept, &snapshot);
  }
  xml.close();
  return xml.take();
}

}  // namespace neph::api
