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

  /// vm.deploy, vm.halt, vm.save, vm.reboot, vm.look, vm.sweep, vm.undefine.
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

  Settings settings_;
  const DriverCatalogue& drivers_;
};

}  // namespace neph::compute
