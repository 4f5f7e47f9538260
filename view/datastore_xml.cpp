#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

std::string_view type_word(datastore::DatastoreType type) {
  switch (type) {
    case datastore::DatastoreType::kImage:
      return "IMAGE_DS";
    case datastore::DatastoreType::kSystem:
      return "SYSTEM_DS";
    case datastore::DatastoreType::kFile:
      return "FILE_DS";
    case datastore::DatastoreType::kBackup:
      return "BACKUP_DS";
  }
  return "";
}

/// OpenNebula repeats in TEMPLATE what it shows as elements, and clients look there.
text::Template shown_attributes(const datastore::Datastore& datastore) {
  text::Template shown = datastore.attributes;
  const auto inherit = [&](std::string_view name, std::string_view value) {
    if (!shown.has(name) && !value.empty()) shown.set(name, std::string(value));
  };
  inherit("TYPE", type_word(datastore.type));
  inherit("DISK_TYPE", "FILE");
  inherit("TM_MAD", datastore.tm_mad);
  if (datastore.ds_mad != "-") inherit("DS_MAD", datastore.ds_mad);
  return shown;
}

}  // namespace

std::string datastore_xml(const DatastoreFacts& facts) {
  const auto& datastore = facts.datastore;
  text::XmlWriter xml;
  xml.open("DATASTORE");
  xml.element("ID", datastore.id.value);
  write_owner(xml, {datastore.owner, datastore.group, facts.names, datastore.name});
  write_permissions(xml, datastore.permissions);
  xml.cdata("DS_MAD", datastore.ds_mad.empty() ? "-" : datastore.ds_mad);
  xml.cdata("TM_MAD", datastore.tm_mad.empty() ? "-" : datastore.tm_mad);
  xml.cdata("BASE_PATH", datastore.base_path);
  xml.element("TYPE", static_cast<std::int64_t>(datastore.type));
  xml.element("DISK_TYPE", 0);
  xml.element("STATE", std::int64_t{!datastore.is_enabled});
  xml.ids("CLUSTERS", numbers_of(datastore.clusters));
  xml.element("TOTAL_MB", datastore.total_mb);
  xml.element("FREE_MB", datastore.free_mb);
  xml.element("USED_MB", datastore.used_mb);
  xml.ids("IMAGES", numbers_of(facts.images));
  xml.attributes("TEMPLATE", shown_attributes(datastore));
  xml.close();
  return xml.take();
}

}  // namespace neph::view
