#include "view/internal/documents.h"

#include "view/internal/blocks.h"

namespace neph::view {
namespace {

using snapshots::Phase;
using snapshots::Snapshot;

std::string_view when_word(datastore::Fires fires) {
  switch (fires) {
    case datastore::Fires::kByItself:
      return "";
    case datastore::Fires::kFirstStop:
      return "FIRST_STOP";
    case datastore::Fires::kEnd:
      return "END";
  }
  return "";
}

std::string_view quiesce_word(hypervisor_driver::Quiesce quiesce) {
  switch (quiesce) {
    case hypervisor_driver::Quiesce::kRequire:
      return "REQUIRE";
    case hypervisor_driver::Quiesce::kTry:
      return "TRY";
    case hypervisor_driver::Quiesce::kNever:
      return "NEVER";
  }
  return "";
}

/// What is known without the board: nothing, or everything.
jobs::ProgressBoard::Entry resting_progress(const Snapshot& snapshot) {
  if (snapshot.phase == Phase::kReady)
    return {snapshot.bytes_total, snapshot.bytes_total, Bytes{0}, 0};
  return {Bytes{0}, snapshot.bytes_total, Bytes{0}, -1};
}

void write_identity(text::XmlWriter& xml, const SnapshotFacts& facts) {
  const Snapshot& snapshot = facts.snapshot;
  xml.element("ID", snapshot.id.value);
  xml.element("SET_ID", snapshot.set.value);
  xml.element("UID", snapshot.owner.value);
  xml.element("UNAME", facts.names.user_name);
  xml.element("GID", snapshot.group.value);
  xml.element("GNAME", facts.names.group_name);
  xml.element("VM_ID", snapshot.vm.value);
  xml.element("DISK_ID", snapshot.disk.value);
  xml.element("IMAGE_ID", snapshot.image.value);
  xml.element("IMAGE_NAME", snapshot.image_name);
}

void write_course(text::XmlWriter& xml, const Snapshot& snapshot) {
  xml.element("KIND", snapshots::name_of(snapshot.kind));
  xml.element("WHEN", when_word(snapshot.fires));
  xml.element("QUIESCE", quiesce_word(snapshot.quiesce));
  xml.element("PHASE", snapshots::name_of(snapshot.phase));
  xml.element("WAITING_FOR", waits_for(snapshot));
  xml.element("REASON", snapshot.reason);
  xml.element("ERROR", snapshot.error);
  xml.element("GRADE", datastore::name_of(snapshot.grade));
  xml.element("REQUESTED_AT_MS", snapshot.requested.ms);
  xml.element("CAPTURED_AT_MS", snapshot.captured.ms);
  xml.element("READY_AT_MS", snapshot.ready.ms);
}

}  // namespace

std::string_view waits_for(const Snapshot& snapshot) {
  if (snapshot.phase == Phase::kArmed) return "guest";
  if (snapshot.phase != Phase::kWaiting) return "";
  // The reason is written for people; its first of these words is what it waits for.
  std::string_view first;
  std::size_t at = std::string::npos;
  for (const std::string_view word : {"space", "host", "slot", "guest", "job"}) {
    if (const auto found = snapshot.reason.find(word); found < at) {
      at = found;
      first = word;
    }
  }
  return first;
}

LiveDocument snapshot_xml(const SnapshotFacts& facts) {
  const Snapshot& snapshot = facts.snapshot;
  text::XmlWriter xml;
  xml.open("SNAPSHOT");
  write_identity(xml, facts);
  write_course(xml, snapshot);
  const std::string progress = progress_xml(resting_progress(snapshot));
  const Span span{xml.text().size(), progress.size()};
  xml.raw(progress);
  xml.element("SHA256", snapshot.sha256);
  xml.element("FROZEN_MS", snapshot.frozen_for.count());
  xml.element("HOST", facts.host_name);
  xml.element("RETAINED", std::int64_t{facts.is_retained});
  xml.element("DESCRIPTION", snapshot.description);
  xml.element("JOB_ID", snapshot.job.value);
  xml.close();
  return {xml.take(), span};
}

}  // namespace neph::view
