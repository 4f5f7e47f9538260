#include "api/internal/methods.h"
#include "compute/vm.h"
#include "jobs/log.h"
#include "jobs/queue.h"
#include "snapshots/backup_jobs.h"

/// neph.job.*: what works in the background, for those whose business it is.
namespace neph::api {
namespace {

using jobs::Job;
using jobs::JobState;

struct OnJob {
  JobId job;
};
struct ListJobs {
  std::int64_t filter = -2;
  std::int64_t which = 0;
  VmId vm;
  ImageId image;
};

constexpr std::int64_t kEveryJob = 0;
constexpr std::int64_t kOpenJobs = 1;

Error denied(std::string_view op, JobId job) {
  return {Errc::kDenied, fmt::format("Not authorized to perform {} JOB [{}].", op, job), {}};
}

// Rights.

Result<void> may_see_job(Call& call, const OnJob& ask) {
  const auto entry = TRY(call.view().find(ObjectKind::kJob, ask.job.value));
  if (view::may_see_job(call.view(), call.actor(), *entry)) return {};
  return tl::unexpected(denied("USE", ask.job));
}

bool is_of_snapshot(const Job& job) { return job.kind.starts_with("snapshot."); }

/// What belongs to a snapshot is for those who may decide about it: its owner, the VM's owner.
bool may_decide_on_job(Call& call, const Job& job) {
  if (job.owner == call.actor().user) return true;
  const auto vm = compute::find_vm(call.txn(), job.vm);
  return vm && vm->owner == call.actor().user;
}

bool may_manage_job(Call& call, const Job& job) {
  using access::Op;
  if (job.vm.is_set() && need(call, Op::kManage, ObjectKind::kVm, job.vm)) return true;
  return job.image.is_set() && need(call, Op::kManage, ObjectKind::kImage, job.image);
}

/// A run is the business of whom the backup job belongs to now.
Result<void> may_steer_run(Call& call, const Job& run) {
  return need(call, access::Op::kManage, ObjectKind::kBackupJob, snapshots::backup_job_of(run));
}

Result<void> may_cancel(Call& call, const OnJob& ask) {
  const Job job = TRY(jobs::find(call.txn(), ask.job));
  if (job.kind == snapshots::kBackupRun) return may_steer_run(call, job);
  if (call.actor().is_admin() || job.owner == call.actor().user) return {};
  if (is_of_snapshot(job) ? may_decide_on_job(call, job) : may_manage_job(call, job)) return {};
  return tl::unexpected(denied("MANAGE", ask.job));
}

/// To begin something again takes the right to begin it, as it is now.
Result<void> may_retry(Call& call, const OnJob& ask) {
  const Job job = TRY(jobs::find(call.txn(), ask.job));
  if (job.kind == snapshots::kBackupRun) return may_steer_run(call, job);
  if (call.actor().is_admin()) return {};
  if (is_of_snapshot(job) ? may_decide_on_job(call, job) : may_manage_job(call, job)) return {};
  return tl::unexpected(denied("MANAGE", ask.job));
}

// Methods.

Result<EscapedText> show_job(Call& call, const OnJob& ask) {
  const auto entry = TRY(call.view().find(ObjectKind::kJob, ask.job.value));
  return as_document(call.services().publisher.with_progress(*entry));
}

Result<EscapedText> list_jobs(Call& call, const ListJobs& ask) {
  if (ask.which != kEveryJob && ask.which != kOpenJobs)
    return fail(Errc::kInvalid, "Wrong choice {} of jobs: 0 all, 1 those that are not over",
                ask.which);
  view::ListAsk which;
  which.filter = ask.filter;
  auto entries = TRY(view::select(call.view(), ObjectKind::kJob, call.actor(), which));
  std::erase_if(entries, [&](const view::EntryPtr& entry) {
    const bool is_over = jobs::is_over(static_cast<JobState>(entry->state));
    return (ask.which == kOpenJobs && is_over) ||
           (ask.vm.is_set() && entry->subject.id != ask.vm.value) ||
           (ask.image.is_set() && entry->image != ask.image);
  });
  return as_document(view::pool_document("JOB_POOL", entries, false));
}

/// Each room knows what its own kinds of jobs can do.
Result<JobId> begin_again(Call& call, const Job& job) {
  auto& services = call.services();
  if (job.kind.starts_with("vm.")) {
    return services.vms.retry_job(call.txn(), call.actor().user, job);
  }
  if (job.kind.starts_with("image.")) {
    return services.images.retry_job(call.txn(), call.actor().user, job);
  }
  if (is_of_snapshot(job)) return services.snapshots.retry_job(call.txn(), job);
  return fail(Errc::kWrongState, "jobs of kind {} cannot be tried again", job.kind);
}

Result<JobId> retry_job(Call& call, const OnJob& ask) {
  const Job job = TRY(jobs::find(call.txn(), ask.job));
  if (job.state == JobState::kWaiting) {
    jobs::hurry(call.txn(), job.id);
    return job.id;
  }
  if (job.state != JobState::kFailed)
    return fail(Errc::kWrongState, "job {} is {}: only one that failed or waits is tried again",
                job.id, jobs::name_of(job.state));
  const JobId now = TRY(begin_again(call, job));
  jobs::note(call.txn(), job.id, job.step,
             fmt::format("tried again by {}: job {}", call.actor().name, now));
  return now;
}

Result<void> stop(Call& call, const Job& job) {
  auto& services = call.services();
  if (job.kind.starts_with("vm.")) return services.vms.cancel_job(call.txn(), job);
  if (job.kind.starts_with("image.")) return services.images.cancel_job(call.txn(), job);
  if (is_of_snapshot(job)) return services.snapshots.cancel_job(call.txn(), job);
  return fail(Errc::kWrongState, "jobs of kind {} cannot be cancelled", job.kind);
}

Result<JobId> cancel_job(Call& call, const OnJob& ask) {
  const Job job = TRY(jobs::find(call.txn(), ask.job));
  if (jobs::is_over(job.state))
    return fail(Errc::kWrongState, "job {} is over: it is {}", job.id, jobs::name_of(job.state));
  CHECK_OK(stop(call, job));
  return job.id;
}

void add_views(Registry<Call>& registry) {
  registry.add({method("neph.job.info", &show_job)
                    .reads()
                    .args("job")
                    .needs("owner, MANAGE of its VM or image, or administrator", &may_see_job)
                    .doc("Shows a job: what it does, its step, progress, why it waits, and its "
                         "log.")
                    .answers("JOB document"),
                method("neph.job.list", &list_jobs)
                    .reads()
                    .args("filter", "which", "vm", "image")
                    .required(0)
                    .for_anyone()
                    .doc("Lists jobs, without their logs: one's own and those of VMs and images "
                         "that one may MANAGE, for administrators all. The filter is that of the "
                         "pools: a user id, -3 for the caller's, -2 for all. Which: 0 all, 1 those "
                         "that are not over. Of one VM, or of one image, unless -1.")
                    .answers("JOB_POOL document")});
}

}  // namespace

void add_job_methods(Registry<Call>& registry) {
  add_views(registry);
  registry.add({method("neph.job.retry", &retry_job)
                    .writes()
                    .args("job")
                    .needs("MANAGE of its VM or image (snapshots: owner of it or of the VM), or "
                           "administrator", &may_retry)
                    .doc("Does again what a failed job was for, from where it stopped; one that "
                         "waits looks now.")
                    .answers("id of the job that works on it now"),
                method("neph.job.cancel", &cancel_job)
                    .writes()
                    .args("job")
                    .needs("owner, MANAGE of its VM or image (snapshots: owner of it or of the "
                           "VM), or administrator", &may_cancel)
                    .doc("Asks a job to stop. It is over when its step has confirmed and cleaned "
                         "up. What cannot be cancelled is refused, saying what to do instead.")
                    .answers("id of the job")});
}

}  // namespace neph::api
