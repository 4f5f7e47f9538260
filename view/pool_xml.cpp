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
                          bool is_full, std::string_view ending) {
  text::XmlWriter xml;
  xml.open(tag);
  for (const auto& entry : entries) {
    if (!is_full && !entry->brief.empty())
      xml.raw(entry->brief);
    else
      write_full(xml, *entry);
  }
  xml.raw(ending);
  xml.close();
  return xml.take();
}

std::string default_quotas_document(access::QuotaOwner kind,
                                    const std::vector<access::QuotaUse>& quotas) {
  text::XmlWriter xml;
  const bool is_user = kind == access::QuotaOwner::kUser;
  write_default_quotas(xml, is_user ? "DEFAULT_USER_QUOTAS" : "DEFAULT_GROUP_QUOTAS", quotas);
  return xml.take();
}

}  // namespace neph::view
