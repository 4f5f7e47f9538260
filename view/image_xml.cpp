#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

/// The hash of the stored file, and who has written to it since, are evidence for the owner.
text::Template shown_attributes(const datastore::Image& image) {
  text::Template shown = image.attributes;
  if (!image.sha256.empty()) shown.set("SHA256", image.sha256);
  if (image.modified_by.is_set())
    shown.set("MODIFIED_BY_VM", std::to_string(image.modified_by.value));
  return shown;
}

/// A backup is whole, so there are no increments; the schema wants the element.
void write_snapshots(text::XmlWriter& xml, const ImageFacts& facts) {
  xml.open("SNAPSHOTS");
  write_restore_points(xml, facts.restore_points, {});
  xml.close();
  xml.empty("BACKUP_INCREMENTS");
  if (facts.backup_disks.empty()) return xml.empty("BACKUP_DISK_IDS");
  xml.ids("BACKUP_DISK_IDS", numbers_of(facts.backup_disks));
}

}  // namespace

std::string image_xml(const ImageFacts& facts) {
  const auto& image = facts.image;
  const auto state = static_cast<std::int64_t>(datastore::shown_state(image, facts.use));
  text::XmlWriter xml;
  xml.open("IMAGE");
  xml.element("ID", image.id.value);
  write_owner(xml, {image.owner, image.group, facts.names, image.name});
  write_lock(xml, facts.lock);
  write_permissions(xml, image.permissions);
  xml.element("TYPE", static_cast<std::int64_t>(image.type));
  xml.element("DISK_TYPE", image.disk_type);
  xml.element("PERSISTENT", std::int64_t{image.is_persistent});
  xml.element("REGTIME", image.registered.seconds());
  xml.element("MODTIME", image.registered.seconds());
  xml.cdata("SOURCE", image.source);
  xml.cdata("PATH", image.original_path);
  xml.cdata("FORMAT", datastore_driver::name_of(image.format));
  xml.empty("FS");
  xml.element("SIZE", image.size_mb);
  xml.element("STATE", state);
  xml.element("PREV_STATE", state);
  xml.element("RUNNING_VMS", static_cast<std::int64_t>(facts.use.vms.size()));
  xml.element("CLONING_OPS", static_cast<std::int64_t>(facts.use.clones.size()));
  xml.element("CLONING_ID", image.cloning.value);
  xml.element("TARGET_SNAPSHOT", -1);
  xml.element("DATASTORE_ID", image.datastore.value);
  xml.element("DATASTORE", facts.datastore_name);
  xml.ids("VMS", numbers_of(facts.use.vms));
  xml.ids("CLONES", numbers_of(facts.use.clones));
  xml.ids("APP_CLONES", {});
  xml.attributes("TEMPLATE", shown_attributes(image));
  write_snapshots(xml, facts);
  xml.close();
  return xml.take();
}

}  // namespace neph::view
