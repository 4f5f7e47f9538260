#include <algorithm>

#include "access/quota.h"
#include "compute/guest_facts.h"
#include "compute/host.h"
#include "compute/internal/changes.h"
#include "compute/internal/factory.h"
#include "compute/internal/vm_rows.h"
#include "compute/restricted.h"
#include "compute/vm_service.h"
#include "network/leases.h"

/// What is asked of disks and NICs of a VM that exists.
namespace neph::compute {
namespace {

using hypervisor_driver::Operation;
using internal::check_change;
using internal::check_supported;

/// The one vector of that name. \returns kWrongState when there is none, or more
Result<text::Vector> only_vector(const text::Template& ask, std::string_view name) {
  const auto vectors = ask.vectors(name);
  if (vectors.size() == 1) return *vectors.front();
  return fail(Errc::kWrongState, "the template has {} {} attributes, and one is needed",
              vectors.size(), name);
}

/// The one NIC or NIC_ALIAS.
Result<text::Vector> only_nic(const text::Template& ask) {
  if (!ask.has("NIC_ALIAS")) return only_vector(ask, "NIC");
  if (!ask.has("NIC")) return only_vector(ask, "NIC_ALIAS");
  return fail(Errc::kWrongState, "the template has NIC and NIC_ALIAS, and one is needed");
}

/// The VM as a template is read for it.
Reading reading_for(db::Txn& txn, const access::Actor& actor, const Settings& settings,
                    const text::Template& ask, const Vm& vm) {
  Reading reading{txn, actor, settings, ask, {}, {}};
  reading.fresh.vm = vm;
  reading.fresh.disks = list_disks(txn, vm.id);
  reading.fresh.nics = list_nics(txn, vm.id);
  return reading;
}

Result<void> check_arrived(const NewVm& fresh) {
  if (fresh.waits_for.empty()) return {};
  return fail(Errc::kWrongState, "image {} is still being copied: attach it when it is READY",
              fresh.waits_for.front());
}

Result<void> check_reach(db::Txn& txn, const Reading& reading) {
  const Host host = TRY(find_host(txn, reading.fresh.vm.host));
  for (const auto& home : reading.homes) {
    if (home.clusters.empty()) continue;
    if (std::ranges::find(home.clusters, host.cluster) != home.clusters.end()) continue;
    return fail(Errc::kWrongState, "{} is not in cluster {} of host {}", home.what, host.cluster,
                host.name);
  }
  return {};
}

Result<void> check_room(db::Txn& txn, const Vm& vm, const VmDisk& disk) {
  std::vector<access::QuotaCharge> charges{
      {"VM", "", "SYSTEM_DISK_SIZE", static_cast<double>(internal::system_mb_of(disk))}};
  if (disk.image.is_set()) {
    charges.push_back({"IMAGE", fmt::format("{}", disk.image), "RVMS", 1});
  }
  return access::check_quota(txn, vm.owner, vm.group, charges);
}

/// The address of a NIC that wants one of a network.
Result<void> take_lease(db::Txn& txn, Reading& reading, VmNic& nic) {
  const Vm& vm = reading.fresh.vm;
  for (auto& ask : reading.fresh.nic_asks) {
    CHECK_OK(access::check_quota(txn, vm.owner, vm.group, {network::charge_of(ask)}));
    ask.attributes = nic.attributes;
    nic.attributes = TRY(network::take_lease(txn, ask, vm.id));
  }
  return {};
}

template <class Device>
std::int64_t next_number(const std::vector<Device>& devices) {
  std::int64_t next = 0;
  for (const auto& device : devices) next = std::max(next, device.id.value + 1);
  return next;
}

/// A file is written from the first moment on: what was known of a persistent image's content
/// holds no more.
void mark_modified(db::Txn& txn, const VmDisk& disk) {
  if (!disk.is_persistent) return;
  auto image = datastore::find_image(txn, disk.image);
  if (!image) return;
  image->modified_by = disk.vm;
  datastore::save_image(txn, *image);
}

Result<VmDisk> with_path(db::Txn& txn, const VmDisk& disk) {
  VmPlan plan = TRY(plan_of(txn, disk.vm));
  plan.disks = {disk};
  // The plan knows the images of the disks that the VM has already.
  if (disk.image.is_set()) plan.images = {TRY(datastore::find_image(txn, disk.image))};
  assign_paths(plan);
  return plan.disks.front();
}

/// A NIC as it is shown, unless the VM does not have it.
Result<VmNic> find_changeable_nic(db::Txn& txn, VmId vm, NicId id) {
  for (VmNic& nic : list_nics(txn, vm)) {
    if (nic.id == id) return std::move(nic);
  }
  return fail(Errc::kWrongState, "virtual machine [{}] has no NIC {}", vm, id);
}

/// A NIC without a network, as it is written now.
Result<VmNic> changed_plain_nic(Reading& reading, const VmNic& before, const text::Vector& written,
                                bool is_append) {
  if (network::wants_network(written)) {
    return fail(Errc::kWrongState,
                "NIC {} of virtual machine [{}] is in no virtual network: detach it and attach one "
                "that is",
                before.id, before.vm);
  }
  VmNic nic = before;
  if (!is_append) nic.attributes = {};
  for (const auto& [key, value] : written.items()) nic.attributes.set(key, value);
  // What a NIC is known by does not change while it is there.
  for (const auto* key : {"MAC", "NIC_ID", "NAME", "TARGET", "MODEL"}) {
    if (before.attributes.has(key)) nic.attributes.set(key, before.attributes.get(key));
  }
  CHECK_OK(read_one_nic(reading, std::move(nic)));
  VmNic changed = reading.fresh.nics.back();
  const auto* order = before.attributes.find("ORDER");
  if (order != nullptr) changed.attributes.set("ORDER", *order);
  return changed;
}

Result<VmNic> changed_nic(Reading& reading, const VmNic& before, const text::Vector& written,
                          bool is_append) {
  if (!network::wants_network(before.attributes)) {
    return changed_plain_nic(reading, before, written, is_append);
  }
  VmNic nic = before;
  nic.attributes = TRY(network::change_nic(
      reading.txn, before.attributes, written,
      is_append ? network::NicChange::kMerge : network::NicChange::kReplace));
  return nic;
}

/// Nothing of it reaches the hypervisor, so it is done at once.
Result<void> change_groups(db::Txn& txn, VmId id, NicId nic_id, SecurityGroupId group,
                           Change change, decltype(&network::join_group) join_or_leave) {
  TRY(check_change(TRY(find_vm(txn, id)), change));
  VmNic nic = TRY(find_changeable_nic(txn, id, nic_id));
  nic.attributes = TRY(join_or_leave(txn, id, nic_id, nic.attributes, group));
  save_nic(txn, nic);
  return {};
}

internal::NewChange nic_change(std::string_view change, NicId nic, UserId by) {
  internal::NewChange fresh{"vm.nic", {}, by};
  fresh.args.set("NIC", fmt::format("{}", nic));
  fresh.args.set("CHANGE", std::string(change));
  return fresh;
}

/// The change of a running guest waits for a snapshot that is being taken; one at rest does not,
/// for the VM could not be started meanwhile.
Result<void> check_disk_will_be_free(db::Txn& txn, const VmDisk& disk, const ChangeRow& row,
                                     std::string_view what) {
  if (may_run(row.busy)) return internal::check_disk_not_armed(txn, disk, what);
  return internal::check_disk_free(txn, disk, internal::Armed::kRefused, what);
}

internal::NewChange disk_change(std::string_view kind, DiskId disk, UserId by) {
  internal::NewChange fresh{std::string(kind), {}, by};
  fresh.args.set("DISK", fmt::format("{}", disk));
  return fresh;
}

}  // namespace

Result<void> VmService::attach_disk(db::Txn& txn, const access::Actor& actor, VmId id,
                                    const text::Template& ask) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(check_change(vm, Change::kAttachDisk));
  if (may_run(row->busy)) {
    CHECK_OK(check_supported(txn, drivers_, vm, Operation::kDiskHotplug));
  }
  const text::Vector written = TRY(only_vector(ask, "DISK"));
  CHECK_OK(check_restricted(actor, settings_.restricted_attributes, ask, {}, "VM Template"));
  Reading reading = reading_for(txn, actor, settings_, ask, vm);
  VmDisk disk;
  disk.vm = id;
  disk.id = DiskId{take_vm_number(txn, id, "disk", next_number(reading.fresh.disks))};
  disk.attributes = written;
  CHECK_OK(read_one_disk(reading, std::move(disk)));
  CHECK_OK(check_arrived(reading.fresh));
  CHECK_OK(check_reach(txn, reading));
  disk = TRY(with_path(txn, reading.fresh.disks.back()));
  CHECK_OK(check_room(txn, vm, disk));
  vm.disk_mb += internal::system_mb_of(disk);
  // From here on its file may be there, whatever becomes of the VM.
  disk.is_present = true;
  disk.attributes.set("ATTACH", "YES");
  save_disk(txn, disk);
  mark_modified(txn, disk);
  internal::begin_change(txn, vm, *row, disk_change("vm.attach", disk.id, actor.user));
  return {};
}

