#include <CLI/CLI.hpp>
#include <array>

#include "base/numbers.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"
#include "cli/templates.h"

/// Verbs that change a VM that exists. The server answers at once; what fails later it tells in
/// USER_TEMPLATE/ERROR of the VM.
namespace neph::cli {
namespace {

/// What follows the VM on the command line.
struct Argument {
  std::string_view name;
  std::string_view help;
  enum class Type { kNone, kNumber, kText } type = Type::kNone;
};
constexpr Argument kDisk{"DISK", "Number of the disk: 0", Argument::Type::kNumber};
constexpr Argument kNic{"NIC", "Number of the NIC: 0", Argument::Type::kNumber};
constexpr Argument kGroup{"GROUP", "Number of the security group", Argument::Type::kNumber};
constexpr Argument kPoint{"SNAPSHOT", "Number of the disk snapshot", Argument::Type::kNumber};

constexpr Argument kSystemPoint{"SNAPSHOT", "Number of the system snapshot",
                                Argument::Type::kNumber};

enum class Answer { kNothing, kId };

/// Verbs that only pass on what was typed.
struct PlainVerb {
  std::string_view verb;
  std::string_view method;
  std::array<Argument, 2> arguments;
  Answer answer;
  std::string_view help;
};
constexpr auto kPlain = std::to_array<PlainVerb>({
    {"disk-detach", "one.vm.detach", {kDisk, {}}, Answer::kNothing, "Take a disk out"},
    {"disk-resize", "one.vm.diskresize",
     {kDisk, {"SIZE", "New size in MB, larger than before", Argument::Type::kText}},
     Answer::kNothing, "Make a disk larger"},
    {"disk-snapshot-create", "one.vm.disksnapshotcreate",
     {kDisk, {"NAME", "Name of the disk snapshot", Argument::Type::kText}}, Answer::kId,
     "Make a point that the disk can be taken back to"},
    {"disk-snapshot-revert", "one.vm.disksnapshotrevert", {kDisk, kPoint}, Answer::kNothing,
     "Take the disk of a powered off VM back"},
    {"disk-snapshot-delete", "one.vm.disksnapshotdelete", {kDisk, kPoint}, Answer::kNothing,
     "Delete such a point"},
    {"system-snapshot-create", "one.vm.snapshotcreate",
     {Argument{"NAME", "Name of the system snapshot", Argument::Type::kText}, {}}, Answer::kId,
     "Make a point that the running VM, memory and disks, can be taken back to"},
    {"system-snapshot-revert", "one.vm.snapshotrevert", {kSystemPoint, {}}, Answer::kNothing,
     "Take the running VM back"},
    {"system-snapshot-delete", "one.vm.snapshotdelete", {kSystemPoint, {}}, Answer::kNothing,
     "Delete such a point"},
    {"nic-detach", "one.vm.detachnic", {kNic, {}}, Answer::kNothing, "Take a NIC out"},
    {"sg-attach", "one.vm.attachsg", {kNic, kGroup}, Answer::kNothing,
     "Put a NIC into a security group"},
    {"sg-detach", "one.vm.detachsg", {kNic, kGroup}, Answer::kNothing,
     "Take a NIC out of a security group"},
});

Result<Value> value_of(const Argument& argument, const std::string& typed) {
  if (argument.type == Argument::Type::kText) return Value{typed};
  const auto number = integer_from(typed);
  if (!number) return fail(Errc::kInvalid, "{} is a number, not \"{}\"", argument.name, typed);
  return Value{*number};
}

Result<ExitCode> run_plain(Desk& desk, const PlainVerb& row, const std::string& vm,
                           const std::array<std::string, 2>& typed) {
  Values values{TRY(resolve(desk.rpc, Kind::kVm, vm))};
  for (std::size_t at = 0; at < typed.size(); ++at) {
    if (row.arguments[at].type == Argument::Type::kNone) continue;
    values.push_back(TRY(value_of(row.arguments[at], typed[at])));
  }
  const auto id = TRY(desk.rpc.call_id(std::string(row.method), values));
  if (row.answer == Answer::kId) print_id(desk, id);
  return ExitCode::kOk;
}

void add_plain(CLI::App& group, const PlainVerb& row, Command& chosen) {
  struct Ask {
    std::string vm;
    std::array<std::string, 2> typed;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand(std::string(row.verb), std::string(row.help));
  verb->add_option("VM", ask->vm, "Id or name")->required();
  for (std::size_t at = 0; at < row.arguments.size(); ++at) {
    const Argument& argument = row.arguments[at];
    if (argument.type == Argument::Type::kNone) continue;
    verb->add_option(std::string(argument.name), ask->typed[at], std::string(argument.help))
        ->required();
  }
  verb->callback([&row, ask, &chosen] {
    chosen = [&row, ask](Desk& desk) { return run_plain(desk, row, ask->vm, ask->typed); };
  });
}

/// A device from an object that is named, or as a file describes it.
struct DeviceVerb {
  std::string_view verb;
  std::string_view method;
  std::string_view vector;     ///< "DISK"
  std::string_view attribute;  ///< "IMAGE_ID"
  std::string_view option;     ///< "--image"
  Kind kind;
  std::string_view help;
  bool has_aliases = false;    ///< --alias
};
constexpr auto kDevices = std::to_array<DeviceVerb>({
    {"disk-attach", "one.vm.attach", "DISK", "IMAGE_ID", "--image", Kind::kImage,
     "Plug a disk in"},
    {"nic-attach", "one.vm.attachnic", "NIC", "NETWORK_ID", "--network", Kind::kNetwork,
     "Plug a NIC in", true},
});

void add_device(CLI::App& group, const DeviceVerb& row, Command& chosen) {
  struct Ask {
    std::string vm;
    std::string object;
    std::string file;
    std::string parent;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand(std::string(row.verb), std::string(row.help));
  verb->add_option("VM", ask->vm, "Id or name")->required();
  auto* choice = verb->add_option_group("device");
  auto* made_from = choice->add_option(std::string(row.option), ask->object,
                                       "Id or name of what it is made from");
  choice->add_option("FILE", ask->file,
                     fmt::format("{} = [...], - for standard input", row.vector));
  choice->require_option(1);
  if (row.has_aliases) {
    verb->add_option("--alias", ask->parent, "A further address of the NIC of that name: NIC0")
        ->needs(made_from);
  }
  verb->callback([&row, ask, &chosen] {
    chosen = [&row, ask](Desk& desk) -> Result<ExitCode> {
      const auto vm = TRY(resolve(desk.rpc, Kind::kVm, ask->vm));
      std::string text;
      if (ask->object.empty()) {
        text = TRY(read_template(desk, ask->file));
      } else {
        const auto object = TRY(resolve(desk.rpc, row.kind, ask->object));
        text::Vector device{{std::string(row.attribute), fmt::format("{}", object)}};
        if (!ask->parent.empty()) device.set("PARENT", ask->parent);
        text::Template content;
        content.add(ask->parent.empty() ? row.vector : "NIC_ALIAS", std::move(device));
        text = content.to_text();
      }
      TRY(desk.rpc.call_id(std::string(row.method), {vm, text}));
      return ExitCode::kOk;
    };
  });
}

void add_resize(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string vm;
    VmAsk size;
    bool is_forced = false;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("resize", "Change the size of a VM that does not run");
  verb->add_option("VM", ask->vm, "Id or name")->required();
  auto* choice = verb->add_option_group("size");
  choice->add_option("--cpu", ask->size.cpu, "Share of a host's processors: 0.5");
  choice->add_option("--vcpu", ask->size.vcpu, "Processors the guest sees");
  choice->add_option("--memory", ask->size.memory_mb, "Memory in MB");
  choice->require_option(1, 3);
  verb->add_flag("--force", ask->is_forced, "Also beyond what its host has");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto vm = TRY(resolve(desk.rpc, Kind::kVm, ask->vm));
      TRY(desk.rpc.call_id("one.vm.resize",
                           {vm, vm_template(ask->size).to_text(), !ask->is_forced}));
      return ExitCode::kOk;
    };
  });
}

// Types of one.vm.migrate (OpenNebula 7.4).
enum class Way : std::int64_t { kSave = 0, kPoweroff = 1, kPoweroffHard = 2 };

void add_migrate(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string vm;
    std::string host;
    bool is_live = false;
    Way way = Way::kSave;
    bool is_enforced = false;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand(
      "migrate", "Move it to another host: suspended on the way, or as an option says");
  verb->add_option("VM", ask->vm, "Id or name")->required();
  verb->add_option("HOST", ask->host, "Id or name")->required();
  auto* choice = verb->add_option_group("way");
  choice->add_flag("--live", ask->is_live, "While the guest runs on");
  choice->add_flag_callback("--poweroff", [ask] { ask->way = Way::kPoweroff; },
                            "Shut down and started again");
  choice->add_flag_callback("--poweroff-hard", [ask] { ask->way = Way::kPoweroffHard; },
                            "Cut off and started again");
  choice->require_option(0, 1);
  verb->add_flag("--enforce", ask->is_enforced, "Only if the host has the capacity");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      constexpr std::int64_t kSameDatastore = -1;
      const auto vm = TRY(resolve(desk.rpc, Kind::kVm, ask->vm));
      const auto host = TRY(resolve(desk.rpc, Kind::kHost, ask->host));
      TRY(desk.rpc.call_id("one.vm.migrate",
                           {vm, host, ask->is_live, ask->is_enforced, kSameDatastore,
                            static_cast<std::int64_t>(ask->way)}));
      return ExitCode::kOk;
    };
  });
}

}  // namespace

void add_vm_change_commands(CLI::App& group, Command& chosen) {
  for (const auto& row : kDevices) add_device(group, row, chosen);
  for (const auto& row : kPlain) add_plain(group, row, chosen);
  add_resize(group, chosen);
  add_migrate(group, chosen);
}

}  // namespace neph::cli
