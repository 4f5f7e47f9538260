#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

void write_state(text::XmlWriter& xml, const jobs::Job& job) {
  xml.element("ID", job.id.value);
  xml.element("KIND", job.kind);
  xml.element("STATE", jobs::name_of(job.state));
  xml.element("STEP", job.step);
  xml.element("REASON", job.reason);
  xml.element("ERROR", job.error);
  xml.element("RESULT", job.result);
  xml.element("ATTEMPT", job.attempt);
  xml.element("CANCEL_ASKED", job.is_cancel_asked ? 1 : 0);
  xml.element("UID", job.owner.value);
  xml.element("VM_ID", job.vm.value);
  xml.element("IMAGE_ID", job.image.value);
  xml.element("SNAPSHOT_ID", job.snapshot.value);
  xml.element("HOST_ID", job.host.value);
  xml.element("DATASTORE_ID", job.datastore.value);
  xml.element("CREATED_AT_MS", job.created.ms);
  xml.element("CHANGED_AT_MS", job.changed.ms);
}

std::string log_xml(const std::vector<jobs::LogEntry>& log) {
  text::XmlWriter xml;
  for (const auto& entry : log) {
    xml.open("LOG");
    xml.element("SEQ", entry.seq);
    xml.element("AT_MS", entry.at.ms);
    xml.element("LAST_AT_MS", entry.last.ms);
    xml.element("TIMES", entry.times);
    xml.element("STEP", entry.step);
    xml.element("TEXT", entry.text);
    xml.close();
  }
  return xml.take();
}

}  // namespace

/// The log stands before the progress, whose length changes while people read.
JobDocument job_xml(const JobFacts& facts) {
  text::XmlWriter xml;
  xml.open("JOB");
  write_state(xml, facts.job);
  const std::string log = log_xml(facts.log);
  const Span log_at{xml.text().size(), log.size()};
  xml.raw(log);
  const std::string progress = progress_xml({});
  const Span progress_at{xml.text().size(), progress.size()};
  xml.raw(progress);
  xml.close();
  return {xml.take(), progress_at, log_at};
}

}  // namespace neph::view