Result<void> VmService::detach_disk(db::Txn& txn, UserId by, VmId id, DiskId disk_id) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(check_change(vm, Change::kDetachDisk));
  VmDisk disk = TRY(internal::find_changeable_disk(txn, id, disk_id));
  CHECK_OK(check_disk_will_be_free(txn, disk, *row, "be detached"));
  CHECK_OK(internal::check_no_system_snapshots(txn, id, "be detached"));
  if (may_run(row->busy)) {
    CHECK_OK(check_supported(txn, drivers_, vm, Operation::kDiskHotplug));
  }
  disk.attributes.set("ATTACH", "YES");
  save_disk(txn, disk);
  internal::begin_change(txn, vm, *row, disk_change("vm.detach", disk_id, by));
  return {};
}

Result<void> VmService::attach_nic(db::Txn& txn, const access::Actor& actor, VmId id,
                                   const text::Template& ask) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(check_change(vm, Change::kAttachNic));
  const bool brings_alias = ask.has("NIC_ALIAS");
  // The guest has no device of an alias.
  const bool is_plugged = may_run(row->busy) && !brings_alias;
  if (is_plugged) CHECK_OK(check_supported(txn, drivers_, vm, Operation::kNicHotplug));
  CHECK_OK(check_provided(ask));
  CHECK_OK(check_restricted(actor, settings_.restricted_attributes, ask, {}, "VM Template"));
  Reading reading = reading_for(txn, actor, settings_, ask, vm);
  VmNic nic;
  nic.vm = id;
  nic.id = NicId{take_vm_number(txn, id, "nic", next_number(reading.fresh.nics))};
  nic.attributes = TRY(only_nic(ask));
  CHECK_OK((brings_alias ? read_one_alias : read_one_nic)(reading, std::move(nic)));
  nic = reading.fresh.nics.back();
  nic.attributes.set("TARGET", nic_target(id, nic));
  CHECK_OK(check_reach(txn, reading));
  CHECK_OK(take_lease(txn, reading, nic));
  if (is_plugged) nic.attributes.set("ATTACH", "YES");
  save_nic(txn, nic);
  complete_network_context(txn, vm);
  if (is_plugged) {
    internal::begin_change(txn, vm, *row, nic_change("ATTACH", nic.id, actor.user));
  } else {
    save_vm(txn, vm);
  }
  return {};
}

