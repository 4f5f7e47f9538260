#include "cli/run.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <ostream>

#include "cli/commands.h"

namespace neph::cli {
namespace {

struct Options {
  CredentialOptions credentials;
  bool is_json = false;
  bool is_csv = false;
  bool is_xml = false;
  bool is_without_header = false;
  std::vector<std::string> columns;
};

struct GroupRow {
  Kind kind;
  void (*add_own)(CLI::App& group, Command& chosen);  ///< nullptr: list and show alone
};

constexpr auto kGroups = std::to_array<GroupRow>({
    {Kind::kVm, &add_vm_commands},
    {Kind::kImage, &add_image_commands},
    {Kind::kBackupJob, &add_backup_job_commands},
    {Kind::kSnapshot, &add_snapshot_commands},
    {Kind::kJob, &add_job_commands},
    {Kind::kDisk, &add_disk_commands},
    {Kind::kTemplate, &add_template_commands},
    {Kind::kHost, &add_host_commands},
    {Kind::kDatastore, &add_datastore_commands},
    {Kind::kNetwork, &add_network_commands},
    {Kind::kUser, &add_user_commands},
    {Kind::kGroup, nullptr},
    {Kind::kCluster, nullptr},
});

void declare_options(CLI::App& app, Options& options) {
  app.add_option("--endpoint", options.credentials.endpoint, "Where nephd listens")
      ->type_name("URL");
  app.add_option("--auth", options.credentials.auth, "Session, or the file that holds it")
      ->type_name("USER:PASSWORD");
  app.add_option("--state", options.credentials.state, "State directory of nephd")
      ->type_name("DIR");
  auto* json = app.add_flag("--json,-j", options.is_json, "Documents as JSON");
  auto* csv = app.add_flag("--csv", options.is_csv, "Lists with commas")->excludes(json);
  app.add_flag("-x,--xml", options.is_xml, "Documents as the server sent them")
      ->excludes(json)->excludes(csv);
  app.add_flag("--no-header", options.is_without_header, "Lists without titles");
  app.add_option("--columns,-l", options.columns, "Columns of lists: ID,NAME")
      ->delimiter(',')->allow_extra_args(false);
}

void declare_commands(CLI::App& app, const Options& options, Command& chosen,
                      LocalCommand& local) {
  app.require_subcommand(1);
  for (const auto& row : kGroups) {
    const ObjectRow& object = object_row(row.kind);
    CLI::App* group =
        app.add_subcommand(std::string(object.word), std::string(object.summary));
    // At most one verb, so that an argument may be spelled like another verb.
    group->require_subcommand(1);
    if (object.pool_arguments != PoolArguments::kOwnList) add_list(*group, row.kind, chosen);
    if (!object.info_method.empty()) add_show(*group, row.kind, chosen);
    if (row.add_own != nullptr) row.add_own(*group, chosen);
  }
  add_site_commands(app, chosen);
  add_restore_command(app, options.credentials.state, local);
  add_program_commands(app, chosen);
}

OutputOptions output_from(const Options& options) {
  OutputOptions output;
  if (options.is_json) output.form = OutputForm::kJson;
  if (options.is_csv) output.form = OutputForm::kCsv;
  if (options.is_xml) output.form = OutputForm::kXml;
  if (options.is_without_header) output.header = Header::kHidden;
  output.columns = options.columns;
  return output;
}

Result<ExitCode> carry_out(const Command& command, const Options& options,
                           Surroundings& around) {
  const auto credentials = TRY(find_credentials(options.credentials, around.variables));
  const auto transport = around.connect(credentials.endpoint);
  RpcClient rpc(*transport, credentials.session);
  Desk desk{around, rpc, output_from(options)};
  auto done = command(desk);
  if (!done && done.error().code == Errc::kUnauthenticated)
    done.error().cause = fmt::format("credentials from {}", credentials.session_from);
  return done;
}

/// What is wrong with the command line. A word that is no command is named, where CLI11 would
/// only say that a command is missing.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  const auto left = app.remaining(true);
  if (left.empty() || error.get_name() != "RequiredError") return error.what();
  return fmt::format("\"{}\" is not a command here", left.front());
}

/// CLI11 wants the arguments in reverse.
std::vector<std::string> words_for(std::string_view program,
                                   const std::vector<std::string>& arguments) {
  std::vector<std::string> words(arguments.rbegin(), arguments.rend());
  const auto name = program.substr(program.rfind('/') + 1);
  if (const ObjectRow* row = find_by_program_name(name)) words.emplace_back(row->word);
  return words;
}

}  // namespace

ExitCode run(std::string_view program, const std::vector<std::string>& arguments,
             Surroundings& around) {
  CLI::App app("neph: the command line of Nephograph", "neph");
  app.fallthrough();
  app.footer("Objects are named by id or name, several as 1,2,web or 1..5.\n"
             "Exit codes: 0 done, 1 refused, 2 usage, 3 no server, 4 waited for and failed.");
  Options options;
  Command command;
  declare_options(app, options);
  LocalCommand local;
  declare_commands(app, options, command, local);
  try {
    app.parse(words_for(program, arguments));
  } catch (const CLI::Success& success) {
    app.exit(success, around.out, around.err);
    return ExitCode::kOk;
  } catch (const CLI::ParseError& error) {
    around.err << fmt::format("neph: {} (see: neph --help)\n", usage_message(app, error));
    return ExitCode::kUsage;
  }
  const auto done = local ? local(around) : carry_out(command, options, around);
  if (done) return *done;
  around.err << "neph: " << one_line(done.error().text()) << '\n';
  return exit_code_of(done.error());
}

ExitCode exit_code_of(const Error& error) {
  switch (error.code) {
    case Errc::kInvalid: return ExitCode::kUsage;
    case Errc::kUnavailable: return ExitCode::kUnreachable;
    default: return ExitCode::kRefused;
  }
}

}  // namespace neph::cli
