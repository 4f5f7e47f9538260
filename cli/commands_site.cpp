#include <CLI/CLI.hpp>
#include <filesystem>
#include <ostream>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/progress_text.h"
#include "cli/wait.h"
#include "cli/watch.h"

/// What looks after the site as a whole.
namespace neph::cli {
namespace {

namespace fs = std::filesystem;

struct CheckAsk {
  bool is_repair = false;
  std::string remove;
};

/// Waits for a job of the site; without a word where nobody watches, but for how it failed.
Result<ExitCode> wait_for_job(Desk& desk, std::int64_t job, const std::string& subject) {
  WaitAsk ask;
  ask.subject = subject;
  ask.look_later = fmt::format("neph check --show {}", job);
  ask.look = look_at_job(desk.rpc, job);
  return wait_until_done(desk.around, ask);
}

std::string age_of(const Element& finding, const Clock& clock) {
  const auto modified = finding.number("MODIFIED_AT");
  if (modified <= 0) return "";
  return span_text(std::max<std::int64_t>(0, clock.now().seconds() - modified));
}

std::string size_of(const Element& finding) {
  const auto size = finding.number("SIZE");
  return size > 0 ? to_text(Bytes{size}) : "";
}

/// The place is in the words of most; a table is for reading.
std::string words_of(const Element& finding) {
  const std::string done = finding.get("REPAIRED");
  return finding.get("TEXT") + (done.empty() ? "" : " [" + done + "]");
}

void print_findings(Desk& desk, const Element& check) {
  Table table({{"SEVERITY"}, {"KIND"}, {"OBJECT"}, {"OWNER"}, {"SIZE", Align::kRight},
               {"AGE", Align::kRight}, {"PLACE"}, {"WHAT"}});
  for (const Element* finding : check.all("FINDING")) {
    table.add({finding->get("SEVERITY"), finding->get("KIND"), finding->get("OBJECT"),
               finding->get("OWNER"), size_of(*finding), age_of(*finding, desk.around.clock),
               finding->get("PLACE"), words_of(*finding)});
  }
  // Never cut: paths are there to be copied.
  if (!table.empty()) desk.around.out << table.text(0, desk.output.header);
}

std::string looked_at(const Element& check) {
  const double seconds =
      static_cast<double>(check.number("ENDED_AT_MS") - check.number("BEGAN_AT_MS")) / 1000;
  return fmt::format("{} VMs, {} images, {} hosts, {} files looked at in {:.1f} s",
                     check.number("VMS"), check.number("IMAGES"), check.number("HOSTS"),
                     check.number("FILES"), seconds);
}

void print_summary(Desk& desk, const Element& check) {
  auto& out = desk.around.out;
  for (const Element* unseen : check.all("UNSEEN"))
    out << fmt::format("not looked at: {} ({})\n", unseen->get("PLACE"), unseen->get("REASON"));
  const auto found = check.number("FOUND");
  if (found == 0) {
    out << "nothing to complain about: " << looked_at(check) << '\n';
    return;
  }
  std::size_t repaired = 0;
  std::size_t repairable = 0;
  for (const Element* finding : check.all("FINDING")) {
    const bool is_done = !finding->get("REPAIRED").empty();
    repaired += is_done ? 1 : 0;
    repairable += !is_done && finding->number("REPAIRABLE") == 1 ? 1 : 0;
  }
  out << fmt::format("{} findings: {}", found, looked_at(check));
  if (repaired > 0) out << fmt::format("; {} repaired", repaired);
  if (repairable > 0) out << fmt::format("; {} can be repaired: neph check --repair", repairable);
  out << '\n';
}

Result<ExitCode> print_check(Desk& desk, std::int64_t job) {
  const std::string xml = TRY(desk.rpc.call_text("neph.check.info", {job}));
  const Element check = TRY(Element::parse(xml));
  if (desk.output.form == OutputForm::kXml) desk.around.out << xml << '\n';
  if (desk.output.form == OutputForm::kJson) desk.around.out << to_json(check);
  if (desk.output.form == OutputForm::kTable || desk.output.form == OutputForm::kCsv) {
    print_findings(desk, check);
    print_summary(desk, check);
  }
  if (!check.all("UNSEEN").empty()) return ExitCode::kNotAllSeen;
  return check.number("FOUND") == 0 ? ExitCode::kOk : ExitCode::kFindings;
}

Result<ExitCode> check_site(Desk& desk, const CheckAsk& ask) {
  if (!ask.remove.empty()) {
    const auto path = fs::absolute(ask.remove).lexically_normal().string();
    const auto job = TRY(desk.rpc.call_id("neph.check.remove", {path}));
    return wait_for_job(desk, job, "removal of " + path);
  }
  const auto job = TRY(desk.rpc.call_id("neph.check", {ask.is_repair}));
  const auto ended = TRY(wait_for_job(desk, job, "check"));
  if (ended != ExitCode::kOk) return ended;
  return print_check(desk, job);
}

void add_check(CLI::App& app, Command& chosen) {
  struct Ask : CheckAsk {
    std::int64_t show = -1;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = app.add_subcommand("check", "Compare the catalogue with hosts and storage");
  auto* repair = verb->add_flag("--repair", ask->is_repair, "Mend what is proven, and say what");
  auto* remove = verb->add_option("--remove", ask->remove,
                                  "Remove a file of a datastore that no row names")
                     ->type_name("PATH")->excludes(repair);
  verb->add_option("--show", ask->show, "Show the report of an earlier check")
      ->type_name("JOB")->excludes(repair)->excludes(remove);
  verb->footer("Exit codes: 0 all fits, 1 something does not, 2 something could not be looked at.");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) {
      return ask->show >= 0 ? print_check(desk, ask->show) : check_site(desk, *ask);
    };
  });
}