Result<void> VmService::detach_nic(db::Txn& txn, UserId by, VmId id, NicId nic_id) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(check_change(vm, Change::kDetachNic));
  VmNic nic = TRY(find_changeable_nic(txn, id, nic_id));
  if (is_alias(nic) || !may_run(row->busy)) {
    internal::remove_nic(txn, vm, nic);
    save_vm(txn, vm);
    return {};
  }
  CHECK_OK(check_supported(txn, drivers_, vm, Operation::kNicHotplug));
  nic.attributes.set("ATTACH", "YES");
  save_nic(txn, nic);
  internal::begin_change(txn, vm, *row, nic_change("DETACH", nic_id, by));
  return {};
}

Result<void> VmService::update_nic(db::Txn& txn, const access::Actor& actor, VmId id,
                                   NicId nic_id, const text::Template& ask, bool is_append) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(check_change(vm, Change::kUpdateNic));
  const bool is_running = may_run(row->busy);
  if (is_running) CHECK_OK(check_supported(txn, drivers_, vm, Operation::kNicUpdate));
  const text::Vector written = TRY(only_vector(ask, "NIC"));
  const VmNic before = TRY(find_changeable_nic(txn, id, nic_id));
  if (is_alias(before)) {
    return fail(Errc::kWrongState,
                "NIC {} of virtual machine [{}] is an alias of NIC {}: detach it, attach another",
                nic_id, id, before.attributes.get("PARENT_ID"));
  }
  text::Template known;
  known.add("NIC", before.attributes);
  CHECK_OK(check_restricted(actor, settings_.restricted_attributes, ask, known, "VM Template"));
  Reading reading = reading_for(txn, actor, settings_, ask, vm);
  VmNic nic = TRY(changed_nic(reading, before, written, is_append));
  if (is_running) nic.attributes.set("ATTACH", "YES");
  save_nic(txn, nic);
  if (!is_running) return {};
  auto change = nic_change("UPDATE", nic_id, actor.user);
  change.args.set("BEFORE", before.attributes);
  internal::begin_change(txn, vm, *row, change);
  return {};
}

