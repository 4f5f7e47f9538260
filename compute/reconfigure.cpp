#include <algorithm>
#include <array>

#include "access/quota.h"
#include "compute/backups.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/changes.h"
#include "compute/internal/factory.h"
#include "compute/restricted.h"
#include "compute/vm_service.h"

/// What a guest finds at its next start: capacity and configuration.
namespace neph::compute {
namespace {

/// Attributes that updateconf changes (OpenNebula 7.4). Others are refused by name.
constexpr auto kConfigurable = std::to_array<std::string_view>(
    {"OS", "FEATURES", "INPUT", "GRAPHICS", "VIDEO", "RAW", "CPU_MODEL", "CONTEXT",
     kBackupConfig});

constexpr auto kCapacity = std::to_array<std::string_view>({"CPU", "VCPU", "MEMORY"});

bool counts_as_running(VmState state) {
  return state == VmState::kPending || state == VmState::kHold || state == VmState::kActive ||
         state == VmState::kCloning;
}

Result<void> check_quota(db::Txn& txn, const Vm& before, const Vm& after) {
  const double cpu = after.cpu - before.cpu;
  const auto memory = static_cast<double>(after.memory_mb - before.memory_mb);
  std::vector<access::QuotaCharge> charges{{"VM", "", "CPU", cpu}, {"VM", "", "MEMORY", memory}};
  if (counts_as_running(before.state)) {
    charges.push_back({"VM", "", "RUNNING_CPU", cpu});
    charges.push_back({"VM", "", "RUNNING_MEMORY", memory});
  }
  return access::check_quota(txn, before.owner, before.group, charges);
}

/// A VM that is off keeps its place on its host.
Result<void> check_host_room(db::Txn& txn, const Vm& before, const Vm& after) {
  if (before.state != VmState::kPoweroff || !before.host.is_set()) return {};
  const Host host = TRY(find_host(txn, before.host));
  const auto cluster = TRY(find_cluster(txn, host.cluster));
  const Capacity most = capacity_of(host, cluster.attributes);
  const HostUse use = host_use(txn, host.id);
  const auto cpu = static_cast<std::int64_t>((after.cpu - before.cpu) * 100);
  const std::int64_t memory_kb = (after.memory_mb - before.memory_mb) * 1024;
  if (cpu > 0 && use.cpu_percent + cpu > most.cpu_percent) {
    return fail(Errc::kWrongState, "host {} lacks CPU: {} % more needed, {} % free", host.name,
                cpu, most.cpu_percent - use.cpu_percent);
  }
  if (memory_kb > 0 && use.memory_kb + memory_kb > most.memory_kb) {
    return fail(Errc::kWrongState, "host {} lacks memory: {} KB more needed, {} KB free",
                host.name, memory_kb, most.memory_kb - use.memory_kb);
  }
  return {};
}

/// The capacity that is asked for, with what is not said as it was.
text::Template capacity_ask(const Vm& vm, const text::Template& ask) {
  text::Template whole;
  whole.set("CPU", ask.get("CPU", fmt::format("{:g}", vm.cpu)));
  whole.set("VCPU", ask.get("VCPU", fmt::format("{}", vm.vcpus)));
  whole.set("MEMORY", ask.get("MEMORY", fmt::format("{}", vm.memory_mb)));
  return whole;
}

Result<void> check_names(const text::Template& ask) {
  for (const auto& attribute : ask.attributes()) {
    if (std::ranges::find(kConfigurable, attribute.name) != kConfigurable.end()) continue;
    return fail(Errc::kInvalid, "{} cannot be changed by updateconf", attribute.name);
  }
  return {};
}

/// The configuration as it would be, ready to be read like that of a new VM.
text::Template merged(const Vm& vm, const text::Template& ask, bool is_append) {
  text::Template whole;
  for (const auto name : kConfigurable) {
    const bool is_said = ask.has(name);
    const auto old = vm.attributes.vectors(name);
    const auto fresh = ask.vectors(name);
    if (!is_said && is_append) {
      for (const auto* vector : old) whole.add(name, *vector);
      continue;
    }
    for (std::size_t at = 0; at < fresh.size(); ++at) {
      text::Vector vector = is_append && at < old.size() ? *old[at] : text::Vector{};
      for (const auto& [key, value] : fresh[at]->items()) vector.set(key, value);
      whole.add(name, std::move(vector));
    }
  }
  return whole;
}

/// A VM keeps its identity, and the numbers of the disk that its context is on.
void keep_own(const Vm& vm, text::Template& whole) {
  const auto* os = whole.find_vector("OS");
  text::Vector kept_os = os == nullptr ? text::Vector{} : *os;
  kept_os.erase("UUID");
  whole.set("OS", std::move(kept_os));
  const auto* before = vm.attributes.find_vector("CONTEXT");
  const auto* context = whole.find_vector("CONTEXT");
  if (before == nullptr || context == nullptr) return;
  text::Vector kept = *context;
  for (const auto* key : {"DISK_ID", "TARGET"}) {
    if (before->has(key)) kept.set(key, before->get(key));
  }
  whole.set("CONTEXT", std::move(kept));
}

/// Of the last backup only the server writes.
Result<void> keep_backup_config(const Vm& vm, const text::Template& ask, text::Template& whole) {
  const auto* asked = whole.find_vector(kBackupConfig);
  auto changed = changed_backup_config(vm, asked == nullptr ? text::Vector{} : *asked);
  if (ask.has(kBackupConfig)) TRY(read_backup_config(changed));
  whole.erase(kBackupConfig);
  if (!changed.items().empty()) whole.set(kBackupConfig, std::move(changed));
  return {};
}

Result<void> check_context(const std::vector<VmDisk>& disks, const text::Template& whole) {
  const auto is_context = [](const VmDisk& disk) { return disk.kind == DiskKind::kContext; };
  const bool has_disk = std::ranges::any_of(disks, is_context);
  const bool has_context = whole.find_vector("CONTEXT") != nullptr;
  if (has_disk == has_context || !has_context) return {};
  return fail(Errc::kWrongState,
              "the virtual machine was made without CONTEXT and has no disk for it");
}

void take_over(Vm& vm, const Vm& read, const text::Template& whole) {
  for (const auto name : kConfigurable) {
    vm.attributes.erase(name);
    // Read attributes have their defaults; the others are as they were written.
    const auto& source = read.attributes.has(name) ? read.attributes : whole;
    for (const auto* vector : source.vectors(name)) vm.attributes.add(name, *vector);
  }
  text::Vector os = *vm.attributes.find_vector("OS");
  os.set("UUID", vm.uuid);
  vm.attributes.set("OS", std::move(os));
}

}  // namespace

Result<void> VmService::resize(db::Txn& txn, const access::Actor& actor, VmId id,
                               const text::Template& ask, HostRoom room) {
  Vm vm = TRY(find_vm(txn, id));
  TRY(internal::check_change(vm, Change::kResize));
  CHECK_OK(check_restricted(actor, settings_.restricted_attributes, ask, vm.attributes,
                            "VM Template"));
  CHECK_OK(check_provided(ask));
  const Vm before = vm;
  CHECK_OK(read_capacity(capacity_ask(vm, ask), vm));
  CHECK_OK(check_quota(txn, before, vm));
  if (room == HostRoom::kEnforced) CHECK_OK(check_host_room(txn, before, vm));
  for (const auto name : kCapacity) {
    if (ask.has(name)) vm.attributes.set(name, ask.get(name));
  }
  save_vm(txn, vm);
  return {};
}

Result<void> VmService::update_conf(db::Txn& txn, const access::Actor& actor, VmId id,
                                    const text::Template& ask, bool is_append) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(internal::check_change(vm, Change::kUpdateConf));
  CHECK_OK(check_names(ask));
  CHECK_OK(check_restricted(actor, settings_.restricted_attributes, ask, vm.attributes,
                            "VM Template"));
  text::Template whole = merged(vm, ask, is_append);
  keep_own(vm, whole);
  CHECK_OK(keep_backup_config(vm, ask, whole));
  Reading reading{txn, actor, settings_, whole, {}, {}};
  reading.fresh.disks = list_disks(txn, id);
  reading.fresh.nics = list_nics(txn, id);
  CHECK_OK(check_context(reading.fresh.disks, whole));
  CHECK_OK(read_machine(reading));
  for (auto& disk : reading.fresh.disks) disk.attributes.erase("ORDER");
  for (auto& nic : reading.fresh.nics) nic.attributes.erase("ORDER");
  CHECK_OK(read_boot_order(reading));
  take_over(vm, reading.fresh.vm, whole);
  fill_in_variables(txn, vm, reading.fresh);
  for (const auto& disk : reading.fresh.disks) save_disk(txn, disk);
  for (const auto& nic : reading.fresh.nics) save_nic(txn, nic);
  save_vm(txn, vm);
  const bool has_disk = std::ranges::any_of(reading.fresh.disks, [](const VmDisk& disk) {
    return disk.kind == DiskKind::kContext && disk.is_present;
  });
  if (has_disk && ask.has("CONTEXT") && row->from.state != VmState::kStopped &&
      row->from.state != VmState::kUndeployed) {
    internal::enqueue_context(txn, vm, actor.user);
  }
  return {};
}

}  // namespace neph::compute
