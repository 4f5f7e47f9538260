#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {

LiveDocument job_xml(const jobs::Job& job) {
  text::XmlWriter xml;
  xml.open("JOB");
  xml.element("ID", job.id.value);
  xml.element("KIND", job.kind);
  xml.element("STATE", jobs::name_of(job.state));
  xml.element("STEP", job.step);
  xml.element("REASON", job.reason);
  xml.element("ERROR", job.error);
  xml.element("RESULT", job.result);
  xml.element("ATTEMPT", job.attempt);
  xml.element("UID", job.owner.value);
  xml.element("VM_ID", job.vm.value);
  xml.element("IMAGE_ID", job.image.value);
  xml.element("SNAPSHOT_ID", job.snapshot.value);
  xml.element("HOST_ID", job.host.value);
  xml.element("CREATED_AT_MS", job.created.ms);
  xml.element("CHANGED_AT_MS", job.changed.ms);
  const std::string progress = progress_xml({});
  const Span span{xml.text().size(), progress.size()};
  xml.raw(progress);
  xml.close();
  return {xml.take(), span};
}

}  // namespace neph::view
