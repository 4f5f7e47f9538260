#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "compute/lifecycle.h"
#include "compute/settings.h"
#include "compute/vm.h"
#include "compute/vm_factory.h"
#include "drivers/catalogue.h"
#include "jobs/job.h"

/// What one.vm.* does, and the life cycle behind it. Functions taking a Txn run on the store lane
/// and answer at once; what is slow becomes a job. Rights on the VM are the caller's business.
namespace neph::compute {

class VmService {
 public:
  VmService(Settings settings, const DriverCatalogue& drivers)
      : settings_(std::move(settings)), drivers_(drivers) {}

  /// Quota, rows, state PENDING (HOLD, CLONING).
  Result<VmId> allocate(db::Txn& txn, const access::Actor& actor, const NewVmAsk& ask);
  struct DeployAsk {
    VmId vm;
    HostId host;
    bool enforces_capacity = false;
    DatastoreId system_datastore;  ///< unset: chosen
  };
  /// \param by  unset: nobody asked, placement did it
  Result<void> deploy(db::Txn& txn, UserId by, const DeployAsk& ask);
  /// \returns kWrongState "This action is not available for state ..."
  Result<void> act(db::Txn& txn, UserId by, VmId vm, Action action);
  Result<void> recover(db::Txn& txn, UserId by, VmId vm, Recover how);
  /// Does again what a failed vm.* job was for. \pre job.state is kFailed
  /// \returns the job that works on it now; kWrongState where the VM has gone on since, or where
  ///   there is nothing to do again
  Result<JobId> retry_job(db::Txn& txn, UserId by, const jobs::Job& job);
  /// Asks an open vm.* job to stop. \returns kWrongState where it cannot, saying what to do
  Result<void> cancel_job(db::Txn& txn, const jobs::Job& job);
  Result<void> update(db::Txn& txn, const access::Actor& actor, VmId vm,
                      const text::Template& change, bool is_append);
  Result<void> rename(db::Txn& txn, VmId vm, const std::string& name);
  Result<void> chmod(db::Txn& txn, VmId vm, access::Permissions permissions);
  /// Refused while a snapshot of somebody else waits for one of its disks, naming it.
  Result<void> chown(db::Txn& txn, VmId vm, UserId user, GroupId group);

  // Changes: after each, done or failed, the VM is in the state that it was found in. What a
  // running guest needs and its driver lacks is refused before anything changes (kWrongState).

