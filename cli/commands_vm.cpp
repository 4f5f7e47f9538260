#include <CLI/CLI.hpp>
#include <array>
#include <ostream>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"
#include "cli/templates.h"

namespace neph::cli {
namespace {

constexpr std::string_view kDefaultCpu = "1";
constexpr std::string_view kDefaultMemoryMb = "512";

// Operations of one.vm.recover (states.md section 2.4).
enum class Recovery : std::int64_t { kFailure = 0, kSuccess = 1, kRetry = 2, kDelete = 3 };

enum class Hard { kOffered, kNo };

/// Verbs that are actions of one.vm.action.
struct ActionRow {
  std::string_view verb;
  Hard hard;
  VmGoal goal;
  std::string_view help;
};
constexpr std::string_view kResume = "resume";
constexpr auto kActions = std::to_array<ActionRow>({
    {"poweroff", Hard::kOffered, VmGoal::kPoweroff, "Shut the guest down, keep its disks"},
    {"reboot", Hard::kOffered, VmGoal::kRunning, "Restart the guest"},
    {"suspend", Hard::kNo, VmGoal::kSuspended, "Save the guest's memory on its host"},
    {kResume, Hard::kNo, VmGoal::kRunning, "Let it run again"},
    {"stop", Hard::kNo, VmGoal::kStopped, "Save the guest's memory and leave the host"},
    {"undeploy", Hard::kOffered, VmGoal::kUndeployed, "Shut the guest down and leave the host"},
    {"terminate", Hard::kOffered, VmGoal::kDone, "Shut the guest down and end the VM"},
    {"hold", Hard::kNo, VmGoal::kHeld, "Keep it from being placed on a host"},
    {"release", Hard::kNo, VmGoal::kReleased, "Let it be placed on a host"},
    {"resched", Hard::kNo, VmGoal::kRunning, "Have another host looked for"},
    {"unresched", Hard::kNo, VmGoal::kRunning, "Stay on its host after all"},
});

std::string subject_of_vm(std::int64_t vm) { return fmt::format("VM {}", vm); }
std::string show_vm(std::int64_t vm) { return fmt::format("neph vm show {}", vm); }

/// What a guest does after a snapshot has fired is not in the snapshot's image: say so to whoever
/// lets it run on.
void tell_notice(Desk& desk, std::int64_t id) {
  const auto vm = desk.rpc.call_document("one.vm.info", {id});
  const std::string notice = vm ? vm->get("USER_TEMPLATE/SNAPSHOT_NOTICE") : "";
  if (!notice.empty()) desk.around.err << "note: " << subject_of_vm(id) << ": " << notice << '\n';
}

void add_action(CLI::App& group, const ActionRow& row, Command& chosen) {
  struct Ask {
    std::vector<std::string> targets;
    bool is_hard = false;
    WaitChoice wait;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand(std::string(row.verb), std::string(row.help));
  verb->add_option("ID", ask->targets, "Ids, names or ranges: 5 or 1..3,web")->required();
  if (row.hard == Hard::kOffered)
    verb->add_flag("--hard", ask->is_hard, "At once, without asking the guest");
  add_wait_options(*verb, ask->wait);
  verb->callback([&row, ask, &chosen] {
    chosen = [&row, ask](Desk& desk) {
      const std::string action = std::string(row.verb) + (ask->is_hard ? "-hard" : "");
      return for_each_target(desk, Kind::kVm, ask->targets, [&](std::int64_t id) {
        const auto done = desk.rpc.call_id("one.vm.action", {action, id});
        if (!done) return Result<ExitCode>(tl::unexpected(done.error()));
        if (row.verb == kResume) tell_notice(desk, id);
        return wait_if_wanted(desk, ask->wait, subject_of_vm(id), show_vm(id),
                              look_at_vm(desk.rpc, id, row.goal));
      });
    };
  });
}

struct NewVm {
  std::vector<std::string> images;
  std::string source;  ///< template that is instantiated
  std::string file;
  VmAsk vm;
  std::vector<std::string> context;
  bool is_on_hold = false;
  bool is_persistent = false;
  WaitChoice wait;
};

Result<std::int64_t> instantiate(Desk& desk, const NewVm& ask) {
  const auto source = TRY(resolve(desk.rpc, Kind::kTemplate, ask.source));
  VmAsk vm = ask.vm;
  vm.name.clear();  // goes as an argument of its own
  text::Template extra = vm_template(vm);
  if (!ask.context.empty()) {
    const auto pairs = TRY(parse_pairs(ask.context));
    const Element present = TRY(desk.rpc.call_document("one.template.info", {source}));
    extra.set("CONTEXT", merged_context(present, pairs));
  }
  return desk.rpc.call_id("one.template.instantiate", {source, ask.vm.name, ask.is_on_hold,
                                                       extra.to_text(), ask.is_persistent});
}

Result<std::int64_t> allocate(Desk& desk, const NewVm& ask) {
  VmAsk vm = ask.vm;
  vm.context = TRY(parse_pairs(ask.context));
  for (const auto& image : ask.images)
    vm.images.push_back(TRY(resolve(desk.rpc, Kind::kImage, image)));
  std::string text;
  if (ask.file.empty()) {
    if (vm.cpu.empty()) vm.cpu = kDefaultCpu;
    if (vm.memory_mb.empty()) vm.memory_mb = kDefaultMemoryMb;
    text = vm_template(vm).to_text();
  } else {
    auto content = TRY(text::Template::parse(TRY(read_template(desk, ask.file))));
    content.merge(vm_template(vm));
    text = content.to_text();
  }
  return desk.rpc.call_id("one.vm.allocate", {text, ask.is_on_hold});
}

Result<ExitCode> create_vm(Desk& desk, const NewVm& ask) {
  const bool is_from_template = !ask.source.empty();
  if (!is_from_template && ask.file.empty() && ask.images.empty())
    return fail(Errc::kInvalid, "name an image (--image), a template (--template) or a FILE");
  if (is_from_template && !(ask.file.empty() && ask.images.empty()))
    return fail(Errc::kInvalid, "--template goes with neither --image nor a FILE");
  if (ask.is_persistent && !is_from_template)
    return fail(Errc::kInvalid, "--persistent goes with --template; an image has it by itself");
  const auto id = TRY(is_from_template ? instantiate(desk, ask) : allocate(desk, ask));
  print_id(desk, id);
  const auto goal = ask.is_on_hold ? VmGoal::kHeld : VmGoal::kRunning;
  return wait_if_wanted(desk, ask.wait, subject_of_vm(id), show_vm(id),
                        look_at_vm(desk.rpc, id, goal));
}

void add_creation_options(CLI::App& verb, NewVm& ask) {
  verb.add_option("--name", ask.vm.name, "Name of the VM");
  verb.add_option("--cpu", ask.vm.cpu, "Share of a host's processors: 0.5")
      ->check(CLI::PositiveNumber);
  verb.add_option("--vcpu", ask.vm.vcpu, "Processors the guest sees")->check(CLI::PositiveNumber);
  verb.add_option("--memory", ask.vm.memory_mb, "Memory in MB")->check(CLI::PositiveNumber);
  verb.add_option("--nic", ask.vm.networks, "Network to plug it into; may be repeated")
      ->allow_extra_args(false);
  verb.add_option("--context", ask.context, "What the guest is told")->type_name("KEY=VALUE");
  verb.add_flag("--hold", ask.is_on_hold, "Keep it from being placed on a host");
  verb.add_flag("--persistent", ask.is_persistent, "Give it copies of the template's images");
  add_wait_options(verb, ask.wait);
}

void add_vm_create(CLI::App& group, Command& chosen) {
  auto ask = std::make_shared<NewVm>();
  CLI::App* verb = group.add_subcommand("create", "Make a VM from an image, template or file");
  verb->add_option("FILE", ask->file, "Template of the VM, - for standard input");
  verb->add_option("--image", ask->images, "Id or name of a disk's image; may be repeated")
      ->allow_extra_args(false);
  verb->add_option("--template", ask->source, "Id or name of a template");
  add_creation_options(*verb, *ask);
  verb->callback([ask, &chosen] { chosen = [ask](Desk& desk) { return create_vm(desk, *ask); }; });
}

void add_deploy(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string vm;
    std::string host;
    WaitChoice wait;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("deploy", "Start it on a host of your choice");
  verb->add_option("VM", ask->vm, "Id or name")->required();
  verb->add_option("HOST", ask->host, "Id or name")->required();
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto vm = TRY(resolve(desk.rpc, Kind::kVm, ask->vm));
      const auto host = TRY(resolve(desk.rpc, Kind::kHost, ask->host));
      TRY(desk.rpc.call_id("one.vm.deploy", {vm, host}));
      return wait_if_wanted(desk, ask->wait, subject_of_vm(vm), show_vm(vm),
                            look_at_vm(desk.rpc, vm, VmGoal::kRunning));
    };
  });
}

