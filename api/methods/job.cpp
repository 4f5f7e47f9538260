#include "api/internal/methods.h"

namespace neph::api {
namespace {

struct ShowJob {
  JobId job;
};
struct ListJobs {
  std::int64_t filter = -2;
};

bool may_see(const access::Actor& actor, const access::Subject& job) {
  return actor.is_admin() || job.owner == actor.user;
}

/// There are no permission bits on jobs: they are their owner's, and the administrators'.
Result<void> may_see_job(Call& call, const ShowJob& ask) {
  const auto entry = TRY(call.view().find(ObjectKind::kJob, ask.job.value));
  if (may_see(call.actor(), entry->subject)) return {};
  return fail(Errc::kDenied, "Not authorized to perform USE JOB [{}].", ask.job);
}

Result<EscapedText> show_job(Call& call, const ShowJob& ask) {
  const auto entry = TRY(call.view().find(ObjectKind::kJob, ask.job.value));
  return as_document(call.services().publisher.with_progress(*entry));
}

Result<EscapedText> list_jobs(Call& call, const ListJobs& ask) {
  view::ListAsk which;
  which.filter = ask.filter;
  auto entries = TRY(view::select(call.view(), ObjectKind::kJob, call.actor(), which));
  std::erase_if(entries, [&](const view::EntryPtr& entry) {
    return !may_see(call.actor(), entry->subject);
  });
  return as_document(view::pool_document("JOB_POOL", entries, false));
}

}  // namespace

void add_job_methods(Registry<Call>& registry) {
  registry.add({method("neph.job.info", &show_job)
                    .reads()
                    .args("job")
                    .needs("owner or administrator", &may_see_job)
                    .doc("Shows a job: what it does, its step, progress, and why it waits.")
                    .answers("JOB document"),
                method("neph.job.list", &list_jobs)
                    .reads()
                    .args("filter")
                    .required(0)
                    .for_anyone()
                    .doc("Lists jobs: one's own, for administrators all. The filter is that of the "
                         "pools: a user id, -3 for the caller's, -2 for all that may be seen.")
                    .answers("JOB_POOL document")});
}

}  // namespace neph::api