  /// Template with one DISK. Also needs USE of its image.
  /// \returns kWrongState also for an image that is still being copied
  Result<void> attach_disk(db::Txn& txn, const access::Actor& actor, VmId vm,
                           const text::Template& ask);
  /// Refused while a snapshot needs the disk, naming it.
  Result<void> detach_disk(db::Txn& txn, UserId by, VmId vm, DiskId disk);
  /// Only to a larger size. Refused while a snapshot needs the disk, naming it.
  Result<void> resize_disk(db::Txn& txn, UserId by, VmId vm, DiskId disk, std::int64_t size_mb);
  /// Template with one NIC.
  Result<void> attach_nic(db::Txn& txn, const access::Actor& actor, VmId vm,
                          const text::Template& ask);
  Result<void> detach_nic(db::Txn& txn, UserId by, VmId vm, NicId nic);
  /// Template with one NIC; what it does not say stays, or, unless it appends, goes. Network,
  /// address and name of a NIC stay.
  Result<void> update_nic(db::Txn& txn, const access::Actor& actor, VmId vm, NicId nic,
                          const text::Template& ask, bool is_append);
  /// A NIC joins a security group, or leaves one. Hosts do not filter packets: documents change.
  Result<void> attach_security_group(db::Txn& txn, VmId vm, NicId nic, SecurityGroupId group);
  Result<void> detach_security_group(db::Txn& txn, VmId vm, NicId nic, SecurityGroupId group);
  /// A restore point of a disk; answers its number at once. Refused while a snapshot reads the
  /// disk; one that is only armed does not mind.
  Result<std::int64_t> create_disk_snapshot(db::Txn& txn, UserId by, VmId vm, DiskId disk,
                                            const std::string& name);
  /// The disk goes on from a restore point; what was written since is gone.
  Result<void> revert_disk_snapshot(db::Txn& txn, UserId by, VmId vm, DiskId disk,
                                    std::int64_t snapshot);
  /// Refused where more than one thing stands on it.
  Result<void> delete_disk_snapshot(db::Txn& txn, UserId by, VmId vm, DiskId disk,
                                    std::int64_t snapshot);
  Result<void> rename_disk_snapshot(db::Txn& txn, VmId vm, DiskId disk, std::int64_t snapshot,
                                    const std::string& name);
  /// A restore point of the running VM, memory and disks; answers its number at once. It lasts
  /// until the guest stops or moves to another host. Refused while a snapshot reads a disk.
  Result<std::int64_t> create_system_snapshot(db::Txn& txn, UserId by, VmId vm,
                                              const std::string& name);
  /// The guest runs on from a restore point; what came after it is gone.
  Result<void> revert_system_snapshot(db::Txn& txn, UserId by, VmId vm, std::int64_t snapshot);
  Result<void> delete_system_snapshot(db::Txn& txn, UserId by, VmId vm, std::int64_t snapshot);
  /// Disks of a VM that is off become what a backup of it shows: one, or all that the backup has.
  /// Each stays until all of them are copied. Refused while a snapshot reads one, and for a disk
  /// that has disk snapshots. \returns the disks
  Result<std::vector<DiskId>> restore(db::Txn& txn, UserId by, VmId vm, ImageId backup,
                                      DiskId disk);
  /// CPU, VCPU, MEMORY of a VM that is off.
  enum class HostRoom { kEnforced, kIgnored };
  Result<void> resize(db::Txn& txn, const access::Actor& actor, VmId vm,
                      const text::Template& ask, HostRoom room);
  /// OS, FEATURES, INPUT, GRAPHICS, VIDEO, RAW, CPU_MODEL, CONTEXT: what a guest finds at its
  /// next start. BACKUP_CONFIG: how it is backed up.
  Result<void> update_conf(db::Txn& txn, const access::Actor& actor, VmId vm,
                           const text::Template& ask, bool is_append);

  /// How a guest that runs gets to another host; one that is off only changes its place.
  enum class MigrateForm { kSave = 0, kPoweroff = 1, kPoweroffHard = 2, kLive = 3 };
  struct MigrateAsk {
    VmId vm;
    HostId host;
    MigrateForm form = MigrateForm::kSave;
    HostRoom room = HostRoom::kIgnored;
    DatastoreId system_datastore;  ///< unset, or where the VM is: files do not move
  };
  /// The VM goes on on another host that sees the same files. What fails leaves it where it was:
  /// running, or off with its memory saved. Armed snapshots stay armed, except where the guest is
  /// powered off on the way. Refused while a snapshot reads one of its disks, naming it.
  Result<void> migrate(db::Txn& txn, UserId by, const MigrateAsk& ask);

  /// vm.deploy, vm.halt, vm.save, vm.reboot, vm.look, vm.sweep, vm.undefine, and those of
  /// changes.
  [[nodiscard]] std::vector<jobs::KindSpec> job_kinds() const;

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const DriverCatalogue& drivers() const { return drivers_; }

 private:
  struct HaltAsk {
    HaltTarget target;
    Stand next;
    bool is_hard;
    UserId by;
  };
  Result<void> halt(db::Txn& txn, Vm& vm, const HaltAsk& ask);
  Result<void> go_on(db::Txn& txn, UserId by, Vm& vm, Recover how);
  Result<void> recreate(db::Txn& txn, UserId by, Vm& vm);

  Settings settings_;
  const DriverCatalogue& drivers_;
};

}  // namespace neph::compute
