#include "view/view.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

/// Of VMs infoextended shows the last history record alone; jobs come without their logs.
void write_full(text::XmlWriter& xml, const Entry& entry) {
  const std::string_view text = entry.full;
  xml.raw(text.substr(0, entry.detail.at));
  xml.raw(text.substr(entry.detail.at + entry.detail.size));
}

}  // namespace

std::string pool_document(std::string_view tag, const std::vector<EntryPtr>& entries,
                          bool is_full) {
  text::XmlWriter xml;
  xml.open(tag);
  for (const auto& entry : entries) {
    if (!is_full && !entry->brief.empty())
      xml.raw(entry->brief);
    else
      write_full(xml, *entry);
  }
  if (tag == "USER_POOL") write_default_quotas(xml, "DEFAULT_USER_QUOTAS");
  if (tag == "GROUP_POOL") write_default_quotas(xml, "DEFAULT_GROUP_QUOTAS");
  xml.close();
  return xml.take();
}

std::string default_quotas_document(std::string_view tag) {
  text::XmlWriter xml;
  write_default_quotas(xml, tag);
  return xml.take();
}

}  // namespace neph::view
