#include "text/xml_writer.h"
#include "view/view.h"

namespace neph::view {
namespace {

constexpr std::string_view kRecordEnd = "</HISTORY>";

bool is_within(const HistorySpan& record, const Period& period) {
  const bool has_begun = period.end < 0 || record.started.seconds() < period.end;
  const bool is_recent = period.start < 0 || !record.ended.is_set() ||
                         record.ended.seconds() > period.start;
  return has_begun && is_recent;
}

/// The record, with its VM as the last element in it; the VM is without its own history.
void write_record_with_vm(text::XmlWriter& xml, const Entry& entry, const HistorySpan& record) {
  const std::string_view text = entry.full;
  xml.raw(text.substr(record.part.at, record.part.size - kRecordEnd.size()));
  const Span first = entry.history.front().part;
  const Span last = entry.history.back().part;
  xml.raw(text.substr(0, first.at));
  xml.raw(text.substr(last.at + last.size));
  xml.raw(kRecordEnd);
}

}  // namespace

std::string accounting_document(const std::vector<EntryPtr>& entries, const Period& period) {
  text::XmlWriter xml;
  xml.open("HISTORY_RECORDS");
  for (const auto& entry : entries) {
    for (const auto& record : entry->history)
      if (is_within(record, period)) write_record_with_vm(xml, *entry, record);
  }
  xml.close();
  return xml.take();
}

}  // namespace neph::view
