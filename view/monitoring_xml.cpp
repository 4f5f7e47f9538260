#include "view/internal/monitoring.h"

#include <fmt/format.h>

#include "text/xml_writer.h"
#include "view/internal/documents.h"

namespace neph::view {
namespace {

using monitoring::HostSample;
using monitoring::VmSample;

/// In the order of OpenNebula's schema, which is that of the alphabet.
void write_sample(text::XmlWriter& xml, std::int64_t vm, const VmSample& sample) {
  xml.open("MONITORING");
  if (sample.cpu_percent) xml.element("CPU", fmt::format("{:.2f}", *sample.cpu_percent));
  if (const auto& traffic = sample.traffic) {
    xml.element("DISKRDBYTES", traffic->disk_read_bytes);
    xml.element("DISKRDIOPS", traffic->disk_reads);
    xml.element("DISKWRBYTES", traffic->disk_written_bytes);
    xml.element("DISKWRIOPS", traffic->disk_writes);
  }
  xml.element("ID", vm);
  xml.element("MEMORY", sample.memory_kb);
  if (const auto& traffic = sample.traffic) {
    xml.element("NETRX", traffic->received_bytes);
    xml.element("NETTX", traffic->sent_bytes);
  }
  xml.element("TIMESTAMP", sample.at.seconds());
  xml.close();
}

/// The traffic of a host is not counted, so SYSTEM says nothing.
void write_sample(text::XmlWriter& xml, std::int64_t host, const HostSample& sample) {
  xml.open("MONITORING");
  xml.element("TIMESTAMP", sample.at.seconds());
  xml.element("ID", host);
  xml.open("CAPACITY");
  if (const auto used = sample.used_cpu_percent)
    xml.element("FREE_CPU", std::int64_t{sample.cpu_percent_total - *used});
  xml.element("FREE_MEMORY", sample.free_memory_kb);
  if (const auto used = sample.used_cpu_percent) xml.element("USED_CPU", std::int64_t{*used});
  xml.element("USED_MEMORY", sample.used_memory_kb);
  xml.close();
  xml.empty("SYSTEM");
  xml.close();
}

template <class Sample>
std::string xml_of(std::int64_t id, const Sample& sample) {
  text::XmlWriter xml;
  write_sample(xml, id, sample);
  return xml.take();
}

template <class AnyId>
void write_samples(text::XmlWriter& xml, const monitoring::Board& board, AnyId id,
                   std::int64_t seconds) {
  if (seconds == 0) {
    if (const auto last = board.last(id)) write_sample(xml, id.value, *last);
    return;
  }
  std::optional<Duration> within;
  if (seconds > 0) within = std::chrono::seconds(std::min(seconds, kMonitoringSecondsMax));
  for (const auto& sample : board.list(id, within)) write_sample(xml, id.value, sample);
}

}  // namespace

std::string monitoring_xml(VmId vm, const VmSample& sample) { return xml_of(vm.value, sample); }
std::string monitoring_xml(HostId host, const HostSample& sample) {
  return xml_of(host.value, sample);
}

std::string monitoring_brief_xml(const VmSample& sample) {
  text::XmlWriter xml;
  xml.open("MONITORING");
  if (sample.cpu_percent) xml.cdata("CPU", fmt::format("{:.2f}", *sample.cpu_percent));
  xml.cdata("MEMORY", std::to_string(sample.memory_kb));
  xml.close();
  return xml.take();
}

std::string monitoring_document(const View& view, ObjectKind kind,
                                const std::vector<EntryPtr>& entries, std::int64_t seconds) {
  text::XmlWriter xml;
  xml.open("MONITORING_DATA");
  for (const auto& entry : entries) {
    if (view.samples == nullptr) break;
    if (kind == ObjectKind::kHost) write_samples(xml, *view.samples, HostId{entry->id}, seconds);
    else write_samples(xml, *view.samples, VmId{entry->id}, seconds);
  }
  xml.close();
  return xml.take();
}

}  // namespace neph::view
