#include "check/internal/report_xml.h"

#include "text/xml_writer.h"

namespace neph::check {
namespace {

void write_finding(text::XmlWriter& xml, const Finding& finding) {
  xml.open("FINDING");
  xml.element("KIND", name_of(finding.kind));
  xml.element("SEVERITY", name_of(finding.severity));
  xml.element("OBJECT", finding.object);
  xml.element("PLACE", finding.place);
  xml.element("OWNER", finding.owner);
  xml.element("SIZE", finding.size.value);
  xml.element("MODIFIED_AT", finding.modified.seconds());
  xml.element("TEXT", finding.words);
  xml.element("REPAIRABLE", finding.repair == Repair::kNone ? std::int64_t{0} : std::int64_t{1});
  xml.element("REPAIRED", finding.repaired);
  xml.close();
}

}  // namespace

std::string report_xml(const Report& report) {
  text::XmlWriter xml;
  xml.open("CHECK");
  xml.element("JOB_ID", report.job.value);
  xml.element("BEGAN_AT_MS", report.began.ms);
  xml.element("ENDED_AT_MS", report.ended.ms);
  xml.element("VMS", report.vms);
  xml.element("IMAGES", report.images);
  xml.element("HOSTS", report.hosts);
  xml.element("FILES", report.files);
  xml.element("FOUND", report.found);
  for (const Finding& finding : report.findings) write_finding(xml, finding);
  for (const Unseen& unseen : report.unseen) {
    xml.open("UNSEEN");
    xml.element("PLACE", unseen.place);
    xml.element("REASON", unseen.reason);
    xml.close();
  }
  xml.close();
  return xml.take();
}

}  // namespace neph::check
