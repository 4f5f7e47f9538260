#include <CLI/CLI.hpp>
#include <ostream>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"

namespace neph::cli {
namespace {

constexpr std::int64_t kDayInSeconds = 86'400;

/// A password typed as "-" is read from standard input, so that it stays out of process lists.
Result<std::string> password_from(Desk& desk, const std::string& typed) {
  if (typed != "-") return typed;
  const auto text = TRY(read_source(desk, typed));
  return text.substr(0, text.find('\n'));
}

void add_user_create(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string name;
    std::string password;
    std::string driver = "core";
    std::vector<std::string> groups;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("create", "Add one");
  verb->add_option("NAME", ask->name, "Log-in name")->required();
  verb->add_option("PASSWORD", ask->password, "Password, - for standard input")->required();
  verb->add_option("--driver", ask->driver, "How it is authenticated");
  verb->add_option("--group", ask->groups, "Id or name of a group, the primary one first")
      ->allow_extra_args(false);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto password = TRY(password_from(desk, ask->password));
      std::vector<std::int64_t> groups;
      for (const auto& name : ask->groups)
        groups.push_back(TRY(resolve(desk.rpc, Kind::kGroup, name)));
      Values arguments{ask->name, password, ask->driver};
      if (!groups.empty()) arguments.emplace_back(groups);
      print_id(desk, TRY(desk.rpc.call_id("one.user.allocate", arguments)));
      return ExitCode::kOk;
    };
  });
}

void add_passwd(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string user;
    std::string password;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("passwd", "Change a password");
  verb->add_option("USER", ask->user, "Id or name")->required();
  verb->add_option("PASSWORD", ask->password, "Password, - for standard input")->required();
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto password = TRY(password_from(desk, ask->password));
      const auto user = TRY(resolve(desk.rpc, Kind::kUser, ask->user));
      TRY(desk.rpc.call_id("one.user.passwd", {user, password}));
      return ExitCode::kOk;
    };
  });
}

void add_quota(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string user;
    std::string file;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("quota", "Set what a user may use");
  verb->add_option("USER", ask->user, "Id or name")->required();
  verb->add_option("FILE", ask->file, "Quota template, - for standard input")->required();
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto text = TRY(read_template(desk, ask->file));
      const auto user = TRY(resolve(desk.rpc, Kind::kUser, ask->user));
      TRY(desk.rpc.call_id("one.user.quota", {user, text}));
      return ExitCode::kOk;
    };
  });
}

/// The user the session belongs to: its first part.
std::string own_name(const Desk& desk) {
  const std::string& session = desk.rpc.session();
  return session.substr(0, session.find(':'));
}

void add_login(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string user;
    std::int64_t seconds = kDayInSeconds;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("login", "Print a new log-in token");
  verb->add_option("USER", ask->user, "Name, yours unless given");
  verb->add_option("--time", ask->seconds, "How long it is valid; -1 for ever")
      ->type_name("SECONDS");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const std::string user = ask->user.empty() ? own_name(desk) : ask->user;
      const std::string any_token;
      desk.around.out << TRY(desk.rpc.call_text("one.user.login",
                                                {user, any_token, ask->seconds}))
                      << '\n';
      return ExitCode::kOk;
    };
  });
}

void add_chgrp(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string user;
    std::string group;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("chgrp", "Change the primary group");
  verb->add_option("USER", ask->user, "Id or name")->required();
  verb->add_option("GROUP", ask->group, "Id or name")->required();
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto user = TRY(resolve(desk.rpc, Kind::kUser, ask->user));
      const auto new_group = TRY(resolve(desk.rpc, Kind::kGroup, ask->group));
      TRY(desk.rpc.call_id("one.user.chgrp", {user, new_group}));
      return ExitCode::kOk;
    };
  });
}

}  // namespace

void add_user_commands(CLI::App& group, Command& chosen) {
  add_user_create(group, chosen);
  add_simple(group, {Kind::kUser, "delete", "one.user.delete", "Delete it", {}}, chosen);
  add_passwd(group, chosen);
  add_quota(group, chosen);
  add_login(group, chosen);
  add_chgrp(group, chosen);
  add_update(group, Kind::kUser, "one.user.update", chosen);
}

}  // namespace neph::cli
