#include "drivers/sim_world/faults.h"

#include <array>
#include <utility>

namespace neph::sim {
namespace {

struct KindRow {
  FaultKind kind;
  std::string_view name;
  std::string_view verb;  // struck when the order names none
};

constexpr auto kKinds = std::to_array<KindRow>({
    {FaultKind::kError, "error", "*"},
    {FaultKind::kLostAnswer, "lost-answer", "*"},
    {FaultKind::kCopyStalls, "copy-stalls", "ensure_copied"},
    {FaultKind::kCopyFails, "copy-fails", "ensure_copied"},
    {FaultKind::kDiskFull, "disk-full", "ensure_copied"},
    {FaultKind::kFreezeHangs, "freeze-hangs", "agent.freeze"},
    {FaultKind::kThawFails, "thaw-fails", "agent.thaw"},
    {FaultKind::kHostUnreachable, "host-unreachable", "*"},
    {FaultKind::kHostHangs, "host-hangs", "*"},
    {FaultKind::kHostDies, "host-dies", "*"},
    {FaultKind::kDomainVanishes, "domain-vanishes", "*"},
    {FaultKind::kPretends, "pretends", "ensure_copied"},
});

bool concerns(const Fault& fault, const Scene& scene) {
  if (fault.verb != "*" && fault.verb != scene.verb) return false;
  if (fault.subject.empty()) return true;
  return fault.subject == scene.host || fault.subject == scene.domain ||
         fault.subject == scene.path || fault.subject == scene.source_path;
}

}  // namespace

std::string_view name_of(FaultKind kind) {
  for (const KindRow& row : kKinds)
    if (row.kind == kind) return row.name;
  return "unknown";
}

Result<FaultKind> fault_kind_from(std::string_view name) {
  for (const KindRow& row : kKinds)
    if (row.name == name) return row.kind;
  return fail(Errc::kInvalid, "there is no fault named \"{}\"", name);
}

const Fault* Struck::find(FaultKind kind) const {
  for (const Fault& fault : faults_)
    if (fault.kind == kind) return &fault;
  return nullptr;
}

void FaultPlan::inject(Fault fault) {
  for (const KindRow& row : kKinds)
    if (row.kind == fault.kind && fault.verb.empty()) fault.verb = row.verb;
  orders_.push_back(std::move(fault));
}

Struck FaultPlan::strike(const Scene& scene) {
  std::vector<Fault> striking;
  for (Fault& order : orders_) {
    if (!concerns(order, scene)) continue;
    if (order.after > 0) {
      --order.after;
      continue;
    }
    striking.push_back(order);
    if (order.times != kAlways) --order.times;
  }
  std::erase_if(orders_, [](const Fault& order) { return order.times == 0; });
  return Struck{std::move(striking)};
}

}  // namespace neph::sim
