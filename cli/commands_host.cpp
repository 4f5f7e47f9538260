#include <CLI/CLI.hpp>
#include <array>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"

namespace neph::cli {
namespace {

// Arguments of one.host.status (states.md section 4).
constexpr std::int64_t kEnabled = 0;
constexpr std::int64_t kDisabled = 1;
constexpr std::int64_t kOffline = 2;

void add_host_create(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string name;
    std::string im = "kvm";
    std::string vm = "kvm";
    std::string cluster;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("create", "Add one");
  verb->add_option("NAME", ask->name, "Its name, as libvirt reaches it")->required();
  verb->add_option("--im,-i", ask->im, "Driver that watches it");
  verb->add_option("--vm,-v", ask->vm, "Driver that runs VMs on it");
  verb->add_option("--cluster,-c", ask->cluster, "Id or name of its cluster");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto cluster =
          TRY(resolve_or(desk.rpc, Kind::kCluster, ask->cluster, kDefaultCluster));
      print_id(desk, TRY(desk.rpc.call_id("one.host.allocate",
                                          {ask->name, ask->im, ask->vm, cluster})));
      return ExitCode::kOk;
    };
  });
}

/// The name must have been typed: a number is mistaken for another one too easily.
void add_host_lost(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string host;
    std::string name;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand(
      "lost", "Declare that nothing runs any more on one that does not answer");
  verb->add_option("HOST", ask->host, "Its name, or its id with --name")->required();
  verb->add_option("--name", ask->name, "Its name, to be sure");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const bool is_id = parse_number(ask->host).has_value();
      if (is_id && ask->name.empty())
        return fail(Errc::kInvalid, "say the name of host {} as well, with --name", ask->host);
      const auto id = TRY(resolve(desk.rpc, Kind::kHost, ask->host));
      TRY(desk.rpc.call_id("neph.host.lost", {id, ask->name.empty() ? ask->host : ask->name}));
      return ExitCode::kOk;
    };
  });
}

void add_datastore_create(CLI::App& group, Command& chosen) {
  struct Ask {
    std::string file;
    std::string cluster;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("create", "Make one from a file");
  verb->add_option("FILE", ask->file, "Template of it, - for standard input")->required();
  verb->add_option("--cluster,-c", ask->cluster, "Id or name of its cluster");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto text = TRY(read_template(desk, ask->file));
      const auto cluster =
          TRY(resolve_or(desk.rpc, Kind::kCluster, ask->cluster, kDefaultCluster));
      print_id(desk, TRY(desk.rpc.call_id("one.datastore.allocate", {text, cluster})));
      return ExitCode::kOk;
    };
  });
}

}  // namespace

void add_host_commands(CLI::App& group, Command& chosen) {
  add_host_create(group, chosen);
  add_host_lost(group, chosen);
  const auto verbs = std::to_array<SimpleVerb>({
      {Kind::kHost, "delete", "one.host.delete", "Take it out", {}},
      {Kind::kHost, "enable", "one.host.status", "Place VMs on it again", {kEnabled}},
      {Kind::kHost, "disable", "one.host.status", "Place no new VMs on it", {kDisabled}},
      {Kind::kHost, "offline", "one.host.status", "Leave it alone altogether", {kOffline}},
  });
  for (const auto& verb : verbs) add_simple(group, verb, chosen);
  add_rename(group, Kind::kHost, "one.host.rename", chosen);
  add_update(group, Kind::kHost, "one.host.update", chosen);
}

void add_datastore_commands(CLI::App& group, Command& chosen) {
  add_datastore_create(group, chosen);
  add_update(group, Kind::kDatastore, "one.datastore.update", chosen);
}

}  // namespace neph::cli
