#include "tests/sim/cloud/cloud.h"

/// One rule broken at a time. What cannot be broken through the store is broken in the drivers.
namespace neph::cloud {
namespace {

using sim::Fault;
using sim::FaultKind;

/// Changes of that kind do not happen.
std::string without(std::string_view change, std::string_view when = "1") {
  return fmt::format("CREATE TRIGGER sabotage BEFORE {} WHEN {} BEGIN SELECT RAISE(IGNORE); END",
                     change, when);
}
std::string after(std::string_view change, std::string_view when, std::string_view then) {
  return fmt::format("CREATE TRIGGER sabotage AFTER {} WHEN {} BEGIN {}; END", change, when, then);
}
Fault pretending(std::string_view verb) {
  Fault fault;
  fault.kind = FaultKind::kPretends;
  fault.verb = verb;
  fault.times = sim::kAlways;
  return fault;
}

std::vector<Sabotage> make() {
  return {
      {"a hold is not placed",
       {after("INSERT ON disk_holds", "1",
              "DELETE FROM disk_holds WHERE snapshot_id = NEW.snapshot_id")}},
      {"a hold does not fire", {without("UPDATE OF state ON disk_holds", "NEW.state = 2")}},
      {"a hold is not released", {without("DELETE ON disk_holds")}},
      {"a claim is not released", {without("DELETE ON job_claims")}},
      {"a wait is not woken",
       {without("UPDATE OF state ON jobs", "OLD.wake_key LIKE 'hold/due/%' AND NEW.state = 1")}},
      {"an interrupted step is not taken up again",
       {without("UPDATE OF state ON jobs",
                "OLD.state = 2 AND NEW.state = 1 AND NEW.step = OLD.step")}},
      {"a job is lost with the power",
       {},
       {},
       "DELETE FROM jobs WHERE id = (SELECT MAX(id) FROM jobs WHERE state <= 3 AND id NOT IN "
       "(SELECT job_id FROM job_claims))"},
      {"an acknowledged request is lost with the power",
       {},
       {},
       "DELETE FROM snapshots WHERE id = (SELECT MAX(id) FROM snapshots)"},
      {"a quota is not settled", {"DROP TRIGGER image_removed"}},
      {"a disk is not retained",
       {without("UPDATE OF is_retained ON vm_disks", "NEW.is_retained = 1")}},
      {"an image is READY before its bytes",
       {after("UPDATE OF phase ON snapshots", "NEW.phase = 3",
              "UPDATE images SET state = 1 WHERE id = NEW.image_id")}},
      {"another instant is told",
       {after("UPDATE OF phase ON snapshots", "NEW.phase = 5 AND OLD.phase <> 5",
              "UPDATE snapshots SET captured_at_ms = captured_at_ms + 1000 WHERE id = NEW.id")}},
      {"a crash is graded frozen",
       {after("UPDATE OF grade ON snapshots", "NEW.grade = 3",
              "UPDATE snapshots SET grade = 2 WHERE id = NEW.id")}},
      {"a guest is not thawed", {}, {pretending("agent.thaw"), pretending("ensure_thawed")}},
      {"a layer is not folded back", {}, {pretending("ensure_unpinned")}},
      {"a file is not deleted", {}, {pretending("ensure_deleted")}},
      {"an image is published without its file", {}, {pretending("ensure_published")}},
      {"a copy ends early and says nothing", {}, {pretending("ensure_copied")}},
      {"a guest is not destroyed", {}, {pretending("ensure_destroyed")}},
  };
}

}  // namespace

const std::vector<Sabotage>& sabotages() {
  static const std::vector<Sabotage> all = make();
  return all;
}

}  // namespace neph::cloud