Result<void> VmService::attach_security_group(db::Txn& txn, VmId id, NicId nic,
                                              SecurityGroupId group) {
  return change_groups(txn, id, nic, group, Change::kAttachGroup, &network::join_group);
}

Result<void> VmService::detach_security_group(db::Txn& txn, VmId id, NicId nic,
                                              SecurityGroupId group) {
  return change_groups(txn, id, nic, group, Change::kDetachGroup, &network::leave_group);
}

Result<void> VmService::resize_disk(db::Txn& txn, UserId by, VmId id, DiskId disk_id,
                                    std::int64_t size_mb) {
  Vm vm = TRY(find_vm(txn, id));
  const ChangeRow* row = TRY(check_change(vm, Change::kResizeDisk));
  VmDisk disk = TRY(internal::find_changeable_disk(txn, id, disk_id));
  if (disk.kind == DiskKind::kCdrom) {
    return fail(Errc::kWrongState, "disk {} of virtual machine [{}] is a CD-ROM", disk_id, id);
  }
  if (size_mb <= disk.size_mb) {
    return fail(Errc::kWrongState,
                "disk {} of virtual machine [{}] has {} MB and can only become larger, not {} MB",
                disk_id, id, disk.size_mb, size_mb);
  }
  CHECK_OK(check_disk_will_be_free(txn, disk, *row, "be resized"));
  CHECK_OK(internal::check_no_system_snapshots(txn, id, "be resized"));
  if (may_run(row->busy)) CHECK_OK(check_supported(txn, drivers_, vm, Operation::kDiskResize));
  auto change = disk_change("vm.diskresize", disk_id, by);
  change.args.set("SIZE_PREV", fmt::format("{}", disk.size_mb));
  CHECK_OK(internal::charge_size(txn, vm, disk, size_mb));
  disk.attributes.set("RESIZE", "YES");
  save_disk(txn, disk);
  internal::begin_change(txn, vm, *row, change);
  return {};
}

}  // namespace neph::compute
