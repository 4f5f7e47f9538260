#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compute/lifecycle.h"
#include "compute/settings.h"
#include "compute/vm.h"
#include "drivers/catalogue.h"
#include "jobs/job.h"

/// The life-cycle jobs. Each works for a VM whose `job` it is; when that has changed, somebody has
/// taken over and the job ends without a word.
namespace neph::compute::internal {

struct Tools {
  const Settings& settings;
  const DriverCatalogue& drivers;
};

JobId enqueue_deploy(db::Txn& txn, const Vm& vm, const DeployRow& row, std::string_view step,
                     UserId by);

struct NewHalt {
  HaltTarget target = HaltTarget::kDone;
  std::string step;
  bool is_hard = false;
  Instant deadline;   ///< of a soft one: then the guest has not obeyed
  JobId after;        ///< a job that must be over first
  UserId by;
  HostId to;          ///< where the guest goes on, of HaltTarget::kMoved
};
JobId enqueue_halt(db::Txn& txn, const Vm& vm, const NewHalt& ask);
/// A soft halt under way becomes a hard one.
void harden_halt(db::Txn& txn, JobId job);

/// The job's first step only looks whether it has been done already.
void only_prove(db::Txn& txn, JobId job);

JobId enqueue_save(db::Txn& txn, const Vm& vm, std::string_view step, UserId by);
JobId enqueue_reboot(db::Txn& txn, const Vm& vm, bool is_hard, UserId by);
/// Asks the host what the guest does and applies the answer.
JobId enqueue_look(db::Txn& txn, const Vm& vm);
/// Takes the definition of a guest that is off from a host where its VM is not any more.
JobId enqueue_undefine(db::Txn& txn, const Vm& vm, HostId host);

[[nodiscard]] jobs::KindSpec deploy_kind(Tools tools);
[[nodiscard]] jobs::KindSpec halt_kind(Tools tools);
[[nodiscard]] jobs::KindSpec sweep_kind(Tools tools);
[[nodiscard]] jobs::KindSpec save_kind(Tools tools);
[[nodiscard]] jobs::KindSpec reboot_kind(Tools tools);
[[nodiscard]] jobs::KindSpec look_kind(Tools tools);
[[nodiscard]] jobs::KindSpec undefine_kind(Tools tools);
[[nodiscard]] std::vector<jobs::KindSpec> vm_job_kinds(Tools tools);

/// Whether the VM's job is not over.
[[nodiscard]] bool has_open_job(db::Txn& txn, const Vm& vm);
/// The runner could not run a job of these kinds: the VM goes where a failure of its step leads.
void abandon(db::Txn& txn, const jobs::Job& job, const Error& error);

/// The VM, if it is still this job's; else an Errc::kConflict that ends the job.
[[nodiscard]] Result<Vm> find_own_vm(db::Txn& txn, const jobs::Job& job);
/// A reason to wait before a layer of one of its disks is used or changed: a snapshot that must
/// be pinned first, a fold under way. Written into the VM for people to read.
[[nodiscard]] std::optional<jobs::Next> wait_for_disks(db::Txn& txn, Vm& vm);

/// What a job that saves a guest's memory does with the VM.
struct Saving {
  jobs::Next (*give_up)(db::Txn& txn, Vm& vm, const Error& why);  ///< before anything was saved
  jobs::Next (*settle)(db::Txn& txn, const jobs::Job& job, Result<void> outcome);
};
/// The plan of saving it to the VM's directory.
[[nodiscard]] Result<jobs::Work> plan_saving(db::Txn& txn, const jobs::Job& job,
                                             const Tools& tools, Saving saving);
/// Where the memory of a saved VM goes, in its directory.
[[nodiscard]] std::string memory_path_in(const std::string& directory);

/// Why a job ends whose cancelling was asked for.
[[nodiscard]] inline Error ended_by_recover() {
  return {Errc::kConflict, "the operation was ended by recover", {}};
}
/// Errors that may pass by themselves.
[[nodiscard]] bool may_pass(const Error& error);

/// A VM's domain and the driver to reach it with.
struct Reach {
  hypervisor_driver::DomainRef domain;
  hypervisor_driver::Driver* driver = nullptr;
};
[[nodiscard]] Result<Reach> reach(db::Txn& txn, const Tools& tools, VmId vm);

}  // namespace neph::compute::internal
