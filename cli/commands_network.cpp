#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"

namespace neph::cli {
namespace {

struct NewNetwork {
  std::string file;
  std::string name;
  std::string bridge;
  std::string ip;
  std::int64_t size = 0;
  std::string cluster;
};

/// From a file, or a network of IPv4 addresses on a bridge.
Result<std::string> content_of(Desk& desk, const NewNetwork& ask) {
  if (!ask.file.empty()) return read_template(desk, ask.file);
  if (ask.name.empty() || ask.bridge.empty())
    return fail(Errc::kInvalid, "a network is made from a FILE, or with --name and --bridge");
  text::Template content;
  content.set("NAME", ask.name);
  content.set("VN_MAD", "bridge");
  content.set("BRIDGE", ask.bridge);
  if (!ask.ip.empty()) {
    content.add("AR", text::Vector{{"TYPE", "IP4"},
                                   {"IP", ask.ip},
                                   {"SIZE", fmt::format("{}", ask.size)}});
  }
  return content.to_text();
}

Result<ExitCode> create_network(Desk& desk, const NewNetwork& ask) {
  const auto content = TRY(content_of(desk, ask));
  const auto cluster = TRY(resolve_or(desk.rpc, Kind::kCluster, ask.cluster, kDefaultCluster));
  print_id(desk, TRY(desk.rpc.call_id("one.vn.allocate", {content, cluster})));
  return ExitCode::kOk;
}

void add_network_create(CLI::App& group, Command& chosen) {
  auto ask = std::make_shared<NewNetwork>();
  CLI::App* verb = group.add_subcommand("create", "Make one from a file, or on a bridge");
  auto* file = verb->add_option("FILE", ask->file, "Template of it, - for standard input");
  verb->add_option("--name", ask->name, "Its name")->excludes(file);
  verb->add_option("--bridge", ask->bridge, "Bridge that the hosts have")->excludes(file);
  auto* ip = verb->add_option("--ip", ask->ip, "First IPv4 address")->excludes(file);
  auto* size = verb->add_option("--size", ask->size, "How many addresses");
  size->check(CLI::PositiveNumber)->needs(ip);
  ip->needs(size);
  verb->add_option("--cluster,-c", ask->cluster, "Id or name of its cluster");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) { return create_network(desk, *ask); };
  });
}

}  // namespace

void add_network_commands(CLI::App& group, Command& chosen) {
  add_network_create(group, chosen);
  add_simple(group, {Kind::kNetwork, "delete", "one.vn.delete", "Delete it", {}}, chosen);
  add_rename(group, Kind::kNetwork, "one.vn.rename", chosen);
  add_chmod(group, Kind::kNetwork, "one.vn.chmod", chosen);
  add_chown(group, Kind::kNetwork, "one.vn.chown", chosen);
  add_update(group, Kind::kNetwork, "one.vn.update", chosen);
}

}  // namespace neph::cli
