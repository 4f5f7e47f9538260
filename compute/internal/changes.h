#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compute/internal/vm_jobs.h"
#include "compute/vm_factory.h"
#include "compute/vm_service.h"
#include "jobs/queue.h"

/// What all changes of a VM have in common: operations after which, done or failed, it is in the
/// state that it was found in. Store lane.
namespace neph::compute::internal {

/// Arguments of a job of that name are files, to be deleted in its step "remove".
inline constexpr std::string_view kFile = "FILE";

/// \returns kWrongState in the words of OpenNebula
[[nodiscard]] Result<const ChangeRow*> check_change(const Vm& vm, Change change);
/// Before anything changes: a running guest is only touched in ways its driver knows.
/// \returns kWrongState "... is not supported by the hypervisor driver kvm"
[[nodiscard]] Result<void> check_supported(db::Txn& txn, const DriverCatalogue& drivers,
                                           const Vm& vm,
                                           hypervisor_driver::Operation operation);
/// Nobody may change, remove or fold the layers of a disk while a snapshot needs them.
/// \param what  "be detached"
/// \returns kWrongState naming the snapshot, or the job at its layers
enum class Armed { kRefused, kAllowed };
[[nodiscard]] Result<void> check_disk_free(db::Txn& txn, const VmDisk& disk, Armed armed,
                                           std::string_view what);
/// The same for a running guest, whose change waits in its job until the disk is free: what is
/// refused at once is only what a snapshot waits for that is armed, for that may take for ever.
[[nodiscard]] Result<void> check_disk_not_armed(db::Txn& txn, const VmDisk& disk,
                                                std::string_view what);
/// Whether a change may act on the top layer of a disk while a snapshot reads the layer below it.
enum class LayerBelow { kMayBeRead, kMustBeFree };
/// A reason to wait before a disk of a running guest is changed, written into the VM for people to
/// read; nullopt: it may be changed now. While it waits, snapshots of the disk go on.
/// \returns kConflict naming the snapshot when it has waited for a minute
[[nodiscard]] Result<std::optional<jobs::Next>> wait_for_disk(db::Txn& txn, const jobs::Job& job,
                                                              Vm& vm, const VmDisk& disk,
                                                              LayerBelow below);
/// Restore points of the running VM need the layers that its disks have now.
/// \returns kWrongState naming one of them
[[nodiscard]] Result<void> check_no_system_snapshots(db::Txn& txn, VmId vm, std::string_view what);
/// A disk that exists and is no context disk. \returns kWrongState naming it
[[nodiscard]] Result<VmDisk> find_changeable_disk(db::Txn& txn, VmId vm, DiskId disk);

/// Shows the busy state and queues the job, which is told of the VM; both are saved.
JobId begin_change(db::Txn& txn, Vm& vm, const ChangeRow& row, jobs::NewJob job);
struct NewChange {
  std::string kind;   ///< of the job; its first step is "change"
  text::Template args;
  UserId by;
  ImageId image = {};  ///< that it reads
};
void begin_change(db::Txn& txn, Vm& vm, const ChangeRow& row, const NewChange& ask);

/// The VM is again as it was, and its guest is looked at: what it did meanwhile was not followed.
void end_change(db::Txn& txn, Vm& vm);
/// The same with the reason for the VM's owner.
jobs::Next fail_change(db::Txn& txn, Vm& vm, const Error& error);
/// Another attempt, as long as it may help; nullopt: it has failed.
[[nodiscard]] std::optional<jobs::Next> retry_change(db::Txn& txn, const jobs::Job& job, Vm& vm,
                                                     const Error& error);

/// The same for a change whose step "undo" takes back what it may have done.
[[nodiscard]] jobs::Next retry_or_undo(db::Txn& txn, const jobs::Job& job, Vm& vm,
                                       const Error& error);

[[nodiscard]] DiskId disk_of(const jobs::Job& job);
/// Whether the change under way found the guest running.
[[nodiscard]] bool changes_running(const Vm& vm);

/// What a step acts with.
struct Workbench {
  VmPlan plan;
  std::optional<Reach> host;  ///< of a guest that runs, unless its host was declared lost
  datastore_driver::Driver* storage = nullptr;
};
[[nodiscard]] Result<Workbench> workbench(db::Txn& txn, const Tools& tools, const Vm& vm);

/// Its row goes, with what it counted for; the VM is saved by the caller.
void remove_disk(db::Txn& txn, Vm& vm, const VmDisk& disk);
/// With its aliases.
void remove_nic(db::Txn& txn, Vm& vm, const VmNic& nic);
/// MB of the system datastore that a disk is charged with.
[[nodiscard]] std::int64_t system_mb_of(const VmDisk& disk);
/// Files of a disk that go with it; those of a persistent image stay.
void add_layers(db::Txn& txn, const VmDisk& disk, std::vector<std::string>& files);
/// The disk's size, charged to whom it belongs; VM and disk are saved by the caller.
void set_size(db::Txn& txn, Vm& vm, VmDisk& disk, std::int64_t size_mb);
/// The layer that is written to from now on; a persistent disk's is its image's file. The disk is
/// saved by the caller.
void go_on_with(db::Txn& txn, VmDisk& disk, const datastore_driver::Layer& layer);
/// The layer that is written to after a restore point of that number.
[[nodiscard]] std::string layer_path(const VmDisk& disk, std::int64_t snapshot);
/// Makes a disk's file as prolog does.
[[nodiscard]] Result<void> make_disk(datastore_driver::Driver& driver, const DiskWork& work,
                                     const std::vector<datastore_driver::ContextFile>& context,
                                     Progress& progress);

/// Another size of a disk, charged to whom it belongs: SIZE_PREV keeps the old one meanwhile. The
/// VM and the disk are saved by the caller.
[[nodiscard]] Result<void> charge_size(db::Txn& txn, Vm& vm, VmDisk& disk, std::int64_t size_mb);
/// Writes the disk with the context anew, for the next start; a running guest keeps the old one.
JobId enqueue_context(db::Txn& txn, const Vm& vm, UserId by);

using PlanStep = Result<jobs::Work> (*)(db::Txn&, const jobs::Job&, const Tools&);
[[nodiscard]] jobs::StepSpec change_step(std::string name, Tools tools, PlanStep plan);

/// Goes to a step that deletes the files; the VM goes on without it.
[[nodiscard]] jobs::Next remove_later(db::Txn& txn, const jobs::Job& job,
                                      const std::vector<std::string>& files,
                                      std::string_view step = "remove");
/// That step: it repeats until they are gone, then the job ends as `end` says.
using EndOfJob = jobs::Next (*)(const jobs::Job&);
[[nodiscard]] jobs::StepSpec remove_step(
    Tools tools, std::string name = "remove",
    EndOfJob end = [](const jobs::Job&) { return jobs::done(); });
/// The values of a job's arguments of that name, in their order.
[[nodiscard]] std::vector<std::string> list_args(const jobs::Job& job, std::string_view name);

[[nodiscard]] std::vector<jobs::KindSpec> hotplug_kinds(Tools tools);
[[nodiscard]] std::vector<jobs::KindSpec> disk_change_kinds(Tools tools);
[[nodiscard]] std::vector<jobs::KindSpec> disk_snapshot_kinds(Tools tools);
[[nodiscard]] std::vector<jobs::KindSpec> system_snapshot_kinds(Tools tools);
[[nodiscard]] jobs::KindSpec restore_kind(Tools tools);

}  // namespace neph::compute::internal
