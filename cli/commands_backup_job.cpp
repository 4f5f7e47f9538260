#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"

/// Plans that back up several VMs.
namespace neph::cli {
namespace {

struct NewBackupJob {
  std::string file;
  std::string name;
  std::vector<std::string> vms;
  std::string datastore;
  std::int64_t keep = 0;
  bool is_parallel = false;
};

/// From a file, or from what options say.
Result<std::string> content_of(Desk& desk, const NewBackupJob& ask) {
  if (!ask.file.empty()) return read_template(desk, ask.file);
  if (ask.name.empty() || ask.vms.empty())
    return fail(Errc::kInvalid, "a backup job is made from a FILE, or with --name and --vms");
  std::vector<std::int64_t> vms;
  for (const auto& typed : ask.vms) vms.push_back(TRY(resolve(desk.rpc, Kind::kVm, typed)));
  text::Template content;
  content.set("NAME", ask.name);
  content.set("BACKUP_VMS", fmt::format("{}", fmt::join(vms, ",")));
  if (!ask.datastore.empty()) {
    const auto store = TRY(resolve(desk.rpc, Kind::kDatastore, ask.datastore));
    content.set("DATASTORE_ID", fmt::format("{}", store));
  }
  if (ask.keep > 0) content.set("KEEP_LAST", fmt::format("{}", ask.keep));
  if (ask.is_parallel) content.set("EXECUTION", "PARALLEL");
  return content.to_text();
}

Result<ExitCode> create_backup_job(Desk& desk, const NewBackupJob& ask) {
  const auto content = TRY(content_of(desk, ask));
  print_id(desk, TRY(desk.rpc.call_id("one.backupjob.allocate", {content})));
  return ExitCode::kOk;
}

void add_backup_job_create(CLI::App& group, Command& chosen) {
  auto ask = std::make_shared<NewBackupJob>();
  CLI::App* verb = group.add_subcommand("create", "Make one from a file, or of some VMs");
  auto* file = verb->add_option("FILE", ask->file, "Template of it, - for standard input");
  verb->add_option("--name", ask->name, "Its name")->excludes(file);
  verb->add_option("--vms", ask->vms, "Ids or names of VMs, with commas, in their order")
      ->delimiter(',')->allow_extra_args(false)->excludes(file);
  verb->add_option("--datastore,-d", ask->datastore,
                   "Id or name of a datastore for backups; that of each VM's last backup if not "
                   "given")->excludes(file);
  verb->add_option("--keep", ask->keep, "How many backups of each VM are kept")
      ->check(CLI::PositiveNumber)->excludes(file);
  verb->add_flag("--parallel", ask->is_parallel, "Back them up all at once")->excludes(file);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) { return create_backup_job(desk, *ask); };
  });
}

}  // namespace

void add_backup_job_commands(CLI::App& group, Command& chosen) {
  constexpr Kind kKind = Kind::kBackupJob;
  add_backup_job_create(group, chosen);
  add_simple(group, {kKind, "run", "one.backupjob.backup", "Back up all its VMs now", {}}, chosen);
  add_simple(group, {kKind, "cancel", "one.backupjob.cancel", "Give up what is being made", {}},
             chosen);
  add_simple(group, {kKind, "retry", "one.backupjob.retry", "Back up again those in error", {}},
             chosen);
  add_simple(group, {kKind, "delete", "one.backupjob.delete", "Delete it; backups stay", {}},
             chosen);
  add_rename(group, kKind, "one.backupjob.rename", chosen);
  add_chmod(group, kKind, "one.backupjob.chmod", chosen);
  add_chown(group, kKind, "one.backupjob.chown", chosen);
  add_update(group, kKind, "one.backupjob.update", chosen);
}

}  // namespace neph::cli