void add_recover(CLI::App& group, Command& chosen) {
  struct Ask {
    std::vector<std::string> targets;
    std::int64_t operation = 0;
  };
  struct Option {
    std::string_view flag;
    Recovery operation;
    std::string_view help;
  };
  static constexpr auto kOptions = std::to_array<Option>({
      {"--success", Recovery::kSuccess, "The operation it hangs in has succeeded"},
      {"--failure", Recovery::kFailure, "The operation it hangs in has failed"},
      {"--retry", Recovery::kRetry, "Try the operation again"},
      {"--delete", Recovery::kDelete, "Delete the VM"},
  });
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("recover", "Get it out of a failed operation");
  verb->add_option("VM", ask->targets, "Ids, names or ranges: 5 or 1..3,web")->required();
  auto* choice = verb->add_option_group("operation");
  for (const auto& option : kOptions)
    choice->add_flag_callback(
        std::string(option.flag),
        [ask, &option] { ask->operation = static_cast<std::int64_t>(option.operation); },
        std::string(option.help));
  choice->require_option(1);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) {
      return for_each_target(desk, Kind::kVm, ask->targets,
                             [&](std::int64_t id) -> Result<ExitCode> {
                               TRY(desk.rpc.call_id("one.vm.recover", {id, ask->operation}));
                               return ExitCode::kOk;
                             });
    };
  });
}

