#include "api/internal/methods.h"

namespace neph::api {
namespace {

using check::CheckService;

struct StartCheck {
  bool repair = false;
};
struct OnCheck {
  JobId job;
};
struct OnPath {
  std::string path;
};

template <class Ask>
Result<void> admin_only(Call& call, const Ask&) {
  return need_admin(call);
}

Result<JobId> start_check(Call& call, const StartCheck& ask) {
  return call.services().checks.start(
      call.txn(), call.actor().user,
      ask.repair ? CheckService::Mend::kProven : CheckService::Mend::kNothing);
}

/// Read in a transaction: reports are no objects of the view.
Result<std::string> show_check(Call& call, const OnCheck& ask) {
  return call.services().checks.document(call.txn(), ask.job);
}

Result<JobId> remove_file(Call& call, const OnPath& ask) {
  return call.services().checks.start_removal(call.txn(), call.actor().user, ask.path);
}

Result<JobId> back_up(Call& call, const OnPath& ask) {
  return call.services().checks.start_backup(call.txn(), call.actor().user, ask.path);
}

}  // namespace

void add_check_methods(Registry<Call>& registry) {
  registry.add({
      method("neph.check", &start_check)
          .writes()
          .args("repair")
          .required(0)
          .needs("administrator", &admin_only<StartCheck>)
          .doc("Compares the catalogue with hosts and storage. With repair it mends what is "
               "proven, and nothing else.")
          .answers("id of the job; its report: neph.check.info"),
      method("neph.check.info", &show_check)
          .writes()
          .args("job")
          .needs("administrator", &admin_only<OnCheck>)
          .doc("Shows what a check found, once its job is done.")
          .answers("CHECK document"),
      method("neph.check.remove", &remove_file)
          .writes()
          .args("path")
          .needs("administrator", &admin_only<OnPath>)
          .doc("Removes a file of a datastore that no row names. Everything is looked at first; "
               "the job fails unless the file is provably nobody's.")
          .answers("id of the job"),
      method("neph.backup", &back_up)
          .writes()
          .args("path")
          .needs("administrator", &admin_only<OnPath>)
          .doc("Copies the state of the controller, as it is at one instant, into a new file on "
               "the controller's machine.")
          .answers("id of the job"),
  });
}

}  // namespace neph::api
