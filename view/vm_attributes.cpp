#include "view/internal/documents.h"

#include <fmt/format.h>

#include "compute/backups.h"

namespace neph::view {
namespace {

using compute::DiskKind;
using compute::SystemSnapshotWork;
using compute::VmDisk;
using snapshots::Phase;
using snapshots::Snapshot;

/// As OpenNebula shows a disk that is to become an image. A failed snapshot shows nothing: its
/// disk waits for a person, not for the VM.
void add_save_marks(text::Vector& disk, DiskId id, const std::vector<Snapshot>& open) {
  for (const auto& snapshot : open) {
    if (snapshot.disk != id || snapshots::is_over(snapshot.phase)) continue;
    if (snapshot.phase == Phase::kFailed || snapshot.phase == Phase::kCancelling) continue;
    const std::string image = std::to_string(snapshot.image.value);
    if (snapshot.kind == snapshots::Kind::kHot) {
      disk.inherit("HOTPLUG_SAVE_AS", image);
      continue;
    }
    disk.inherit("SAVE_AS", image);
    disk.set("SAVE", "YES");
  }
}

text::Vector shown_disk(const VmDisk& disk, const std::vector<Snapshot>& open) {
  text::Vector shown = disk.attributes;
  shown.inherit("DISK_ID", std::to_string(disk.id.value));
  if (!disk.target.empty()) shown.inherit("TARGET", disk.target);
  add_save_marks(shown, disk.id, open);
  return shown;
}

/// OpenNebula's clients look for the context disk in CONTEXT, never among the DISKs.
void place_context_disk(text::Template& shown, const VmDisk& disk) {
  const auto* written = shown.find_vector("CONTEXT");
  text::Vector context = written == nullptr ? text::Vector{} : *written;
  context.set("DISK_ID", std::to_string(disk.id.value));
  context.set("TARGET", disk.target);
  shown.set("CONTEXT", std::move(context));
}

void inherit_capacity(text::Template& shown, const compute::Vm& vm) {
  const auto inherit = [&](std::string_view name, std::string value) {
    if (!shown.has(name)) shown.set(name, std::move(value));
  };
  inherit("CPU", fmt::format("{:g}", vm.cpu));
  inherit("MEMORY", std::to_string(vm.memory_mb));
  if (vm.vcpus > 0) inherit("VCPU", std::to_string(vm.vcpus));
  if (vm.made_from.is_set()) inherit("TEMPLATE_ID", std::to_string(vm.made_from.value));
  shown.set("VMID", std::to_string(vm.id.value));
}

void inherit_uuid(text::Template& shown, const std::string& uuid) {
  if (uuid.empty()) return;
  const auto* written = shown.find_vector("OS");
  text::Vector os = written == nullptr ? text::Vector{} : *written;
  os.inherit("UUID", uuid);
  shown.set("OS", std::move(os));
}

std::string_view word_for(SystemSnapshotWork work) {
  switch (work) {
    case SystemSnapshotWork::kCreate: return "CREATE";
    case SystemSnapshotWork::kRevert: return "REVERT";
    case SystemSnapshotWork::kDelete: return "DELETE";
    case SystemSnapshotWork::kNone: break;
  }
  return "";
}

text::Vector shown_snapshot(const compute::SystemSnapshot& snapshot, compute::LcmState lcm) {
  text::Vector shown;
  const bool is_worked_on = snapshot.work != SystemSnapshotWork::kNone &&
                            lcm == compute::LcmState::kHotplugSnapshot;
  if (is_worked_on) {
    shown.set("ACTION", std::string(word_for(snapshot.work)));
    shown.set("ACTIVE", "YES");
  }
  shown.set("HYPERVISOR_ID", compute::hypervisor_name(snapshot));
  shown.set("NAME", snapshot.name);
  shown.set("SNAPSHOT_ID", std::to_string(snapshot.id));
  shown.set("SYSTEM_DISK_SIZE", std::to_string(snapshot.size_mb));
  shown.set("TIME", std::to_string(snapshot.created.seconds()));
  return shown;
}

}  // namespace

text::Template shown_attributes(const VmFacts& facts) {
  text::Template shown = facts.vm.attributes;
  shown.erase(compute::kBackupConfig);  // stands in BACKUPS
  inherit_capacity(shown, facts.vm);
  inherit_uuid(shown, facts.vm.uuid);
  if (!facts.history.empty()) shown.set("TM_MAD_SYSTEM", facts.history.back().tm_mad);
  for (const auto& disk : facts.disks) {
    if (disk.kind == DiskKind::kContext)
      place_context_disk(shown, disk);
    else
      shown.add("DISK", shown_disk(disk, facts.snapshots));
  }
  for (const auto& nic : facts.nics) {
    text::Vector vector = nic.attributes;
    vector.inherit("NIC_ID", std::to_string(nic.id.value));
    shown.add(compute::is_alias(nic) ? "NIC_ALIAS" : "NIC", std::move(vector));
  }
  for (const auto& rule : facts.security_rules) shown.add("SECURITY_GROUP_RULE", rule);
  for (const auto& snapshot : facts.system_snapshots) {
    shown.add("SNAPSHOT", shown_snapshot(snapshot, facts.vm.lcm));
  }
  return shown;
}

text::Template shown_user_attributes(const VmFacts& facts) {
  text::Template shown = facts.vm.user_attributes;
  if (!facts.vm.pending_reason.empty()) shown.set("SCHED_MESSAGE", facts.vm.pending_reason);
  if (!facts.vm.wait_reason.empty()) shown.set("WAIT_REASON", facts.vm.wait_reason);
  return shown;
}

}  // namespace neph::view
