#include "check/findings.h"

#include <algorithm>
#include <tuple>

#include "check/internal/comparing.h"
#include "check/internal/names.h"

namespace neph::check {
namespace {

auto key_of(const Finding& finding) {
  return std::tie(finding.kind, finding.object, finding.place);
}

/// Below which datastore a path lies, nullptr for none.
const DatastoreRow* find_datastore_of(const Catalogue& rows, const std::string& path) {
  const auto found = std::ranges::find_if(rows.datastores, [&](const DatastoreRow& datastore) {
    return path.starts_with(datastore.base_path + "/");
  });
  return found == rows.datastores.end() ? nullptr : &*found;
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kDomainWithoutVm: return "domain-without-vm";
    case Kind::kVmWithoutDomain: return "vm-without-domain";
    case Kind::kDomainUnexpected: return "domain-unexpected";
    case Kind::kDomainTwice: return "domain-twice";
    case Kind::kWrongHost: return "wrong-host";
    case Kind::kOrphanFile: return "orphan-file";
    case Kind::kMissingFile: return "missing-file";
    case Kind::kWrongSize: return "wrong-size";
    case Kind::kLeftover: return "leftover";
    case Kind::kNeededFile: return "needed-file";
    case Kind::kDeadHold: return "dead-hold";
    case Kind::kIdleSnapshot: return "idle-snapshot";
    case Kind::kIdleVm: return "idle-vm";
    case Kind::kIdleImage: return "idle-image";
    case Kind::kDeadClaim: return "dead-claim";
    case Kind::kQuotaDrift: return "quota-drift";
    case Kind::kIdleRetainedDisk: return "idle-retained-disk";
    case Kind::kDamagedStore: return "damaged-store";
  }
  return "unknown";
}

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::kNotice: return "notice";
    case Severity::kWarning: return "warning";
    case Severity::kError: return "error";
  }
  return "unknown";
}

std::string owner_name(const Catalogue& rows, UserId user) {
  const auto found = rows.user_names.find(user);
  return found == rows.user_names.end() ? std::string{} : found->second;
}

std::string owner_of_vm(const Catalogue& rows, VmId vm) {
  const auto found = rows.vms.find(vm);
  return found == rows.vms.end() ? std::string{} : owner_name(rows, found->second.owner);
}

std::string host_name(const Catalogue& rows, HostId host) {
  const auto found = std::ranges::find(rows.hosts, host, &HostRow::id);
  return found == rows.hosts.end() ? fmt::format("host {}", host) : found->name;
}

std::vector<Finding> compare(const Catalogue& rows, const Seen& seen) {
  Findings findings;
  compare_rows(rows, seen, findings);
  compare_domains(rows, seen, findings);
  compare_files(rows, seen, findings);
  std::ranges::stable_sort(findings, [](const Finding& a, const Finding& b) {
    return std::tie(b.severity, a.kind) < std::tie(a.severity, b.kind);
  });
  return findings;
}

std::vector<Finding> lasting(const std::vector<Finding>& before, std::vector<Finding> after) {
  std::set<std::tuple<Kind, std::string, std::string>> known;
  for (const Finding& finding : before) known.insert(key_of(finding));
  std::erase_if(after, [&](const Finding& finding) {
    return !known.contains(std::tuple<Kind, std::string, std::string>(key_of(finding)));
  });
  return after;
}

Result<void> may_remove(const Catalogue& rows, const Seen& seen, const std::string& path) {
  if (find_datastore_of(rows, path) == nullptr)
    return fail(Errc::kNotFound, "{} lies in no datastore", path);
  if (named_paths(rows).contains(path))
    return fail(Errc::kConflict, "{} belongs to an object of the catalogue; delete that", path);
  const auto found = seen.files.find(path);
  if (found == seen.files.end() || found->second.is_missing)
    return fail(Errc::kNotFound, "there is no file {}", path);
  for (const auto& [other, file] : seen.files) {
    if (file.backing_path == path)
      return fail(Errc::kConflict, "{} cannot be removed: {} stands on it", path, other);
  }
  if (const auto part = unfinished_from(path); part && is_worked_on(rows, *part))
    return fail(Errc::kConflict, "{} is being written by a job", path);
  if (const auto vm = vm_of_path(rows, path); vm && rows.busy_vms.contains(*vm))
    return fail(Errc::kConflict, "{} cannot be removed while a job works on VM {}", path, *vm);
  if (!seen.unseen.empty())
    return fail(Errc::kWrongState, "{} may be in use: {} could not be looked at ({})", path,
                seen.unseen.front().place, seen.unseen.front().reason);
  if (const auto* stranger = find_stranger(rows, seen))
    return fail(Errc::kWrongState,
                "{} may be in use by domain {} on {}, which no VM is; end that first", path,
                stranger->name, host_name(rows, stranger->host));
  return {};
}

}  // namespace neph::check
