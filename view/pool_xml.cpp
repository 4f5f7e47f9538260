#include "view/view.h"

#include <algorithm>

#include "view/internal/blocks.h"
#include "view/internal/monitoring.h"

namespace neph::view {
namespace {

/// Of VMs infoextended shows the last history record alone; jobs come without their logs.
void write_full(text::XmlWriter& xml, const Entry& entry, const monitoring::Board* samples) {
  const std::string_view text = entry.full;
  std::size_t from = 0;
  if (const auto now = monitoring_of(entry, Form::kFull, samples)) {
    xml.raw(text.substr(0, entry.monitoring.at));
    xml.raw(*now);
    from = entry.monitoring.at + entry.monitoring.size;
  }
  // What is measured stands before the details, in documents that have both.
  const std::size_t detail = std::max(entry.detail.at, from);
  xml.raw(text.substr(from, detail - from));
  xml.raw(text.substr(detail + entry.detail.size));
}

void write_brief(text::XmlWriter& xml, const Entry& entry, const monitoring::Board* samples) {
  const auto now = monitoring_of(entry, Form::kBrief, samples);
  if (!now) return xml.raw(entry.brief);
  const std::string_view text = entry.brief;
  const Span place = entry.brief_monitoring;
  xml.raw(text.substr(0, place.at));
  xml.raw(*now);
  xml.raw(text.substr(place.at + place.size));
}

}  // namespace

std::string pool_document(std::string_view tag, const std::vector<EntryPtr>& entries,
                          bool is_full, std::string_view ending,
                          const monitoring::Board* samples) {
  text::XmlWriter xml;
  xml.open(tag);
  for (const auto& entry : entries) {
    if (!is_full && !entry->brief.empty())
      write_brief(xml, *entry, samples);
    else
      write_full(xml, *entry, samples);
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
