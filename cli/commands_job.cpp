#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/selectors.h"
#include "cli/wait.h"

namespace neph::cli {
namespace {

// Arguments of neph.job.list.
constexpr std::int64_t kAny = -1;
constexpr std::int64_t kEveryJob = 0;
constexpr std::int64_t kOpenJobs = 1;

Result<ExitCode> wait_for_job(Desk& desk, const WaitChoice& wait, std::int64_t id) {
  return wait_if_wanted(desk, wait, fmt::format("job {}", id), fmt::format("neph job show {}", id),
                        look_at_job(desk.rpc, id));
}

void add_job_list(CLI::App& group, Command& chosen) {
  struct Ask {
    bool is_all = false;
    bool is_open = false;
    std::string vm;
    std::string image;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("list", "List your own");
  verb->add_flag("--all,-a", ask->is_all, "All that are your business");
  verb->add_flag("--open,-o", ask->is_open, "Only those that are not over");
  verb->add_option("--vm", ask->vm, "Those of this VM");
  verb->add_option("--image", ask->image, "Those of this image");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto vm = TRY(resolve_or(desk.rpc, Kind::kVm, ask->vm, kAny));
      const auto image = TRY(resolve_or(desk.rpc, Kind::kImage, ask->image, kAny));
      const bool is_wide = ask->is_all || vm != kAny || image != kAny;
      const ObjectRow& row = object_row(Kind::kJob);
      const auto xml = TRY(desk.rpc.call_text(
          row.pool_method, {is_wide ? kVisible : kMine, ask->is_open ? kOpenJobs : kEveryJob, vm,
                            image}));
      return print_list(desk, row, xml);
    };
  });
}

void add_retry(CLI::App& group, Command& chosen) {
  struct Ask {
    std::vector<std::string> targets;
    WaitChoice wait;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("retry", "Do again what a failed one was for");
  verb->add_option("ID", ask->targets, "Ids or ranges")->required();
  add_wait_options(*verb, ask->wait);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) {
      return for_each_target(desk, Kind::kJob, ask->targets,
                             [&](std::int64_t id) -> Result<ExitCode> {
                               const auto now = TRY(desk.rpc.call_id("neph.job.retry", {id}));
                               print_id(desk, now);
                               return wait_for_job(desk, ask->wait, now);
                             });
    };
  });
}

void add_wait(CLI::App& group, Command& chosen) {
  struct Ask {
    std::vector<std::string> targets;
    WaitChoice wait{.is_wanted = true};
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("wait", "Wait until it is over");
  verb->add_option("ID", ask->targets, "Ids or ranges")->required();
  verb->add_option("--timeout", ask->wait.limit_seconds, "Wait no longer than this")
      ->type_name("SECONDS")->check(CLI::NonNegativeNumber);
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) {
      return for_each_target(desk, Kind::kJob, ask->targets, [&](std::int64_t id) {
        return wait_for_job(desk, ask->wait, id);
      });
    };
  });
}

}  // namespace

void add_job_commands(CLI::App& group, Command& chosen) {
  add_job_list(group, chosen);
  add_retry(group, chosen);
  add_simple(group, {Kind::kJob, "cancel", "neph.job.cancel", "Ask it to stop", {}}, chosen);
  add_wait(group, chosen);
}

void add_disk_commands(CLI::App& group, Command& chosen) {
  struct Ask {
    bool is_own = false;
    std::string host;
  };
  auto ask = std::make_shared<Ask>();
  CLI::App* verb = group.add_subcommand("list", "List those that are your business");
  verb->add_flag("--mine", ask->is_own, "Only those of your own VMs");
  verb->add_option("--host", ask->host, "Only those on this host");
  verb->callback([ask, &chosen] {
    chosen = [ask](Desk& desk) -> Result<ExitCode> {
      const auto host = TRY(resolve_or(desk.rpc, Kind::kHost, ask->host, kAny));
      const ObjectRow& row = object_row(Kind::kDisk);
      return print_list(desk, row, TRY(desk.rpc.call_text(
                                       row.pool_method, {ask->is_own ? kMine : kVisible, host})));
    };
  });
}

}  // namespace neph::cli