void add_store_backup(CLI::App& app, Command& chosen) {
  auto file = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("backup", "Copy the state of the controller into a file");
  verb->add_option("FILE", *file, "A new file on the controller's machine")->required();
  verb->callback([file, &chosen] {
    chosen = [file](Desk& desk) -> Result<ExitCode> {
      const auto path = fs::absolute(*file).lexically_normal().string();
      const auto job = TRY(desk.rpc.call_id("neph.backup", {path}));
      return wait_for_job(desk, job, "backup");
    };
  });
}

/// nephd beside this program, in the build directory, else that of PATH.
std::string daemon_program() {
  std::error_code problem;
  const fs::path self = fs::read_symlink("/proc/self/exe", problem);
  if (problem) return "nephd";
  for (const fs::path& place : {self.parent_path() / "nephd",
                                self.parent_path().parent_path() / "daemon" / "nephd"}) {
    if (fs::is_regular_file(place, problem)) return place.string();
  }
  return "nephd";
}

}  // namespace

void add_site_commands(CLI::App& app, Command& chosen) {
  add_check(app, chosen);
  add_store_backup(app, chosen);
}

void add_restore_command(CLI::App& app, const std::string& state, LocalCommand& chosen) {
  struct Ask {
    std::string file;
    std::string config;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = app.add_subcommand(
      "restore", "Put a backup in the place of the state, here, while nephd does not run");
  verb->add_option("FILE", ask->file, "A file of neph backup")->required();
  verb->add_option("--config", ask->config, "Configuration of nephd")->type_name("FILE");
  verb->callback([ask, &state, &chosen] {
    chosen = [ask, &state](Surroundings& around) -> Result<ExitCode> {
      std::vector<std::string> words{daemon_program(), "--restore", ask->file};
      if (!ask->config.empty()) words.insert(words.end(), {"--config", ask->config});
      if (!state.empty()) words.insert(words.end(), {"--state", state});
      Error failed = around.become(words);
      failed.message += "; on the controller's machine: nephd --restore FILE [--state DIR]";
      return tl::unexpected(std::move(failed));
    };
  });
}

}  // namespace neph::cli
