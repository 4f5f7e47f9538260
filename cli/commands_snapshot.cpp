#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "base/words.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"
#include "cli/templates.h"

namespace neph::cli {
namespace {

struct NewSnapshot {
  std::string vm;
  std::string disks;
  std::string name;
  bool is_deferred = false;
  bool is_hot = false;
  std::string when;
  std::string quiesce;
  std::string datastore;
  std::string description;
  bool is_persistent = false;
  bool is_non_persistent = false;
  WaitChoice wait;
};

/// "first-stop" as the API spells it: FIRST_STOP.
std::string wire_word(std::string_view typed) {
  std::string word = upper(typed);
  std::ranges::replace(word, '-', '_');
  return word;
}

Result<SnapshotAsk> options_from(Desk& desk, const NewSnapshot& ask) {
  if (!ask.when.empty() && !ask.is_deferred)
    return fail(Errc::kInvalid, "--when goes with --deferred");
  SnapshotAsk options;
  options.kind = ask.is_deferred ? "DEFERRED" : "HOT";
  options.when = wire_word(ask.when);
  options.quiesce = wire_word(ask.quiesce);
  options.description = ask.description;
  if (ask.is_persistent) options.persistent = "YES";
  if (ask.is_non_persistent) options.persistent = "NO";
  options.datastore = TRY(resolve_or(desk.rpc, Kind::kDatastore, ask.datastore, -1));
  return options;
}

Result<ExitCode> wait_for_snapshot(Desk& desk, const WaitChoice& wait, std::int64_t id) {
  return wait_if_wanted(desk, wait, fmt::format("snapshot {}", id),
                        fmt::format("neph snapshot show {}", id),
                        look_at_snapshot(desk.rpc, id));
}

/// Numbers alone: the server names images and answers by disk id.
Result<void> check_disks(const std::string& disks) {
  for (const auto& disk : TRY(split_targets(disks)))
    if (auto number = parse_number(disk); !number)
      return fail(Errc::kInvalid, "\"{}\" is not the id of a disk, see: neph vm show", disk);
  return {};
}

Result<std::string> expanded(const std::string& disks) {
  const auto ids = TRY(split_targets(disks));
  return fmt::format("{}", fmt::join(ids, ","));
}

Result<ExitCode> create_snapshot(Desk& desk, const NewSnapshot& ask) {
  CHECK_OK(check_disks(ask.disks));
  const auto disks = TRY(expanded(ask.disks));
  const auto options = TRY(options_from(desk, ask));
  const auto vm = TRY(resolve(desk.rpc, Kind::kVm, ask.vm));
  const std::string xml =
      TRY(desk.rpc.call_text("neph.snapshot.create",
                             {vm, disks, ask.name, snapshot_options(options).to_text()}));
  const Element made = TRY(Element::parse(xml));
  const auto snapshots = made.all("SNAPSHOT");
  if (desk.output.form == OutputForm::kXml) desk.around.out << xml << '\n';
  if (desk.output.form == OutputForm::kJson) desk.around.out << to_json(made);
  const bool is_text = desk.output.form == OutputForm::kTable;
  for (const Element* snapshot : snapshots)
    if (is_text)
      desk.around.out << fmt::format("ID: {} (disk {} becomes image {})\n", snapshot->get("ID"),
                                     snapshot->get("DISK_ID"), snapshot->get("IMAGE_ID"));
  auto worst = ExitCode::kOk;
  for (const Element* snapshot : snapshots) {
    const auto code = TRY(wait_for_snapshot(desk, ask.wait, snapshot->number("ID")));
    if (worst == ExitCode::kOk) worst = code;
    if (code == ExitCode::kInterrupted) break;
  }
  return worst;
}

void add_snapshot_create(CLI::App& group, Command& chosen) {
  auto ask = std::make_shared<NewSnapshot>();
  CLI::App* verb = group.add_subcommand("create", "Make a new image of a VM's disk");
  verb->add_option("VM", ask->vm, "Id or name")->required();
  verb->add_option("DISK", ask->disks, "Id of the disk, or 0,1 for one instant of both")
      ->required();
  verb->add_option("NAME", ask->name, "Name of the new image")->required();
  auto* deferred = verb->add_flag("--deferred", ask->is_deferred, "When the guest has stopped");
  verb->add_flag("--hot", ask->is_hot, "Now (the default)")->excludes(deferred);
  verb->add_option("--when", ask->when, "Which stop a deferred one waits for")
      ->check(CLI::IsMember({"first-stop", "end"}));
  verb->add_option("--quiesce", ask->quiesce, "Whether the guest's file systems are frozen")
      ->check(CLI::IsMember({"require", "try", "never"}));
  verb->add_option("--datastore,-d", ask->datastore, "Id or name of the image's datastore");
  verb->add_option("--description", ask->description, "A remark");
  auto* persistent = verb->add_flag("--persistent", ask->is_persistent,
                                    "VMs change the new image itself");
  verb->add_flag("--non-persistent", ask->is_non_persistent, "VMs change a copy of it")
      ->excludes(persistent);
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) { return create_snapshot(desk, *ask); };
  });
}

/// A verb that sets a snapshot going again, and can be waited for.
void add_restart(CLI::App& group, std::string_view word, std::string_view method,
                 std::string_view help, Command& chosen) {
  struct Ask {
    std::vector<std::string> targets;
    WaitChoice wait;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand(std::string(word), std::string(help));
  verb->add_option("ID", ask->targets, "Ids, image names or ranges")->required();
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, method, &chosen] {
    chosen = [ask, method](Desk& desk) {
      return for_each_target(desk, Kind::kSnapshot, ask->targets,
                             [&](std::int64_t id) -> Result<ExitCode> {
                               TRY(desk.rpc.call_id(method, {id}));
                               return wait_for_snapshot(desk, ask->wait, id);
                             });
    };
  });
}

void add_discard(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string target;
    std::string image;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb =
      group.add_subcommand("discard", "Give up a snapshot and the disk that is kept for it");
  verb->add_option("ID", ask->target, "Id")->required();
  verb->add_option("--image", ask->image, "Name of its image, to be sure")->required();
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      // No look-up by name here: the image's name is the caller's proof, not the address.
      const auto id = TRY(parse_number(ask->target));
      TRY(desk.rpc.call_id("neph.snapshot.discard", {id, ask->image}));
      return ExitCode::kOk;
    };
  });
}

}  // namespace

void add_snapshot_commands(CLI::App& group, Command& chosen) {
  add_snapshot_create(group, chosen);
  add_simple(group,
             {Kind::kSnapshot, "cancel", "neph.snapshot.cancel", "Call it off", {}}, chosen);
  add_restart(group, "retry", "neph.snapshot.retry", "Try a failed one again", chosen);
  add_restart(group, "capture", "neph.snapshot.capture",
              "Take the disk of a crashed guest as it is", chosen);
  add_discard(group, chosen);
}

}  // namespace neph::cli
