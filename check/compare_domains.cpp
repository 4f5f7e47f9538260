#include <algorithm>

#include "check/internal/comparing.h"
#include "check/internal/names.h"

namespace neph::check {
namespace {

using compute::VmState;
using hypervisor_driver::Power;

bool is_alive(const SeenDomain& domain) {
  return domain.power == Power::kRunning || domain.power == Power::kPaused ||
         domain.power == Power::kCrashed;
}

Finding about(const Catalogue& rows, Kind kind, const SeenDomain& domain, VmId vm) {
  Finding finding;
  finding.kind = kind;
  finding.severity = Severity::kError;
  finding.object = fmt::format("VM {}", vm);
  finding.place = host_name(rows, domain.host);
  finding.owner = owner_of_vm(rows, vm);
  return finding;
}

/// No VM of the catalogue is this domain: why, or empty when one is.
std::string why_strange(const Catalogue& rows, const SeenDomain& domain, VmId vm) {
  const auto row = rows.vms.find(vm);
  if (row == rows.vms.end()) return "there is no such VM";
  if (row->second.stand.state == VmState::kDone) return "that VM is DONE";
  const bool is_other = !row->second.uuid.empty() && !domain.uuid.empty() &&
                        row->second.uuid != domain.uuid;
  if (is_other) return fmt::format("its UUID {} is not that VM's", domain.uuid);
  return {};
}

/// Whether the guest should be somewhere now. Moving ones have a job, and are left out.
bool should_run(const VmRow& vm) {
  return vm.stand == compute::active(compute::LcmState::kRunning);
}

bool may_run(const VmRow& vm) {
  return vm.stand.state == VmState::kActive;
}

void judge(const Catalogue& rows, const SeenDomain& domain, VmId id, Findings& findings) {
  if (const auto why = why_strange(rows, domain, id); !why.empty()) {
    auto finding = about(rows, Kind::kDomainWithoutVm, domain, id);
    if (!is_alive(domain)) finding.severity = Severity::kWarning;
    finding.words = fmt::format("domain {} {}, and {}; look at it with virsh, it is left alone",
                                domain.name, is_alive(domain) ? "runs" : "is defined", why);
    findings.push_back(std::move(finding));
    return;
  }
  const VmRow& vm = rows.vms.at(id);
  if (!is_alive(domain)) return;
  if (may_run(vm) && vm.host != domain.host) {
    auto finding = about(rows, Kind::kWrongHost, domain, id);
    finding.words = fmt::format("its guest runs on {}, and the catalogue has it on {}",
                                finding.place, host_name(rows, vm.host));
    findings.push_back(std::move(finding));
  }
  if (may_run(vm)) return;
  auto finding = about(rows, Kind::kDomainUnexpected, domain, id);
  finding.words = fmt::format("its guest runs although it is {}",
                              compute::shown_name(vm.stand.state, vm.stand.lcm));
  findings.push_back(std::move(finding));
}

void find_absent(const Catalogue& rows, const Seen& seen, const std::set<VmId>& alive,
                 Findings& findings) {
  for (const auto& [id, vm] : rows.vms) {
    if (!should_run(vm) || alive.contains(id) || rows.busy_vms.contains(id)) continue;
    if (!seen.hosts.contains(vm.host)) continue;
    Finding finding;
    finding.kind = Kind::kVmWithoutDomain;
    finding.severity = Severity::kError;
    finding.object = fmt::format("VM {}", id);
    finding.place = host_name(rows, vm.host);
    finding.owner = owner_name(rows, vm.owner);
    finding.words = fmt::format("it is RUNNING, and {} has no such guest", finding.place);
    findings.push_back(std::move(finding));
  }
}

}  // namespace

const SeenDomain* find_stranger(const Catalogue& rows, const Seen& seen) {
  for (const SeenDomain& domain : seen.domains) {
    const auto id = compute::vm_of_domain(domain.name);
    if (id && is_alive(domain) && !why_strange(rows, domain, *id).empty()) return &domain;
  }
  return nullptr;
}

void compare_domains(const Catalogue& rows, const Seen& seen, Findings& findings) {
  std::map<VmId, std::vector<const SeenDomain*>> places;
  std::set<VmId> alive;
  for (const SeenDomain& domain : seen.domains) {
    const auto id = compute::vm_of_domain(domain.name);
    if (!id) continue;
    if (is_alive(domain)) {
      alive.insert(*id);
      places[*id].push_back(&domain);
    }
    if (!rows.busy_vms.contains(*id)) judge(rows, domain, *id, findings);
  }
  for (const auto& [id, domains] : places) {
    if (domains.size() < 2 || rows.busy_vms.contains(id)) continue;
    auto finding = about(rows, Kind::kDomainTwice, *domains.front(), id);
    finding.words = fmt::format("it runs on {} and on {}: two guests write to one disk",
                                finding.place, host_name(rows, domains[1]->host));
    findings.push_back(std::move(finding));
  }
  find_absent(rows, seen, alive, findings);
}

}  // namespace neph::check
