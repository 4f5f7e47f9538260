#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/desk.h"
#include "cli/objects.h"
#include "cli/watch.h"
#include "text/template.h"

namespace CLI {
class App;
}

/// The verbs of the command line. Each add_... function declares verbs under `group`; parsing one
/// of them puts what is to be done into `chosen`, which must outlive the parser.
namespace neph::cli {

void add_vm_commands(CLI::App& group, Command& chosen);
/// Verbs of `neph vm` that change a VM that exists: disks, NICs, size, place.
void add_vm_change_commands(CLI::App& group, Command& chosen);
/// Verbs of `neph vm` for its backups.
void add_backup_commands(CLI::App& group, Command& chosen);
void add_image_commands(CLI::App& group, Command& chosen);
void add_template_commands(CLI::App& group, Command& chosen);
void add_host_commands(CLI::App& group, Command& chosen);
void add_datastore_commands(CLI::App& group, Command& chosen);
void add_network_commands(CLI::App& group, Command& chosen);
void add_user_commands(CLI::App& group, Command& chosen);
void add_snapshot_commands(CLI::App& group, Command& chosen);
void add_backup_job_commands(CLI::App& group, Command& chosen);
void add_job_commands(CLI::App& group, Command& chosen);
void add_disk_commands(CLI::App& group, Command& chosen);
/// `neph version` and `neph demo`.
void add_program_commands(CLI::App& app, Command& chosen);
/// `neph check` and `neph backup`.
void add_site_commands(CLI::App& app, Command& chosen);
/// A command that needs no server.
using LocalCommand = std::function<Result<ExitCode>(Surroundings&)>;
/// `neph restore`; `state` is what --state says.
void add_restore_command(CLI::App& app, const std::string& state, LocalCommand& chosen);

// Verbs that several kinds of objects share.

void add_list(CLI::App& group, Kind kind, Command& chosen);
void add_show(CLI::App& group, Kind kind, Command& chosen);
void add_rename(CLI::App& group, Kind kind, std::string_view method, Command& chosen);
void add_chmod(CLI::App& group, Kind kind, std::string_view method, Command& chosen);
void add_chown(CLI::App& group, Kind kind, std::string_view method, Command& chosen);
void add_update(CLI::App& group, Kind kind, std::string_view method, Command& chosen);

/// A verb that calls `method` with the id of each object named, then with `rest`.
struct SimpleVerb {
  Kind kind;
  std::string_view verb;
  std::string_view method;
  std::string_view help;
  Values rest;
};
void add_simple(CLI::App& group, const SimpleVerb& verb, Command& chosen);

/// How long a command waits for what it began.
struct WaitChoice {
  bool is_wanted = false;
  std::int64_t limit_seconds = 0;
};
/// --wait and --timeout.
void add_wait_options(CLI::App& verb, WaitChoice& choice);
/// Waits if that is wanted. `subject` as in WaitAsk.
[[nodiscard]] Result<ExitCode> wait_if_wanted(Desk& desk, const WaitChoice& choice,
                                              const std::string& subject,
                                              const std::string& look_later, Look look);

/// The text of a file, of standard input for "-".
[[nodiscard]] Result<std::string> read_source(Desk& desk, const std::string& path);

/// As read_source(), refused unless it parses as a template. The text goes to the server as it
/// stands in the file.
[[nodiscard]] Result<std::string> read_template(Desk& desk, const std::string& path);

}  // namespace neph::cli