void add_instantiate(CLI::App& group, Command& chosen) {
  auto ask = std::make_shared<NewVm>();
  CLI::App* verb = group.add_subcommand("instantiate", "Make a VM from it");
  verb->add_option("TEMPLATE", ask->source, "Id or name")->required();
  add_creation_options(*verb, *ask);
  verb->callback([ask, &chosen] { chosen = [ask](Desk& desk) { return create_vm(desk, *ask); }; });
}

Result<ExitCode> create_template(Desk& desk, const std::string& file) {
  const auto text = TRY(read_template(desk, file));
  print_id(desk, TRY(desk.rpc.call_id("one.template.allocate", {text})));
  return ExitCode::kOk;
}

}  // namespace

void add_vm_commands(CLI::App& group, Command& chosen) {
  add_vm_create(group, chosen);
  for (const auto& row : kActions) add_action(group, row, chosen);
  add_deploy(group, chosen);
  add_recover(group, chosen);
  add_vm_change_commands(group, chosen);
  add_backup_commands(group, chosen);
  add_rename(group, Kind::kVm, "one.vm.rename", chosen);
  add_chmod(group, Kind::kVm, "one.vm.chmod", chosen);
  add_chown(group, Kind::kVm, "one.vm.chown", chosen);
  add_update(group, Kind::kVm, "one.vm.update", chosen);
}

void add_template_commands(CLI::App& group, Command& chosen) {
  auto file = std::make_shared<std::string>();
  CLI::App* verb = group.add_subcommand("create", "Make one from a file");
  verb->add_option("FILE", *file, "The template, - for standard input")->required();
  verb->callback([file, &chosen] {
    chosen = [file](Desk& desk) { return create_template(desk, *file); };
  });
  add_instantiate(group, chosen);
  add_simple(group, {Kind::kTemplate, "delete", "one.template.delete", "Delete it", {}}, chosen);
  add_rename(group, Kind::kTemplate, "one.template.rename", chosen);
  add_chmod(group, Kind::kTemplate, "one.template.chmod", chosen);
  add_chown(group, Kind::kTemplate, "one.template.chown", chosen);
  add_update(group, Kind::kTemplate, "one.template.update", chosen);
}

}  // namespace neph::cli
