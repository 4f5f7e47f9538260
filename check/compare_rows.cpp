#include <algorithm>

#include "check/internal/comparing.h"

namespace neph::check {
namespace {

using snapshots::Phase;

bool is_open(const Catalogue& rows, JobId job) {
  return job.is_set() && rows.open_jobs.contains(job);
}

/// Phases in which only a job moves a snapshot on. A failed one waits for a person, and an armed
/// one that lost its job would never fire.
bool needs_job(Phase phase) { return !snapshots::is_over(phase) && phase != Phase::kFailed; }

void judge_snapshots(const Catalogue& rows, Findings& findings) {
  for (const auto& [id, snapshot] : rows.snapshots) {
    if (!needs_job(snapshot.phase) || is_open(rows, snapshot.job)) continue;
    Finding finding;
    finding.kind = Kind::kIdleSnapshot;
    finding.severity = Severity::kError;
    finding.object = fmt::format("snapshot {}", id);
    finding.owner = owner_name(rows, snapshot.owner);
    finding.words = fmt::format("it is {}, and no job works on it; neph snapshot cancel {}",
                                snapshots::name_of(snapshot.phase), id);
    findings.push_back(std::move(finding));
  }
}

void judge_holds(const Catalogue& rows, Findings& findings) {
  for (const HoldRow& hold : rows.holds) {
    const auto snapshot = rows.snapshots.find(hold.snapshot);
    const bool is_gone = snapshot == rows.snapshots.end();
    if (!is_gone && !snapshots::is_over(snapshot->second.phase)) continue;
    // The copy is READY; its job still folds the layer back, and lets the disk go then.
    if (!is_gone && is_open(rows, snapshot->second.job)) continue;
    Finding finding;
    finding.kind = Kind::kDeadHold;
    finding.object = fmt::format("snapshot {}", hold.snapshot);
    finding.place = fmt::format("disk {} of VM {}", hold.disk, hold.vm);
    finding.owner = owner_of_vm(rows, hold.vm);
    finding.words = fmt::format("it holds {}, and {}", finding.place,
                                is_gone ? "is gone" : "is over");
    // A layer that was never folded back still needs the hold: a person has to look.
    const bool has_layer = !is_gone && !snapshot->second.pin_path.empty();
    if (!has_layer) finding.repair = Repair::kReleaseHold;
    findings.push_back(std::move(finding));
  }
}

void judge_vms(const Catalogue& rows, Findings& findings) {
  for (const auto& [id, vm] : rows.vms) {
    if (vm.stand.state != compute::VmState::kActive) continue;
    const auto* row = compute::find_recover_row(vm.stand.lcm);
    if (row == nullptr || row->is_failure || is_open(rows, vm.job)) continue;
    Finding finding;
    finding.kind = Kind::kIdleVm;
    finding.severity = Severity::kError;
    finding.object = fmt::format("VM {}", id);
    finding.owner = owner_name(rows, vm.owner);
    finding.words = fmt::format("it is {}, and no job works on it; neph vm recover {} --retry",
                                compute::name_of(vm.stand.lcm), id);
    findings.push_back(std::move(finding));
  }
}

bool has_snapshot_under_way(const Catalogue& rows, ImageId image) {
  return std::ranges::any_of(rows.snapshots, [&](const auto& entry) {
    return entry.second.image == image && !snapshots::is_over(entry.second.phase);
  });
}

void judge_images(const Catalogue& rows, Findings& findings) {
  for (const auto& [id, image] : rows.images) {
    const bool is_busy = image.state == datastore::ImageState::kLocked ||
                         image.state == datastore::ImageState::kDelete;
    if (!is_busy || is_open(rows, image.job) || has_snapshot_under_way(rows, id)) continue;
    Finding finding;
    finding.kind = Kind::kIdleImage;
    finding.severity = Severity::kError;
    finding.object = fmt::format("image {}", id);
    finding.place = image.source;
    finding.owner = owner_name(rows, image.owner);
    finding.words = fmt::format("it is {}, and no job works on it; neph image delete {}",
                                datastore::name_of(image.state), id);
    findings.push_back(std::move(finding));
  }
}

void judge_claims(const Catalogue& rows, Findings& findings) {
  for (const ClaimRow& claim : rows.claims) {
    if (is_open(rows, claim.job)) continue;
    Finding finding;
    finding.kind = Kind::kDeadClaim;
    finding.object = fmt::format("job {}", claim.job);
    finding.place = claim.resource;
    finding.words = fmt::format("it is over and still claims {}", claim.resource);
    finding.repair = Repair::kReleaseClaim;
    findings.push_back(std::move(finding));
  }
}

void judge_quotas(const Catalogue& rows, Findings& findings) {
  for (const QuotaSum& sum : rows.drifts) {
    Finding finding;
    finding.kind = Kind::kQuotaDrift;
    finding.object = sum.owner;
    finding.place = sum.what;
    finding.words = fmt::format("{} counts as {}, and the rows add up to {}", sum.what, sum.kept,
                                sum.counted);
    finding.repair = Repair::kRecount;
    findings.push_back(std::move(finding));
  }
}

void judge_retained(const Catalogue& rows, Findings& findings) {
  for (const DiskRow& disk : rows.disks) {
    if (!disk.is_retained || rows.busy_vms.contains(disk.vm)) continue;
    const bool is_wanted = std::ranges::any_of(rows.holds, [&](const HoldRow& hold) {
      return hold.vm == disk.vm && hold.disk == disk.id;
    });
    if (is_wanted) continue;
    Finding finding;
    finding.kind = Kind::kIdleRetainedDisk;
    finding.object = fmt::format("disk {} of VM {}", disk.id, disk.vm);
    finding.place = disk.path;
    finding.owner = owner_of_vm(rows, disk.vm);
    finding.words = "it is kept for a snapshot, and none holds it any more";
    findings.push_back(std::move(finding));
  }
}

}  // namespace

void compare_rows(const Catalogue& rows, const Seen& seen, Findings& findings) {
  for (const std::string& fault : seen.store_faults) {
    Finding finding;
    finding.kind = Kind::kDamagedStore;
    finding.severity = Severity::kError;
    finding.object = "state store";
    finding.place = fault;
    finding.words = fault + "; restore a backup: docs/operating.md";
    findings.push_back(std::move(finding));
  }
  judge_snapshots(rows, findings);
  judge_holds(rows, findings);
  judge_vms(rows, findings);
  judge_images(rows, findings);
  judge_claims(rows, findings);
  judge_quotas(rows, findings);
  judge_retained(rows, findings);
}

}  // namespace neph::check
