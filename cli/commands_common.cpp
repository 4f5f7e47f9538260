#include <CLI/CLI.hpp>
#include <fstream>
#include <istream>
#include <sstream>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"
#include "cli/templates.h"
#include "cli/wait.h"

namespace neph::cli {
namespace {

constexpr std::int64_t kReplace = 0;
constexpr std::int64_t kMerge = 1;
constexpr std::int64_t kKeep = -1;

constexpr std::int64_t kAnyState = -2;

struct ListAsk {
  bool is_all = false;
  std::string vm;
};

/// Arguments of the pool method for what `list` was asked to show.
Result<Values> list_arguments(Desk& desk, const ObjectRow& row, const ListAsk& ask) {
  if (row.pool_arguments == PoolArguments::kSnapshotPool) {
    const auto vm = TRY(resolve_or(desk.rpc, Kind::kVm, ask.vm, -1));
    const bool is_narrow = !ask.is_all && vm < 0;
    return Values{is_narrow ? kMine : kVisible, vm};
  }
  Values arguments = visible_pool_arguments(row);
  if (row.pool_arguments == PoolArguments::kVmPool && ask.is_all) arguments.back() = kAnyState;
  return arguments;
}

Result<ExitCode> list(Desk& desk, const ObjectRow& row, const ListAsk& ask) {
  const auto arguments = TRY(list_arguments(desk, row, ask));
  return print_list(desk, row, TRY(desk.rpc.call_text(row.pool_method, arguments)));
}

struct UpdateAsk {
  std::string target;
  std::string file;
  std::vector<std::string> pairs;
  bool is_append = false;
};

Result<ExitCode> update(Desk& desk, Kind kind, std::string_view method, const UpdateAsk& ask) {
  if (ask.file.empty() == ask.pairs.empty())
    return fail(Errc::kInvalid, "update takes either a FILE or --set KEY=VALUE");
  text::Template content;
  for (const auto& [key, value] : TRY(parse_pairs(ask.pairs))) content.set(key, value);
  const std::string text =
      ask.file.empty() ? content.to_text() : TRY(read_template(desk, ask.file));
  const auto id = TRY(resolve(desk.rpc, kind, ask.target));
  const bool is_merge = ask.is_append || ask.file.empty();
  TRY(desk.rpc.call_id(method, {id, text, is_merge ? kMerge : kReplace}));
  return ExitCode::kOk;
}

}  // namespace

void add_list(CLI::App& group, Kind kind, Command& chosen) {
  const ObjectRow& row = object_row(kind);
  auto ask = std::make_shared<ListAsk>();
  CLI::App* verb = group.add_subcommand("list", "List them");
  if (kind == Kind::kVm) verb->add_flag("--all,-a", ask->is_all, "Finished ones (DONE) as well");
  if (kind == Kind::kSnapshot) {
    auto* all = verb->add_flag("--all,-a", ask->is_all, "Those of other users as well");
    verb->add_option("--vm", ask->vm, "Only those of this VM")->excludes(all);
  }
  verb->callback([&row, ask, &chosen] {
    chosen = [&row, ask](Desk& desk) { return list(desk, row, *ask); };
  });
}

void add_show(CLI::App& group, Kind kind, Command& chosen) {
  const ObjectRow& row = object_row(kind);
  auto target = std::make_shared<std::string>();
  CLI::App* verb = group.add_subcommand("show", "Show one in full");
  verb->add_option("ID", *target, "Id or name")->required();
  verb->callback([&row, target, &chosen] {
    chosen = [&row, target](Desk& desk) -> Result<ExitCode> {
      const auto id = TRY(resolve(desk.rpc, row.kind, *target));
      return print_object(desk, row, TRY(desk.rpc.call_text(row.info_method, {id})));
    };
  });
}

void add_rename(CLI::App& group, Kind kind, std::string_view method, Command& chosen) {
  struct Ask {
    std::string target;
    std::string name;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("rename", "Give it another name");
  verb->add_option("ID", ask->target, "Id or name")->required();
  verb->add_option("NAME", ask->name, "The new name")->required();
  verb->callback([=, &chosen] {
    chosen = [=](Desk& desk) -> Result<ExitCode> {
      const auto id = TRY(resolve(desk.rpc, kind, ask->target));
      TRY(desk.rpc.call_id(method, {id, ask->name}));
      return ExitCode::kOk;
    };
  });
}

void add_chmod(CLI::App& group, Kind kind, std::string_view method, Command& chosen) {
  struct Ask {
    std::string targets;
    std::string mode;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("chmod", "Change its permissions");
  verb->add_option("ID", ask->targets, "Ids, names or ranges: 5 or 1..3,web")->required();
  verb->add_option("MODE", ask->mode, "Octal: 640")->required();
  verb->callback([=, &chosen] {
    chosen = [=](Desk& desk) -> Result<ExitCode> {
      const auto bits = TRY(permission_bits(ask->mode));
      return for_each_target(desk, kind, {ask->targets}, [&](std::int64_t id) -> Result<ExitCode> {
        Values arguments{id};
        arguments.insert(arguments.end(), bits.begin(), bits.end());
        TRY(desk.rpc.call_id(method, arguments));
        return ExitCode::kOk;
      });
    };
  });
}

void add_chown(CLI::App& group, Kind kind, std::string_view method, Command& chosen) {
  struct Ask {
    std::string targets;
    std::string user;
    std::string group;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("chown", "Give it to another user, and group");
  verb->add_option("ID", ask->targets, "Ids, names or ranges: 5 or 1..3,web")->required();
  verb->add_option("USER", ask->user, "Id or name of the new owner")->required();
  verb->add_option("GROUP", ask->group, "Id or name of the new group");
  verb->callback([=, &chosen] {
    chosen = [=](Desk& desk) -> Result<ExitCode> {
      const auto user = TRY(resolve(desk.rpc, Kind::kUser, ask->user));
      const auto owner_group = TRY(resolve_or(desk.rpc, Kind::kGroup, ask->group, kKeep));
      return for_each_target(desk, kind, {ask->targets}, [&](std::int64_t id) -> Result<ExitCode> {
        TRY(desk.rpc.call_id(method, {id, user, owner_group}));
        return ExitCode::kOk;
      });
    };
  });
}

void add_update(CLI::App& group, Kind kind, std::string_view method, Command& chosen) {
  auto ask = std::make_shared<UpdateAsk>();
  CLI::App* verb = group.add_subcommand("update", "Change its free attributes");
  verb->add_option("ID", ask->target, "Id or name")->required();
  verb->add_option("FILE", ask->file, "New attributes, - for standard input");
  verb->add_flag("--append,-a", ask->is_append, "Keep the attributes FILE does not name");
  verb->add_option("--set", ask->pairs, "Set these and keep all others")->type_name("KEY=VALUE");
  verb->callback([=, &chosen] {
    chosen = [=](Desk& desk) { return update(desk, kind, method, *ask); };
  });
}

void add_simple(CLI::App& group, const SimpleVerb& verb, Command& chosen) {
  auto targets = std::make_shared<std::vector<std::string>>();
  CLI::App* app = group.add_subcommand(std::string(verb.verb), std::string(verb.help));
  app->add_option("ID", *targets, "Ids, names or ranges: 5 or 1..3,web")->required();
  app->callback([verb, targets, &chosen] {
    chosen = [verb, targets](Desk& desk) {
      return for_each_target(desk, verb.kind, *targets, [&](std::int64_t id) -> Result<ExitCode> {
        Values arguments{id};
        arguments.insert(arguments.end(), verb.rest.begin(), verb.rest.end());
        TRY(desk.rpc.call(verb.method, arguments));
        return ExitCode::kOk;
      });
    };
  });
}

void add_wait_options(CLI::App& verb, WaitChoice& choice) {
  auto* wait = verb.add_flag("--wait,-w", choice.is_wanted, "Wait until it is done");
  verb.add_option("--timeout", choice.limit_seconds, "Wait no longer than this")
      ->type_name("SECONDS")->check(CLI::NonNegativeNumber)->needs(wait);
}

Result<ExitCode> wait_if_wanted(Desk& desk, const WaitChoice& choice, const std::string& subject,
                                const std::string& look_later, Look look) {
  if (!choice.is_wanted) return ExitCode::kOk;
  const Duration limit{choice.limit_seconds * 1000};
  return wait_until_done(desk.around, {subject, look_later, limit, std::move(look)});
}

Result<std::string> read_source(Desk& desk, const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << desk.around.in.rdbuf();
    return text.str();
  }
  std::ifstream file(path);
  if (!file) return fail(Errc::kInvalid, "cannot read the file {}", path);
  text << file.rdbuf();
  return text.str();
}

Result<std::string> read_template(Desk& desk, const std::string& path) {
  auto text = TRY(read_source(desk, path));
  const auto parsed = text::Template::parse(text);
  if (!parsed)
    return fail_because(Errc::kInvalid, parsed.error().text(), "{} is not a template", path);
  return text;
}

}  // namespace neph::cli
